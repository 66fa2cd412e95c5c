"""A row of a proposals file: one image's boxes, scores and sources, and back."""

from collections.abc import Sequence

import pyarrow as pa

from detect.storage.parquet import boxes_of, cells, image_of, numbers, texts
from detect.structures import Proposals

_COLUMNS: dict[str, pa.DataType] = {
    "image_id": pa.string(),
    "height": pa.int32(),
    "width": pa.int32(),
    "boxes": pa.list_(pa.float32()),
    "scores": pa.list_(pa.float32()),
    "sources": pa.list_(pa.string()),
}
BOXES = 2**20  # of an image
SCHEMA = pa.schema(_COLUMNS)


def to_table(rows: Sequence[Proposals]) -> pa.Table:
    """Return `rows` as a table of SCHEMA."""
    columns = {
        "image_id": [row.image_id for row in rows],
        "height": [row.size[0] for row in rows],
        "width": [row.size[1] for row in rows],
        "boxes": [row.boxes.reshape(-1) for row in rows],
        "scores": [row.scores for row in rows],
        "sources": [row.sources.tolist() for row in rows],
    }
    return pa.table(columns, schema=SCHEMA)


def from_table(table: pa.Table, row: int) -> Proposals:
    """Return row `row`; ValueError where it does not hold together, or beyond BOXES."""
    values = cells(table, row)
    image_id, size = image_of(values)
    if len(values["scores"]) > BOXES:
        raise ValueError(f"{len(values['scores']):,} boxes; at most {BOXES:,} are read")
    boxes, scores = boxes_of(values), numbers(values, "scores")
    return Proposals(image_id, size, boxes, scores, texts(values, "sources"))
