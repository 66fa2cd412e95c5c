"""Where a set of COCO JSON files has them and their images.

Ours and the official one: `annotations/instances_SPLIT.json` with `images/` or `SPLIT/`.
Roboflow's: `SPLIT/_annotations.coco.json` beside the images. Others: any COCO JSON in
`annotations/` or in the root (FiftyOne's `labels.json` with `data/`, Label Studio's `result.json`).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from detect.data.listing import files_in, folders_in
from detect.foreign import both_ends

_PREFIX = "instances_"
_ROBOFLOW = "_annotations.coco.json"
# Roboflow's name of the one split of a folder, and ours of the one of a set in VOC's files.
_ALL = "all"
_KEYS = (re.compile(rb'"images"\s*:'), re.compile(rb'"annotations"\s*:'))
# As `detect check` counts them.
_COUNTED = re.compile(rb'"images"\s*:\s*\d')
# Bytes of a file that is looked at as a whole, and from either end of a larger one.
_LOOKED_AT = 2**16


@dataclass(frozen=True)
class CocoPlace:
    """The JSON file of a split, and the folders that may have its images, likeliest first."""

    json: Path
    folders: tuple[Path, ...]


def find_places(root: Path) -> dict[str, CocoPlace]:
    """Return the splits of `root`; {} where it is no such set."""
    return _official(root) or _roboflow(root) or _others(root)


def _official(root: Path) -> dict[str, CocoPlace]:
    found = files_in(root / "annotations", f"{_PREFIX}*.json")
    return {name_of(path): _place(root, path) for path in found}


def _roboflow(root: Path) -> dict[str, CocoPlace]:
    found = {folder.name: folder for folder in folders_in(root) if (folder / _ROBOFLOW).is_file()}
    if (root / _ROBOFLOW).is_file():
        found[_ALL] = root
    return {name: CocoPlace(folder / _ROBOFLOW, (folder,)) for name, folder in found.items()}


def _others(root: Path) -> dict[str, CocoPlace]:
    for folder in (root / "annotations", root):
        found = [path for path in files_in(folder, "*.json") if looks_like_coco(path)]
        if found:
            return {name_of(path): _place(root, path) for path in found}
    return {}


def name_of(path: Path) -> str:
    """Return the split that the JSON file `path` is called by."""
    return path.stem.removeprefix(_PREFIX)


def looks_like_coco(path: Path) -> bool:
    """Tell whether the JSON in `path` has images and annotations; of a large one either is enough.

    In that the one may lie beyond what is looked at: the beginning and the end.
    """
    ends = both_ends(path, _LOOKED_AT)
    if ends.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return False
    found = [key.search(ends) is not None for key in _KEYS]
    whole = path.stat().st_size <= _LOOKED_AT
    return all(found) if whole else any(found) and not _COUNTED.search(ends)


def _place(root: Path, path: Path) -> CocoPlace:
    name = name_of(path)
    inside = (root / "images", root / "images" / name, root, root / name, root / "data")
    return CocoPlace(path, inside)
