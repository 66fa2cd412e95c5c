"""A row of an archive's output: what was found in one image, or why nothing could be, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from detect.storage.parquet import boxes_of, cells, numbers
from detect.structures import Detections, Size

OK, BROKEN = "ok", "broken"
_COLUMNS: dict[str, pa.DataType] = {
    "image_id": pa.string(),
    "status": pa.string(),
    "error": pa.string(),
    "height": pa.int32(),
    "width": pa.int32(),
    "boxes": pa.list_(pa.float32()),
    "labels": pa.list_(pa.int32()),
    "scores": pa.list_(pa.float64()),
    "model": pa.string(),
    "recipe": pa.string(),
}
SCHEMA = pa.schema(_COLUMNS)
_NO_SIZE: Size = (0, 0)


def _nothing(image_id: str) -> Detections:
    none = np.zeros(0)
    return Detections(image_id, np.zeros((0, 4), np.float32), none.astype(np.int64), none)


@dataclass(frozen=True, eq=False)
class ArchiveRow:
    """One image: its `size` (H, W) px and what was `found`, or the `error` that made it broken."""

    image_id: str
    size: Size = _NO_SIZE
    found: Detections = field(default_factory=lambda: _nothing(""))
    error: str = ""

    @property
    def status(self) -> str:
        """What became of the image: ok or broken."""
        return BROKEN if self.error else OK


def to_table(rows: Sequence[ArchiveRow], model: str, recipe: str) -> pa.Table:
    """Return `rows` as a table of SCHEMA, each with the hashes of `model` and `recipe`."""
    columns: dict[str, list[Any]] = {
        "image_id": [row.image_id for row in rows],
        "status": [row.status for row in rows],
        "error": [row.error for row in rows],
        "height": [row.size[0] for row in rows],
        "width": [row.size[1] for row in rows],
        "boxes": [row.found.boxes.reshape(-1) for row in rows],
        "labels": [row.found.labels.astype(np.int32) for row in rows],
        "scores": [row.found.scores for row in rows],
        "model": [model] * len(rows),
        "recipe": [recipe] * len(rows),
    }
    return pa.table(columns, schema=SCHEMA)


def found_in(table: pa.Table, row: int, classes: Sequence[str]) -> Detections:
    """Return the detections of row `row`; ValueError where it does not hold together."""
    values = cells(table, row)
    image_id, boxes = values["image_id"].as_py(), boxes_of(values)
    labels, scores = numbers(values, "labels"), numbers(values, "scores")
    return Detections(image_id, boxes, labels, scores, tuple(classes))
