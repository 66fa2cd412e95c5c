"""Paths as YOLO's files tell them, of this machine or another, and those of labels.

What is nowhere as told is looked for below the root by its trailing parts, longest first:
`/content/Set-1/train/images` is `train/images` of a set that was moved.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeGuard

from detect.errors import DataError
from detect.reading import is_path, read_text, shown

_LONGEST = 2000
_SPLIT = re.compile(r"(train|val|valid|test)\d*", re.I)


def is_place(value: object) -> TypeGuard[str]:
    """Tell whether `value` can be a path: whoever looked for another would get an OSError."""
    return is_path(value) and isinstance(value, str) and len(value) < _LONGEST


def places_of(told: str, bases: Sequence[Path], root: Path) -> Iterator[Path]:
    """Yield where `told` may be: below each of `bases`, then by its trailing parts below `root`.

    Roboflow's begin with "../" and mean the folder of the file.
    """
    told = told.replace("\\", "/")
    inner = re.sub(r"^(\.\.?/)+", "", told)
    for name in dict.fromkeys((told, inner)):
        yield from (normal(base / name, root) for base in bases)
    upwards = os.path.normpath(told).startswith("..")
    yield from (root / name for name in _trailing(inner) if not upwards)


def normal(path: Path, root: Path) -> Path:
    """Return `path` without "..": as below `root` where it is there, or else absolute."""
    whole, base = Path(os.path.abspath(path)), Path(os.path.abspath(root))
    return root / whole.relative_to(base) if whole.is_relative_to(base) else whole


def id_below(path: Path, root: Path) -> str:
    """Return the id of the image `path`: without `images` and ending; outside `root` the last two.

    `path` is as `normal` returns it.
    """
    parts = path.relative_to(root).parts if path.is_relative_to(root) else path.parts[-2:]
    kept = [part for part in parts[:-1] if part != "images"]
    return "/".join((*kept, path.stem))


def label_places(image: Path, root: Path) -> tuple[Path, ...]:
    """Return where the labels of `image` may be, in their order.

    In `labels/` for the last `images/` below `root` (of an image elsewhere, of its path), and
    beside the image.
    """
    beside = image.with_suffix(".txt")
    return tuple(dict.fromkeys((swapped(beside, root), beside)))


def swapped(path: Path, root: Path, part: str = "images", other: str = "labels") -> Path:
    """Return `path` with `other` for the last `part` below `root`, itself without one."""
    inside = path.is_relative_to(root)
    parts = list((path.relative_to(root) if inside else path).parts)
    if part not in parts:
        return path
    parts[len(parts) - 1 - parts[::-1].index(part)] = other
    return root.joinpath(*parts) if inside else Path(*parts)


def listed_images(entry: Path, root: Path) -> list[Path]:
    """Return the images that the text file `entry` lists, with slashes of either kind, each once.

    DataError for one that is not there, and for two lines that only a guess makes one image.
    """
    found: dict[Path, str] = {}
    for line in read_text(entry, "a list of images").splitlines():
        if told := line.strip():
            path, guessed = _image(told, entry, root)
            earlier = found.setdefault(path, told)
            if guessed and earlier != told:
                raise DataError(
                    f"{entry}: lists {shown(earlier)} and {shown(told)}, of which only {path} is "
                    "there. Correct the list."
                )
    return list(found)


def _image(told: str, entry: Path, root: Path) -> tuple[Path, bool]:
    """Return where the image `told` by a line of `entry` is, and whether that is a guess."""
    bases = (entry.parent, root)
    places = list(dict.fromkeys(places_of(told, bases, root))) if is_place(told) else []
    for number, path in enumerate(places):
        if path.is_file():
            return path, number >= len(bases)
    where = places[0] if places else entry.parent
    raise DataError(f"{entry}: lists {shown(told)}, but there is no such file: {where}.")


def _trailing(told: str) -> Iterator[str]:
    """Yield the trailing parts of `told`, longest first, none without a split's name that it has.

    `images` of `test/images` would be those of every split.
    """
    parts = [part for part in PurePosixPath(told).parts if part not in ("/", "..")]
    splits = [place for place, part in enumerate(parts[:-1]) if _SPLIT.fullmatch(part)]
    for start in range(splits[-1] + 1 if splits else len(parts)):
        yield "/".join(parts[start:])
