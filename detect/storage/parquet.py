"""Parquet of ours, read a row group at a time: counted by its metadata before it is decoded.

A few kilobytes can stand for gigabytes: of a value that repeats, Parquet keeps one and a number.
Text stays a dictionary for the same reason. The bounds stand in docs/reliability.md.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detect.errors import DataError, disk_failure
from detect.reading import is_name, is_path, parse_object, shown
from detect.storage.pages import held
from detect.structures import Size

Read = TypeVar("Read")

# Of a row group: numbers of one column, bytes before compression, images.
_GROUP_NUMBERS, _GROUP_BYTES, _GROUP_ROWS = 2**26, 2**29, 2**20
# Of the table at a file's end, what its strings and lists may take.
_FOOTER_STRING, _FOOTER_ENTRIES = 2**26, 10**6
_LARGEST_SIDE = 2**20  # px


class Parquet:
    """The file at `path`: its `schema`, its `metadata`, its row groups.

    `what` it should be and the `remedy` are for the errors: DataError where it is not readable
    or a row group is beyond the bounds.
    """

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        self.path, self.what, self.remedy = path, what, remedy
        self._file: pq.ParquetFile = self._guard(self._open)
        footer = self._file.metadata
        self.schema: pa.Schema = self._guard(footer.schema.to_arrow_schema)
        self.names: list[str] = self._guard(lambda: self.schema.names)
        self._roots = self._guard(lambda: [path.partition(".")[0] for path in _paths(footer)])
        self.metadata: dict[bytes, bytes] = footer.metadata or {}
        self.groups, self.rows = int(footer.num_row_groups), int(footer.num_rows)

    def check_columns(self, schema: pa.Schema, what: str, remedy: str) -> None:
        """Raise DataError unless the columns are those of `schema`: it is not `what`, then."""
        if not self.schema.equals(schema):
            raise DataError(
                f"{self.path}: not {what}: expected the columns {', '.join(schema.names)}, got "
                f"{', '.join(self.names):.200}. {remedy}"
            )

    def card(self, key: bytes, what: str) -> dict[str, Any]:
        """Return the JSON object in the metadata under `key`; DataError if there is none."""
        text = self.metadata.get(key, b"")
        return parse_object(text, f"{self.path}: {key.decode()}", what, self.remedy)

    def read(self, group: int, columns: list[str] | None = None) -> pa.Table:
        """Return row group number `group`, all columns or some; DataError as the class says."""
        self._check(group, columns)
        return self._guard(lambda: self._file.read_row_group(group, columns))

    def values(self, group: int, name: str) -> int:
        """Return how many numbers the column `name` of a row group has; an empty list counts 1."""
        place = self._roots.index(name)
        return self._guard(
            lambda: int(self._file.metadata.row_group(group).column(place).num_values)
        )

    def image_ids(self, group: int) -> list[str]:
        """Return the column image_id of a row group; DataError unless each is one, and once."""
        column: Any = self.read(group, ["image_id"]).column("image_id").combine_chunks()
        places, counts = np.unique(
            column.indices.to_numpy(zero_copy_only=False), return_counts=True
        )
        if column.null_count:
            raise DataError(f"{self.path}: row group {group}: an image_id is null. {self.remedy}")
        # Before they are texts: a dictionary's one long text may stand for a million.
        if twice := [int(place) for place in places[counts > 1]]:
            image_id = self._guard(lambda: shown(column.dictionary[twice[0]].as_py()))
            raise DataError(f"{self.path}: image {image_id} appears twice. {self.remedy}")
        ids: list[str] = self._guard(column.to_pylist)
        if wrong := [name for name in ids if not is_path(name)]:
            raise DataError(f"{self.path}: {shown(wrong[0])} can be no image's id. {self.remedy}")
        return ids

    def _open(self) -> pq.ParquetFile:
        limits: Any = {
            "thrift_string_size_limit": _FOOTER_STRING,
            "thrift_container_size_limit": _FOOTER_ENTRIES,
        }
        first = pq.ParquetFile(self.path, **limits)
        schema = first.metadata.schema
        columns = [schema.column(place) for place in range(len(schema))]
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        return pq.ParquetFile(
            self.path,
            metadata=first.metadata,
            read_dictionary=texts,
            page_checksum_verification=True,
            **limits,
        )

    def _check(self, group: int, names: list[str] | None) -> None:
        """Raise DataError for a row group that holds, or says that it holds, too much."""
        found = self._guard(lambda: self._file.metadata.row_group(group))
        columns = [found.column(place) for place in range(found.num_columns)]
        counts = [column.num_values for column in columns]
        sizes = [column.total_uncompressed_size for column in columns]
        packed = [column.total_compressed_size for column in columns]
        self._bound(group, "images", found.num_rows, _GROUP_ROWS)
        self._bound(group, "numbers in a column", max(counts, default=0), _GROUP_NUMBERS)
        self._bound(group, "bytes", max([sum(sizes), *packed]), _GROUP_BYTES)
        if min([0, *counts, *sizes, *packed]) < 0:
            raise self._unreadable("a number of values below 0")
        with self.path.open("rb", buffering=0) as file:
            for name, column in zip(self._roots, columns, strict=False):
                if names is None or name in names:
                    self._check_pages(group, column, file)

    def _check_pages(self, group: int, column: Any, file: IO[bytes]) -> None:
        """Raise DataError where the pages of a column hold other than the file's table says."""
        first, data = column.dictionary_page_offset, column.data_page_offset
        try:
            file.seek(first if first is not None and 0 < first < data else data)
            values, dictionary, size = held(file.read(column.total_compressed_size))
        except (ValueError, OSError) as error:
            raise disk_failure(self.path, error) or self._unreadable(error) from error
        if values != column.num_values:
            raise self._unreadable(f"{values:,} values, its table says {column.num_values:,}")
        self._bound(group, "values in a dictionary", dictionary, _GROUP_NUMBERS)
        self._bound(group, "bytes", size, _GROUP_BYTES)

    def _bound(self, group: int, of_what: str, count: int, most: int) -> None:
        if count > most:
            raise DataError(
                f"{self.path}: row group {group} holds {count:,} {of_what}, at most {most:,} are "
                "read. Write it in smaller row groups, or make it anew."
            )

    def _unreadable(self, reason: object) -> DataError:
        return DataError(f"{self.path}: not a readable {self.what} ({reason}). {self.remedy}")

    def _guard(self, read: Callable[[], Read]) -> Read:
        """Call `read`; turn pyarrow and system errors into DataError, but for want of memory.

        And what a disk raises: DiskFailure.
        """
        try:
            return read()
        except MemoryError:
            raise
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if os.strerror(errno.EAGAIN) in str(error):  # no thread could be started
                raise MemoryError(str(error)) from error
            wrong = self._unreadable(str(error).partition("\n")[0][:200])
            raise disk_failure(self.path, error) or wrong from error


