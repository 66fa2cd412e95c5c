"""Where a YOLO set has its images, its labels and the names of its classes.

`data.yaml` with `names`, `train`, `val`, `test` (Ultralytics, Roboflow): folders of images, or text
files of paths. Without it, names one a line in a file (yolo_names.py), and images in `images/`, in
`obj_SPLIT_data/`, in `SPLIT/images/`, in the root, in `SPLIT/`, or in Darknet's lists.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.data.image_files import images_below
from detect.data.listing import files_in, folders_in
from detect.data.yolo_names import REMEDY, SPLITS, names_files, names_in, same_names
from detect.data.yolo_paths import id_below, is_place, listed_images, normal, places_of
from detect.data.yolo_strays import is_labels, text_files
from detect.errors import DataError
from detect.foreign import read_yaml
from detect.reading import read_text, shown

_DARKNET = re.compile(r"obj_(\w+)_data")
_ENTRY = re.compile(r"\s*(train|valid|val|test)\s*=\s*(\S.*?)\s*")
_WHAT = "YOLO's data.yaml"
_ALL = "all"
# What a key of data.yaml has that has nothing.
_NOTHING = (None, "", "~", "null", "Null", "NULL")
_Splits = dict[str, tuple[Path, ...]]


@dataclass(frozen=True)
class YoloPlaces:
    """What says the names; the entries of each split, folders or text files; keypoints or none."""

    root: Path
    names_file: Path
    splits: _Splits
    classes: tuple[str, ...]
    keypoints: bool = False

    def images(self, split: str) -> dict[str, Path]:
        """Return the images of `split` by id: the path below the root, without "images" and ending.

        DataError for entries that are not there, and for two images of one id.
        """
        found: dict[str, Path] = {}
        for entry in self.splits[split]:
            for path in images_below(entry) if entry.is_dir() else self._listed(entry):
                image_id = id_below(path, self.root)
                if found.setdefault(image_id, path) != path:
                    raise DataError(
                        f"{self.root}: two images have the id {image_id}, {found[image_id]} and "
                        f"{path}. Rename one."
                    )
        return dict(sorted(found.items()))

    def _listed(self, entry: Path) -> list[Path]:
        if not entry.is_file():
            raise DataError(
                f"{self.names_file}: {entry}: no such folder or list of images. Correct the path."
            )
        return listed_images(entry, self.root)


def find_places(root: Path) -> YoloPlaces | None:
    """Return where `root` has its files, None where it is no such set; DataError if wrong."""
    named = [path for path in files_in(root, "*.y*ml") if _has_names(path)]
    if named:
        first = [path for path in named if path.stem in ("data", "dataset")] or named
        return _of_yaml(root, first[0])
    files = names_files(root)
    splits = _without_yaml(root) if files else {}
    if not splits:
        return None
    names_file, classes = same_names(files)
    return YoloPlaces(root, names_file, splits, classes)


def _has_names(path: Path) -> bool:
    text = read_text(path, _WHAT, remedy=REMEDY)
    keys = set(re.findall(r"""^["']?(\w+)["']?\s*:""", text, re.M))
    return "names" in keys and (bool(keys & set(SPLITS)) or (path.parent / "labels").is_dir())


def _of_yaml(root: Path, path: Path) -> YoloPlaces:
    content = read_yaml(path, _WHAT, REMEDY)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected {_WHAT}, keys and values. {REMEDY}")
    content = {key: value for key, value in content.items() if value not in _NOTHING}
    base = content.get("path")
    bases = [root / base, root] if is_place(base) else [root]
    splits = {
        name: tuple(_place(bases, root, entry, path) for entry in _several(content[name]))
        for name in SPLITS
        if content.get(name)
    }
    splits |= {name: (folder,) for name, folder in _other_splits(content, bases, root).items()}
    classes, keypoints = names_in(content, path), bool(content.get("kpt_shape"))
    return YoloPlaces(root, path, _without_no_test(splits), classes, keypoints)


def _without_no_test(splits: _Splits) -> _Splits:
    """Return `splits` without a test split that is not there: programs name one in any case."""
    there = {name for name, entries in splits.items() if any(one.exists() for one in entries)}
    gone = {"test"} - there if there else set()
    return {name: entries for name, entries in splits.items() if name not in gone}


def _other_splits(content: dict[Any, Any], bases: list[Path], root: Path) -> dict[str, Path]:
    """Return the splits of other names than usual: keys of folders of images that are there."""
    said = {key: value for key, value in content.items() if is_place(value)}
    names = [key for key in said if isinstance(key, str) and key not in (*SPLITS, "path")]
    words = [name for name in names if not re.fullmatch(r"[\d.]+", said[name])]  # nc: 2
    places = [(name, normal(base / said[name], root)) for base in bases[::-1] for name in words]
    return {name: place for name, place in places if place.is_dir()}


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _place(bases: list[Path], root: Path, entry: Any, path: Path) -> Path:
    """Return where `entry` is; the first place that there may be for it where there is none."""
    if not is_place(entry):
        raise DataError(f"{path}: a split must be a path, or a list of them, got {shown(entry)}.")
    tried = list(places_of(entry, bases, root))
    return next((one for one in tried if one.exists()), tried[0])


def _without_yaml(root: Path) -> _Splits:
    """Return the splits of a set that has files of names alone; {} where it has no labels."""
    images = root / "images"
    if images.is_dir() and (any(text_files(root / "labels")) or _has_labels(images)):
        inner = [] if images_below(images, deep=False) else folders_in(images)
        return {one.name: (one,) for one in inner if images_below(one)} or {_ALL: (images,)}
    darknet = {found[1]: one for one in folders_in(root) if (found := _DARKNET.fullmatch(one.name))}
    pairs = [one for one in folders_in(root) if (one / "images").is_dir()]
    pairs = [one for one in pairs if (one / "labels").is_dir() or _has_labels(one / "images")]
    splits = darknet or {one.name: one / "images" for one in pairs}
    if not splits and _has_labels(root):
        splits = {_ALL: root}
    splits = splits or dict(_lists(root))
    splits = splits or {one.name: one for one in folders_in(root) if _has_labels(one)}
    return {name: (place,) for name, place in splits.items()}


def _has_labels(folder: Path) -> bool:
    """Tell whether an image directly in `folder` has labels beside it."""
    stems = {path.stem for path in images_below(folder, deep=False)}
    beside = text_files(folder, deep=False) if stems else ()
    return any(path.stem in stems and is_labels(path, empty=True) for path in beside)


def _lists(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield Darknet's splits: the lists that obj.data names, or those beside obj.names."""
    for folder in (root, root / "data"):
        if (folder / "obj.names").is_file():
            told = {name: f"{name}.txt" for name in SPLITS} | _told(folder / "obj.data")
            for name, entry in told.items():
                places = places_of(entry, (root, folder), root) if is_place(entry) else ()
                if found := next((one for one in places if one.is_file()), None):
                    yield name, found


def _told(path: Path) -> dict[str, str]:
    lines = read_text(path, "Darknet's obj.data").splitlines() if path.is_file() else []
    return {found[1]: found[2] for line in lines if (found := _ENTRY.fullmatch(line))}
