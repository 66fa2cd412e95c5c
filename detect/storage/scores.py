"""Every network's scores of every region: Parquet, a row an image, what they are in the metadata.

Columns: image_id, height, width, boxes (flat, 4 a box), sources, scores (flat: network by network,
box by box, the classes and background last; float32 or float16). Where networks move boxes, their
deltas as well (kept_deltas.py).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detect.errors import DataError, option
from detect.files import replacing
from detect.formats import stamped, upgraded
from detect.storage.kept_deltas import delta_fields, packed, unpacked
from detect.storage.parquet import Parquet, boxes_of, cells, image_of, numbers, texts
from detect.storage.scores_card import Dtype, Kept, ScoresCard
from detect.structures import FloatArray, Size
from detect.together import settle

NAME = "scores.parquet"
_TYPES: dict[Dtype, pa.DataType] = {"float32": pa.float32(), "float16": pa.float16()}
_KEY = b"detect.scores"
# Bytes of images written, and read, together.
_GROUP_BYTES = 8 * 2**20
# A softmax's sum may round upwards.
_HIGHEST = 1.001
_EXPECTED = f"Scores are kept by detect run with {option('keep_scores')}."


@dataclass(frozen=True, eq=False)
class RegionScores:
    """The regions of one image and what M networks say of them.

    `size` (H, W) px; `boxes` (N, 4) xyxy px; `sources` (N,) as in Proposals; `scores` (M, N, C+1)
    softmax, background last; `deltas` (M, N, K, 4) of networks that move boxes. Raises ValueError
    where the shapes do not go together.
    """

    image_id: str
    size: Size
    boxes: FloatArray
    sources: NDArray[np.str_]
    scores: FloatArray
    deltas: FloatArray | None = None

    def __post_init__(self) -> None:
        """Check the shapes."""
        count = len(self.boxes)
        shapes = (self.boxes.shape, self.sources.shape, self.scores.shape[1:2])
        if self.scores.ndim != 3 or shapes != ((count, 4), (count,), (count,)):
            raise ValueError(
                "expected boxes (N, 4), sources (N,), scores (M, N, C+1), got "
                f"{self.boxes.shape}, {self.sources.shape}, {self.scores.shape}"
            )


def scores_table(row: RegionScores, kept: Kept) -> pa.Table:
    """Return `row` as a table of one row, as it is `kept`."""
    scores = row.scores.astype(kept.dtype)
    columns = {
        "image_id": [row.image_id],
        "height": [row.size[0]],
        "width": [row.size[1]],
        "boxes": [row.boxes.reshape(-1)],
        "sources": [row.sources.tolist()],
        "scores": [scores.reshape(-1)],
        **packed(scores.astype(np.float32), row.deltas, kept),
    }
    return pa.table(columns, schema=_schema(kept))


def write_scores(path: Path, tables: Iterable[pa.Table], card: ScoresCard) -> None:
    """Write `tables` (of `scores_table`) to `path` atomically; memory holds one row group.

    Raises errors of files.replacing.
    """
    metadata = {_KEY: json.dumps(stamped(asdict(card)), sort_keys=True).encode()}
    schema = _schema(card.kept).with_metadata(metadata)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(
            temporary, schema, compression="zstd", write_page_checksum=True
        ) as parquet,
    ):
        for group in _groups(tables):
            parquet.write_table(group.replace_schema_metadata(metadata))


def write_table(path: Path, table: pa.Table) -> None:
    """Write one `table` to `path` atomically. Raises errors of files.replacing.

    Not brought to the disk: `read_table` tells what is damaged.
    """
    with replacing(path, lasting=False) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_table(path: Path, kept: Kept) -> pa.Table:
    """Read what `write_table` wrote; DataError where it is missing, broken or not so `kept`."""
    parquet, schema = _open(path), _schema(kept)
    if not parquet.schema.equals(schema) or parquet.rows != 1 or parquet.groups != 1:
        raise DataError(f"{path}: not the scores of an image in {kept.dtype}. {_EXPECTED}")
    return parquet.read(0).cast(schema)


class ScoresFile:
    """The scores at `path`: a file, or the folder of a run that kept them. Read image by image.

    Raises DataError where there are none, or where a row does not hold what the card says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / NAME if path.is_dir() else path
        settle(self.path.parent)
        self._parquet = _open(self.path)
        self.card = self._read_card()
        if not self._parquet.schema.equals(_schema(self.card.kept)):
            raise DataError(f"{self.path}: its columns are not those of scores. {_EXPECTED}")

    def __len__(self) -> int:
        return self._parquet.rows

    def __iter__(self) -> Iterator[RegionScores]:
        """Yield the images in the order of the run, one row group in memory."""
        for group in range(self._parquet.groups):
            table = self._parquet.read(group)
            for row in range(len(table)):
                yield self._read(table, row)

    def sizes(self) -> dict[str, Size]:
        """Return the size (H, W) px of every image by its id; DataError for one that is twice."""
        found: dict[str, Size] = {}
        for group in range(self._parquet.groups):
            table = self._parquet.read(group, ["image_id", "height", "width"])
            for row in range(len(table)):
                image_id, size = self._image(table, row)
                if image_id in found:
                    raise DataError(f"{self.path}: an image is there twice. {_EXPECTED}")
                found[image_id] = size
        return found

    def _read_card(self) -> ScoresCard:
        if _KEY not in self._parquet.metadata:
            raise DataError(f"{self.path}: not a file of scores. {_EXPECTED}")
        values = self._parquet.card(_KEY, "what the scores are of")
        try:
            return ScoresCard.from_json(upgraded(values, "scores card", self.path))
        except ValueError as error:
            raise DataError(f"{self.path}: its card is wrong: {error}. {_EXPECTED}") from error

    def _image(self, table: pa.Table, row: int) -> tuple[str, Size]:
        try:
            return image_of(cells(table, row))
        except ValueError as error:
            raise DataError(f"{self.path}: row {row}: {error}. {_EXPECTED}") from error

    def _read(self, table: pa.Table, row: int) -> RegionScores:
        image_id, size = self._image(table, row)
        networks, columns = len(self.card.names), len(self.card.columns) + 1
        try:
            values = cells(table, row)
            boxes = boxes_of(values)
            scores = numbers(values, "scores").astype(np.float32)
            if not ((scores >= 0) & (scores <= _HIGHEST)).all():
                raise ValueError("a score is no probability")
            scores = scores.reshape(networks, len(boxes), columns)
            deltas = unpacked(values, scores, self.card.kept)
            return RegionScores(image_id, size, boxes, texts(values, "sources"), scores, deltas)
        except ValueError as error:
            raise DataError(
                f"{self.path}: image {image_id}: not the scores of {networks} networks "
                f"and {columns} columns a box ({error}). Keep them again by detect "
                f"run with {option('keep_scores')}."
            ) from error


def _schema(kept: Kept) -> pa.Schema:
    columns: dict[str, pa.DataType] = {
        "image_id": pa.string(),
        "height": pa.int32(),
        "width": pa.int32(),
        "boxes": pa.list_(pa.float32()),
        "sources": pa.list_(pa.string()),
        "scores": pa.list_(_TYPES[kept.dtype]),
        **delta_fields(kept, _TYPES[kept.dtype]),
    }
    return pa.schema(columns)


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield `tables` joined to about _GROUP_BYTES each."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(one.nbytes for one in held) >= _GROUP_BYTES:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _open(path: Path) -> Parquet:
    if not path.is_file():
        raise DataError(f"{path}: no such scores. {_EXPECTED}")
    return Parquet(path, "file of scores", _EXPECTED)
