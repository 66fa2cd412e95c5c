"""The names of a YOLO set's classes: `names` of data.yaml, or files of them, one a line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detect.data.listing import files_in
from detect.data.split import read_names, unique_names
from detect.errors import DataError
from detect.reading import shown

SPLITS = ("train", "val", "valid", "test")
REMEDY = "Correct it."
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?(e[+-]?[0-9]{1,2})?", re.I)
# By LabelImg and Label Studio, Darknet and CVAT, Roboflow. LabelImg writes one a folder of labels.
_FILES = (
    *("classes.txt", "obj.names", "_darknet.labels", "data/obj.names", "*/_darknet.labels"),
    *(f"{folder}/classes.txt" for folder in ("labels", "labels/*", "images", "images/*", *SPLITS)),
    *(f"{split}/{folder}/classes.txt" for split in SPLITS for folder in ("labels", "images")),
)


def names_files(root: Path) -> list[Path]:
    """Return the files of names in `root`, where programs put them."""
    found = dict.fromkeys(path for name in _FILES for path in files_in(root, name))
    return [path for path in found if not path.relative_to(root).parts[0].startswith(".")]


def same_names(files: Sequence[Path]) -> tuple[Path, tuple[str, ...]]:
    """Return the file of `files` with the most names, and these; DataError where others differ.

    One that ends earlier says the same: LabelImg's grow while it is used.
    """
    read = {path: read_names(path) for path in files}
    longest = max(files, key=lambda path: len(read[path]))
    for path, names in read.items():
        if names != read[longest][: len(names)]:
            raise DataError(
                f"{path} and {longest} name classes differently: {', '.join(names):.200}, and "
                f"{', '.join(read[longest]):.200}. Remove the wrong one."
            )
    return longest, read[longest]


def names_in(content: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return the names of data.yaml in the order of their numbers; DataError if they are wrong."""
    names = content.get("names")
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise DataError(f"{path}: names: expected the numbers 0 to {len(names) - 1}. {REMEDY}")
        names = [name for _, name in sorted((int(number), name) for number, name in names.items())]
    if not isinstance(names, list):
        raise DataError(f"{path}: names: expected the names of the classes, got {shown(names)}.")
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise DataError(f"{path}: names: expected a name, got {shown(wrong[0])}. Quote it.")
    count = content.get("nc", str(len(names)))
    if whole(count) != len(names):
        told = count if isinstance(count, str) else shown(count)
        raise DataError(f"{path}: nc is {told:.60}, but there are {len(names)} names. {REMEDY}")
    return unique_names(names, path)


def whole(word: object) -> int | None:
    """Return the whole number from 0 that `word` is, however it is written (1, 1.0, 1e0), or None.

    Of up to 9 digits, as NumPy writes them as well.
    """
    if not isinstance(word, str) or not _NUMBER.fullmatch(word):
        return None
    value = float(word)
    return int(value) if value.is_integer() and value < 10**9 else None
