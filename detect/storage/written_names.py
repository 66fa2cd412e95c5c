"""What the images of a set that is written are called: a path without ending, of each its own.

An image is called by its id, or by its file where ids are numbers. Names differ from these where
a reader would not find the image again, or where another image has the name.
"""

import re
from collections.abc import Callable, Collection, Iterator
from itertools import count
from pathlib import PurePosixPath

from detect.images import EXTENSIONS
from detect.structures import Dataset, Sample

# Tells whether an image can have a name where the set is written.
Fits = Callable[[Sample, str], bool]

# What a line of a list, XML, JSON or another system's file name cannot hold.
_UNSAFE = re.compile(r"[\\:\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
# A folder called like a file may meet that file.
_FILES = EXTENSIONS | {".xml", ".txt"}


def names_of(dataset: Dataset, fits: Fits, without: Collection[str] = ()) -> dict[str, str]:
    """Return image id -> name; one that does not fit has the split in front, and a number maybe.

    Folders called as one of `without` are left out of names.
    """
    names = _apart(dataset, without)
    taken, split = set(names.values()), _part(dataset.split)
    for sample in dataset.samples:
        name = names[sample.image_id]
        if not fits(sample, name):
            path = PurePosixPath(name)
            others = _numbered(path.with_name(f"{split}_{path.name}").as_posix())
            other = next(one for one in others if one not in taken and fits(sample, one))
            names[sample.image_id] = other
            taken.add(other)
    return names


def _apart(dataset: Dataset, without: Collection[str]) -> dict[str, str]:
    """Return image id -> name, no name twice: whose own it is keeps it, the next get numbers."""
    wanted = {
        sample.image_id: _safe(
            sample.path.stem if dataset.integer_ids else sample.image_id, without
        )
        for sample in dataset.samples
    }
    # Neither may a number make the name that another wants.
    every, taken, names = set(wanted.values()), set[str](), dict[str, str]()
    for image_id, name in sorted(wanted.items(), key=lambda item: item[0] != item[1]):
        if name in taken:
            name = next(one for one in _numbered(name) if one not in taken | every)
        names[image_id] = name
        taken.add(name)
    return names


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in count(2))


def _safe(name: str, without: Collection[str]) -> str:
    """Return `name` as a path below any folder, of parts that no reader passes over."""
    parts = [_part(part) for part in name.split("/")]
    *folders, last = [part for part in parts if part] or ["image"]
    kept = [_folder(folder) for folder in folders if folder not in without]
    return "/".join((*kept, last))


def _part(part: str) -> str:
    """Return a part of a path, "" for one that leads elsewhere; hidden files are not looked at."""
    part = _UNSAFE.sub("_", part).strip()
    if part in (".", ".."):
        return ""
    return f"_{part}" if part.startswith(".") else part


def _folder(name: str) -> str:
    is_file = PurePosixPath(name).suffix.lower() in _FILES
    return name.replace(".", "_") if is_file else name
