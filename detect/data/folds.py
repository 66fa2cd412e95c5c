"""Folds of a data set by the image's id alone: the same whatever the split, order or machine."""

import re
import zlib

_FORM = re.compile(r"([1-9]\d*)/([1-9]\d*)")


def parse_fold(fold: str) -> tuple[int, int]:
    """Return (I, N) of "I/N"; ValueError unless 1 <= I <= N and N >= 2."""
    match = _FORM.fullmatch(fold)
    index, count = map(int, match.groups()) if match else (0, 0)
    if not (count >= 2 and index <= count):
        raise ValueError(f"fold: expected I/N with I from 1 to N, such as 1/2, got {fold!r}")
    return index, count


def in_fold(image_id: str, fold: str) -> bool:
    """Tell whether the image belongs to fold "I/N": CRC-32 of its id, modulo N, is I - 1.

    A model that left out fold 1/2 in training and one that left out 2/2 together propose for
    every image without having seen it. ValueError for another form of `fold`.
    """
    index, count = parse_fold(fold)
    return zlib.crc32(image_id.encode()) % count == index - 1