def _paths(footer: pq.FileMetaData) -> list[str]:
    """Return the path of every column of numbers or texts, in the file's order."""
    return [footer.schema.column(place).path for place in range(len(footer.schema))]


def cells(table: pa.Table, row: int) -> dict[str, Any]:
    """Return the Arrow values of row `row` by column; ValueError for one that is null."""
    values = {name: table.column(name)[row] for name in table.column_names}
    empty = [name for name, value in values.items() if not value.is_valid]
    if empty:
        raise ValueError(f"{empty[0]} is null")
    return values


def image_of(values: dict[str, Any]) -> tuple[str, Size]:
    """Return id and size (H, W) px of `cells`; ValueError where they can be of no image."""
    image_id = values["image_id"].as_py()
    if not is_path(image_id):
        raise ValueError("image_id can be no image's")
    height, width = values["height"].as_py(), values["width"].as_py()
    if not (0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE):
        raise ValueError(f"height and width must be 1 to {_LARGEST_SIDE}, got {height}, {width}")
    return image_id, (height, width)


def numbers(values: dict[str, Any], name: str) -> NDArray[Any]:
    """Return the list `name` of `cells` as an array; ValueError for one null or not finite."""
    listed = values[name].values
    found = np.asarray(listed.to_numpy(zero_copy_only=False))
    if listed.null_count or not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite")
    return found


def boxes_of(values: dict[str, Any]) -> NDArray[Any]:
    """Return the boxes (N, 4) xyxy px of `cells`; ValueError for others than the format allows."""
    boxes = numbers(values, "boxes").reshape(-1, 4)
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError("boxes: one has a negative width or height")
    return boxes


def texts(values: dict[str, Any], name: str) -> NDArray[np.str_]:
    """Return the list `name` of `cells` as an array (N,); ValueError for one that is no name."""
    listed = values[name].values
    places = listed.indices.to_numpy(zero_copy_only=False)
    if listed.null_count:
        raise ValueError(f"{name}: one is null")
    used, places = np.unique(places, return_inverse=True)
    found = listed.dictionary.take(pa.array(used)).to_pylist()
    if not all(map(is_name, found)):
        raise ValueError(f"{name}: one is empty or too long")
    return np.array(found, np.str_)[places]
