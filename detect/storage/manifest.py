"""The manifest of an archive: which images there are, a row an image, in Parquet or as a folder.

Parquet: text columns `image_id` and `path` (others are not read), one file or a folder of them;
a path is absolute or begins at the manifest's folder. A folder of images is its own manifest: all
images in it and below, an id the path from there without the image's ending.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from detect.data.image_files import check_name, id_of
from detect.data.listing import files_in
from detect.errors import DataError
from detect.images import EXTENSIONS, FOREIGN
from detect.reading import is_path, shown
from detect.storage.parquet import Parquet

_COLUMNS = ("image_id", "path")
_REMEDY = "Write a row an image: its image_id and its path, both text."


@dataclass(frozen=True, eq=False)
class Manifest:
    """The images listed at `path`: a `table` of image_id and path, each id once.

    In Arrow's memory: ten million rows take some hundred megabytes.
    """

    path: Path
    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def without(self, done: "pa.Array[Any]") -> pa.Table:
        """Return the rows whose ids are not among `done`, in their order."""
        return self.table.filter(pc.invert(pc.is_in(self.table.column("image_id"), done)))


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at `path`: a Parquet file, a folder of them, or a folder of images.

    Raises DataError for one that is not there, has another schema, or lists an id twice.
    """
    if not path.exists():
        raise DataError(f"{path}: no such manifest: a Parquet file, or a folder of images.")
    files = files_in(path, "*.parquet") if path.is_dir() else [path]
    if files:
        tables = [table for file in files for table in _groups(file)]
        table = pa.concat_tables(tables) if tables else _table([], [])
    else:
        table = _listed(path)
    if not table.num_rows:
        raise DataError(f"{path}: lists no image. {_REMEDY}")
    _check_once(path, table.column("image_id"))
    return Manifest(path, table)


def _table(ids: list[str], paths: list[str]) -> pa.Table:
    text = pa.large_string()
    return pa.table({"image_id": pa.array(ids, text), "path": pa.array(paths, text)})


def _groups(file: Path) -> Iterator[pa.Table]:
    """Yield the rows of a Parquet file, a row group at a time."""
    parquet = Parquet(file, "manifest", _REMEDY)
    wrong = [name for name in _COLUMNS if not _is_text(parquet.schema, name)]
    if wrong:
        got = ", ".join(f"{field.name} ({field.type})" for field in parquet.schema)
        raise DataError(
            f"{file}: not a manifest: expected text columns image_id and path, got {got:.200}. "
            f"{_REMEDY}"
        )
    folder = os.path.abspath(file.parent)
    for group in range(parquet.groups if parquet.rows else 0):
        ids = parquet.image_ids(group)
        paths: list[Any] = parquet.read(group, ["path"]).column("path").to_pylist()
        if bad := [one for one in paths if not is_path(one)]:
            raise DataError(f"{file}: {shown(bad[0])} can be no path of an image. {_REMEDY}")
        yield _table(ids, [os.path.join(folder, one) for one in paths])


def _is_text(schema: pa.Schema, name: str) -> bool:
    if schema.get_field_index(name) < 0:  # missing, or there twice
        return False
    kind = schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _listed(folder: Path) -> pa.Table:
    """Return all images in `folder` and below by their names.

    Those of formats that are not read are listed too: that they were not is recorded.
    """
    root = Path(os.path.abspath(folder))
    kinds = EXTENSIONS | FOREIGN
    found = [path for path in files_in(root, "**/*") if path.suffix.lower() in kinds]
    for path in found:
        check_name(path)
    ids = [id_of(path.relative_to(root).as_posix()) for path in found]
    return _table(ids, [str(path) for path in found])


def _check_once(path: Path, ids: "pa.ChunkedArray[Any]") -> None:
    """Raise DataError for an id that is there twice: which image it means nobody could tell."""
    counts: Any = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), pa.scalar(1))).field("values")
    if len(twice):
        raise DataError(
            f"{path}: {len(twice)} image ids are listed more than once, first "
            f"{shown(twice[0].as_py())}. An id stands for one image: leave the doubles out, or "
            "give each its own."
        )
