"""What Ray's processes run: read and propose, score, write; a table in, tables out.

None of it needs Ray but to fetch what all tasks share; every step may be done again.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from detect.errors import DetectError
from detect.stages.archive.opening import entries_of
from detect.stages.archive.work import Networks, ReadImage, found_in
from detect.storage.archive import recipe_digest, write_part
from detect.storage.archive_rows import SCHEMA, ArchiveRow, to_table
from detect.structures import Proposals

# An image with its regions on the way to an actor; of a broken one only the error.
_COLUMNS: dict[str, pa.DataType] = {
    "image_id": pa.string(),
    "error": pa.string(),
    "height": pa.int32(),
    "width": pa.int32(),
    "pixels": pa.large_binary(),
    "boxes": pa.large_list(pa.float32()),
    "scores": pa.large_list(pa.float32()),
    "sources": pa.large_list(pa.string()),
}
_PIXELS = pa.schema(_COLUMNS)
# The rows of a part on the way to whoever writes them; of one that has none, the problem.
_ROWS = SCHEMA.append(pa.field("problem", pa.string()))


def read(batch: pa.Table, reading: list[Any]) -> Iterator[pa.Table]:
    """Read and propose for the images of `batch`, a table an image."""
    import cv2

    cv2.setNumThreads(1)  # the tasks share the CPUs
    how = _fetched(reading[0])
    for entry in entries_of(batch):
        yield _sent(how(entry))


@lru_cache(maxsize=1)
def _fetched(reference: Any) -> Any:
    """Return what all tasks share, fetched once a process."""
    import ray

    return ray.get(reference)


def _sent(one: ReadImage) -> pa.Table:
    empty = np.zeros((0, 0, 3), np.uint8)
    image = empty if one.image is None else one.image
    regions = one.proposals
    row = {
        "image_id": one.image_id,
        "error": one.error,
        "height": image.shape[0],
        "width": image.shape[1],
        "pixels": np.ascontiguousarray(image).tobytes(),
        "boxes": [] if regions is None else regions.boxes.reshape(-1),
        "scores": [] if regions is None else regions.scores,
        "sources": [] if regions is None else regions.sources.tolist(),
    }
    return pa.table({name: [value] for name, value in row.items()}, schema=_PIXELS)


def _received(batch: pa.Table) -> Iterator[ReadImage]:
    """Yield the images of `batch`, their pixels where they are in its memory."""
    for row in range(len(batch)):
        values = {name: batch.column(name)[row] for name in _PIXELS.names}
        image_id, error = values["image_id"].as_py(), values["error"].as_py()
        if error:
            yield ReadImage(image_id, error=error)
            continue
        size = (values["height"].as_py(), values["width"].as_py())
        image = np.frombuffer(values["pixels"].as_buffer(), np.uint8).reshape(*size, 3)
        boxes, scores = (
            np.asarray(values[name].values.to_numpy(zero_copy_only=False))
            for name in ("boxes", "scores")
        )
        sources = np.array(values["sources"].as_py(), np.str_)
        regions = Proposals(image_id, size, boxes.reshape(-1, 4), scores, sources)
        yield ReadImage(image_id, image, regions)


class Scorer:
    """Holds the networks; scores the images of a table together."""

    def __init__(
        self, networks: list[Any], device: str, model: str, recipe: dict[str, Any]
    ) -> None:
        found: Networks = _fetched(networks[0])
        self._scorer = found.scorer(device)
        self._model, self._recipe = model, recipe_digest(recipe)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the rows of all images; where one fails, each alone, its problem with it."""
        try:
            return self._table(batch, "")
        except (DetectError, MemoryError):
            alone = [self._alone(batch.slice(row, 1)) for row in range(len(batch))]
            return pa.concat_tables(alone)

    def _table(self, batch: pa.Table, problem: str) -> pa.Table:
        rows = list(found_in(self._scorer, _received(batch)))
        return self._rows(rows, problem)

    def _alone(self, batch: pa.Table) -> pa.Table:
        try:
            return self._table(batch, "")
        except (DetectError, MemoryError) as error:
            image_id = batch.column("image_id")[0].as_py()
            reason = str(error) or "memory ran out"
            return self._rows([ArchiveRow(image_id)], f"image {image_id}: {reason}")

    def _rows(self, rows: list[ArchiveRow], problem: str) -> pa.Table:
        table = to_table(rows, self._model, self._recipe)
        return table.append_column(_ROWS.field("problem"), pa.array([problem] * len(rows)))


def write(batch: pa.Table, out: Path, recipe: dict[str, Any]) -> pa.Table:
    """Write the rows of `batch` that have no problem as a part; return what came of it."""
    problems = [one for one in batch.column("problem").to_pylist() if one]
    fine = pa.array([not one for one in batch.column("problem").to_pylist()], pa.bool_())
    good = batch.filter(fine).select(SCHEMA.names)
    outcomes = [(0, 1, problem) for problem in problems]
    if len(good):
        try:
            write_part(out, good.cast(SCHEMA), recipe)
            outcomes.append((len(good), 0, ""))
        except DetectError as error:
            outcomes.append((0, len(good), str(error)))
    columns = zip(*outcomes, strict=True)
    return pa.table(dict(zip(("images", "lost", "problem"), map(list, columns), strict=True)))
