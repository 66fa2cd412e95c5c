"""NumPy's npz, an array at a time: counted by the archive's table and the array's header first.

A megabyte of deflate can stand for a gigabyte. The bounds stand in docs/reliability.md.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from detect.errors import DataError
from detect.reading import is_path, shown

# Arrays of a file, and numbers of all of them: 16 million boxes with their scores.
_ARRAYS, _NUMBERS = 2**20, 5 * 2**24
_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
_ENDING = ".npy"
_EXPECTED = (
    "Expected numpy.savez with an array (N, 4) or (N, 5) of numbers an image, named by its id."
)
# What zipfile and numpy raise of damaged files.
_BROKEN = (
    OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, KeyError,
    NotImplementedError, RuntimeError, OverflowError, SyntaxError, TypeError, TokenError,
)  # fmt: skip


def read_arrays(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the name and array of each member; DataError if it is no npz, or beyond the bounds."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(path, members)
            left = _NUMBERS
            for member in members:
                name = member.filename.removesuffix(_ENDING)
                array = _read(archive, member, f"{path}: image {name}", left)
                left -= array.size
                yield name, array
    except _BROKEN as error:
        raise _wrong(str(path), error) from error


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Raise DataError for members that can be no arrays of images, before any is read."""
    if len(members) > _ARRAYS:
        raise DataError(f"{path}: {len(members):,} arrays; at most {_ARRAYS:,} are read.")
    names: set[str] = set()
    for member in members:
        name = member.filename.removesuffix(_ENDING)
        if member.filename == name or not is_path(name):
            raise _wrong(str(path), f"{shown(member.filename)} can be no image's array")
        if name in names:
            raise _wrong(str(path), f"image {shown(name)} is there twice")
        if member.flag_bits & 1:
            raise _wrong(str(path), f"image {shown(name)} is encrypted")
        if member.compress_type not in _METHODS:
            raise _wrong(str(path), f"image {shown(name)} is neither stored nor deflated")
        names.add(name)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str, most: int) -> NDArray[Any]:
    with archive.open(member) as file:
        shape, in_columns, dtype = _header(file)
        columns = shape[1] if len(shape) == 2 else 0
        if columns not in (4, 5) or dtype.kind not in "iuf" or shape[0] < 0:
            raise DataError(
                f"{where}: expected numbers of shape (N, 4) or (N, 5), got {dtype} {shown(shape)}."
            )
        count = shape[0] * columns
        if count > most:
            raise DataError(f"{where}: with it the file has more than {_NUMBERS:,} numbers.")
        content = file.read(count * dtype.itemsize)
        if len(content) < count * dtype.itemsize or file.read(1):
            raise _wrong(where, f"its bytes are not those of {dtype} {shape}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if in_columns else "C")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether columns come first, and type; ValueError for what is no header."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"version {version} of NumPy's format")


def _wrong(where: str, reason: object) -> DataError:
    return DataError(f"{where}: not a readable npz file ({reason}). {_EXPECTED}")
