"""Where a YOLO set has its images, its labels and the names of its classes.

`data.yaml` with `names`, `train`, `val`, `test` (Ultralytics, Roboflow): folders of images, or text
files of paths. Without it, names one a line in `classes.txt` (LabelImg, Label Studio) or
`obj.names` (Darknet, CVAT), and images in `images/`, in `obj_SPLIT_data/` or in the root.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from detect.data.image_files import images_below
from detect.data.listing import files_in, folders_in
from detect.data.split import read_names, unique_names
from detect.errors import DataError
from detect.foreign import read_yaml
from detect.images import EXTENSIONS
from detect.reading import is_path, read_text, shown

_SPLITS = ("train", "val", "valid", "test")
_NAMES = ("classes.txt", "obj.names", "data/obj.names")
_DARKNET = re.compile(r"obj_(\w+)_data")
_WHAT, _REMEDY = "YOLO's data.yaml", "Correct it."
_ALL = "all"
_LONGEST = 2000


@dataclass(frozen=True)
class YoloPlaces:
    """What says the names; the entries of each split, folders or text files; keypoints or none."""

    root: Path
    names_file: Path
    splits: dict[str, tuple[Path, ...]]
    classes: tuple[str, ...]
    keypoints: bool = False

    def images(self, split: str) -> dict[str, Path]:
        """Return the images of `split` by id: the path below the root, without "images" and ending.

        DataError for entries that are not there, and for two images of one id.
        """
        found: dict[str, Path] = {}
        for entry in self.splits[split]:
            for path in images_below(entry) if entry.is_dir() else self._listed(entry):
                image_id = self._id(path)
                if found.setdefault(image_id, path) != path:
                    raise DataError(
                        f"{self.root}: two images have the id {image_id}, {found[image_id]} and "
                        f"{path}. Rename one."
                    )
        return dict(sorted(found.items()))

    def _id(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        parts = path.relative_to(self.root).parts if inside else path.parts[-2:]
        kept = [part for part in parts[:-1] if part != "images"]
        return "/".join((*kept, path.stem))

    def _listed(self, entry: Path) -> list[Path]:
        """Return the images that a text file of paths lists, with slashes of either kind."""
        if not entry.is_file():
            raise DataError(
                f"{self.names_file}: {entry}: no such folder or list of images. Correct the path."
            )
        lines = read_text(entry, "a list of images").replace("\\", "/").splitlines()
        return [self._found(line.strip(), entry) for line in lines if line.strip()]

    def _found(self, line: str, entry: Path) -> Path:
        tried = [entry.parent / line, self.root / line, self.root / line.removeprefix("data/")]
        for path in tried if _is_place(line) else ():
            if path.is_file():
                return path
        raise DataError(f"{entry}: lists {shown(line)}, but there is no such file: {tried[0]}.")


def find_places(root: Path) -> YoloPlaces | None:
    """Return where `root` has its files, None where it is no such set; DataError if wrong."""
    named = [path for path in files_in(root, "*.y*ml") if _has_names(path)]
    if named:
        first = [path for path in named if path.stem in ("data", "dataset")] or named
        return _of_yaml(root, first[0])
    names = next((root / name for name in _NAMES if (root / name).is_file()), None)
    splits = {} if names is None else _without_yaml(root)
    return YoloPlaces(root, names, splits, read_names(names)) if names and splits else None


def labels_of(image: Path) -> Path:
    """Return the file of an image's labels: `labels/` for the last `images/`, else beside it."""
    parts = list(image.with_suffix(".txt").parts)
    places = [place for place, part in enumerate(parts) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts)


def _has_names(path: Path) -> bool:
    text = read_text(path, _WHAT, remedy=_REMEDY)
    keys = set(re.findall(r"""^["']?(\w+)["']?\s*:""", text, re.M))
    return "names" in keys and (bool(keys & set(_SPLITS)) or (path.parent / "labels").is_dir())


def _of_yaml(root: Path, path: Path) -> YoloPlaces:
    content = read_yaml(path, _WHAT, _REMEDY)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected {_WHAT}, keys and values. {_REMEDY}")
    base = content.get("path")
    bases = [root / base] if _is_place(base) else []
    bases.append(root)
    splits = {
        name: tuple(_place(bases, entry, path) for entry in _several(content[name]))
        for name in _SPLITS
        if content.get(name)
    }
    splits |= {name: (folder,) for name, folder in _other_splits(content, bases).items()}
    return YoloPlaces(root, path, splits, _names(content, path), bool(content.get("kpt_shape")))


def _other_splits(content: dict[Any, Any], bases: list[Path]) -> dict[str, Path]:
    """Return the splits of other names than usual: keys of folders of images that are there."""
    said = {key: value for key, value in content.items() if _is_place(value)}
    names = [key for key in said if isinstance(key, str) and key not in (*_SPLITS, "path")]
    places = {name: base / said[name] for name in names for base in bases}
    return {name: place for name, place in places.items() if place.is_dir()}


def _is_place(value: Any) -> TypeGuard[str]:
    """Tell whether `value` can be a path: whoever looked for another would get an OSError."""
    return is_path(value) and len(value) < _LONGEST


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _place(bases: list[Path], entry: Any, path: Path) -> Path:
    """Return where `entry` is; Roboflow's begin with "../" and mean the folder of the file."""
    if not _is_place(entry):
        raise DataError(f"{path}: a split must be a path, or a list of them, got {shown(entry)}.")
    entry = entry.replace("\\", "/")
    inner = re.sub(r"^(\.\.?/)+", "", entry)
    tried = [base / name for name in (entry, inner) for base in bases]
    # As where it was made: `path: /home/me/set` of another machine.
    return next((one for one in tried if one.exists()), tried[-1])


def _names(content: dict[Any, Any], path: Path) -> tuple[str, ...]:
    """Return the names in the order of their numbers."""
    names = content.get("names")
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise DataError(f"{path}: names: expected the numbers 0 to {len(names) - 1}. {_REMEDY}")
        names = [name for _, name in sorted((int(number), name) for number, name in names.items())]
    if not isinstance(names, list):
        raise DataError(f"{path}: names: expected the names of the classes, got {shown(names)}.")
    count = content.get("nc", len(names))
    if count != len(names):
        raise DataError(
            f"{path}: nc is {shown(count)}, but there are {len(names)} names. {_REMEDY}"
        )
    return unique_names(map(str, names), path)


def _without_yaml(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the splits of a set that has a file of names alone; {} where it has no labels."""
    images, labels = root / "images", root / "labels"
    if images.is_dir() and files_in(labels, "**/*.txt"):
        inner = [folder for folder in folders_in(images) if (labels / folder.name).is_dir()]
        return {one.name: (one,) for one in inner} or {_ALL: (images,)}
    darknet = {found[1]: one for one in folders_in(root) if (found := _DARKNET.fullmatch(one.name))}
    if darknet:
        return {name: (folder,) for name, folder in darknet.items()}
    beside = {path.stem for path in files_in(root, "*.txt")}
    pictures = (path for path in files_in(root, "*") if path.suffix.lower() in EXTENSIONS)
    return {_ALL: (root,)} if any(path.stem in beside for path in pictures) else {}
