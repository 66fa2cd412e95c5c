"""A row of a proposals file: one image's boxes, scores and sources, and back."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from detect.structures import Proposals

_COLUMNS: dict[str, pa.DataType] = {
    "image_id": pa.string(),
    "height": pa.int32(),
    "width": pa.int32(),
    "boxes": pa.list_(pa.float32()),
    "scores": pa.list_(pa.float32()),
    "sources": pa.list_(pa.string()),
}
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
    """Return row `row`; ValueError or TypeError where it does not hold together."""
    values = {name: table.column(name)[row] for name in table.column_names}
    empty = [name for name, value in values.items() if not value.is_valid]
    if empty:
        raise ValueError(f"{empty[0]} is null")
    boxes = values["boxes"].values.to_numpy(zero_copy_only=False).reshape(-1, 4)
    scores = values["scores"].values.to_numpy(zero_copy_only=False)
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    sources = values["sources"].values.dictionary_encode()
    names = np.array(sources.dictionary.to_pylist(), np.str_)
    return Proposals(
        image_id=values["image_id"].as_py(),
        size=(values["height"].as_py(), values["width"].as_py()),
        boxes=boxes,
        scores=scores,
        sources=names[sources.indices.to_numpy()],
    )
