"""Where a set of VOC's XML files has them: VOC's own folders, lower-case ones, or all in one.

What other programs write: `annotations/` and `images/` (many), files beside their images
(LabelImg), in a folder a split (Roboflow), in sub-folders (CVAT), one deeper than the images
(Oxford's pets).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from detect.data.image_files import ImageFiles, images_below
from detect.data.listing import files_in, folders_in
from detect.data.split import find_list, read_ids
from detect.data.voc_xml import begins_as_annotation, xml_in
from detect.errors import DataError
from detect.foreign import beginning
from detect.reading import read_text

# The split of a set without lists: every image.
ALL = "all"
_LISTS = ("train", "val", "valid", "trainval", "test")
_FLAGGED = re.compile(r"(\S.*?)\s+(-1|0|1)")


@dataclass(frozen=True)
class VocPlaces:
    """The folders of XML files and of images, and the `splits`: lists of ids, or folders.

    `told_by` is what makes it such a set, a file or a folder.
    """

    root: Path
    annotations: Path
    images: Path
    splits: dict[str, Path]
    told_by: Path

    def ids(self, split: str | None) -> tuple[str, tuple[str, ...]]:
        """Return a split's name and its images' ids: paths below the folders, without ending.

        Raises as `find_list` and `read_ids`.
        """
        name, path, own = find_list(self.root, split, self.splits)
        if path.is_dir():
            return name, self._below(path)
        of_class = own and name.rpartition("_")[2] in self.splits and "_" in name
        return name, (_showing_class(path) if of_class else None) or read_ids(path)

    def _below(self, folder: Path) -> tuple[str, ...]:
        """Return the ids of all images and XML files in `folder`, whether or not of each other."""
        inner = folder.relative_to(self.annotations)
        found = {_id(path, self.annotations) for path in xml_in(folder, "**/*.xml")}
        found |= {_id(path, self.images) for path in images_below(self.images / inner)}
        return tuple(sorted(found))


def find_places(root: Path) -> VocPlaces | None:
    """Return where `root` has its files; None where it is no such set."""
    return _apart(root) or _beside(root)


def _apart(root: Path) -> VocPlaces | None:
    """Return the places of a set whose XML files have a folder of their own."""
    annotations = _child(root, "Annotations")
    if annotations is None or (root / "ImageSets/DET").is_dir():
        return None
    images = _child(root, "JPEGImages") or _child(root, "images")
    lists = _child(_child(root, "ImageSets") or root, "Main")
    places = images or root / "JPEGImages"
    strict = annotations.name == "Annotations" and ((root / "JPEGImages").is_dir() or lists)
    told_by = annotations if strict else None
    if not strict and (images or lists):
        told_by = _annotation(annotations, "**/*.xml", places)
    if told_by is None:
        return None
    splits = {path.stem: path for path in files_in(lists, "*.txt")} if lists else {}
    splits |= {name: root / f"{name}.txt" for name in _LISTS if (root / f"{name}.txt").is_file()}
    annotations = _inner(annotations, places)
    return VocPlaces(root, annotations, places, splits or {ALL: annotations}, told_by)


def _inner(annotations: Path, images: Path) -> Path:
    """Return the one folder in `annotations` that has all XML files and none in `images` is as."""
    folders = folders_in(annotations)
    if len(folders) != 1 or xml_in(annotations, "*.xml"):
        return annotations
    return annotations if (images / folders[0].name).is_dir() else folders[0]


def _beside(root: Path) -> VocPlaces | None:
    """Return the places of a set whose XML files lie beside their images."""
    named = [*((folder.name, folder) for folder in folders_in(root)), (ALL, root)]
    found = [(name, folder, _beside_images(folder)) for name, folder in named]
    splits = {name: folder for name, folder, path in found if path}
    told_by = next((path for *_, path in found if path), None)
    return VocPlaces(root, root, root, splits, told_by) if told_by else None


def _beside_images(folder: Path) -> Path | None:
    """Return the first annotation in `folder` if it has images as well."""
    return _annotation(folder, "*.xml", folder) if images_below(folder, deep=False) else None


def _annotation(folder: Path, pattern: str, images: Path) -> Path | None:
    """Return the first XML in `folder` that begins as an annotation, or is called as an image."""
    files = ImageFiles(images)
    for path in xml_in(folder, pattern):
        if begins_as_annotation(beginning(path)) or files.candidates(_id(path, folder)):
            return path
    return None


def _child(folder: Path, name: str) -> Path | None:
    """Return the folder `name` in `folder`, written in whichever case."""
    if (folder / name).is_dir():
        return folder / name
    return next((one for one in folders_in(folder) if one.name.lower() == name.lower()), None)


def _id(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _showing_class(path: Path) -> tuple[str, ...]:
    """Return the ids of a class's list that show it; () where `path` is no such list.

    VOC's lists of a class, CLASS_SPLIT.txt, hold every image of the split with 1 (shows the
    class), 0 (difficult objects of it alone) or -1 (VOC2012 devkit, section 4.2.1).
    """
    lines = [line.strip() for line in read_text(path, "a list of images").splitlines()]
    matched = [_FLAGGED.fullmatch(line) for line in lines if line]
    if not matched or not all(matched):
        return ()
    shown = [found[1] for found in matched if found and found[2] != "-1"]
    if not shown:
        raise DataError(f"{path}: no image there shows the class (1 or 0 behind its id).")
    return tuple(shown)
