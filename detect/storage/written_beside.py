"""What the folder that a split is written into has already: files of other splits stay as they are.

An image may be in two splits: a file of the same name and the same bytes is shared. What the same
split had there earlier, and no other has, is written over.
"""

import filecmp
import os.path
from pathlib import Path, PurePosixPath

from detect.data import coco, imagenet_det, voc, voc_places, yolo
from detect.data.annotation_xml import parse
from detect.data.coco_images import CocoImages
from detect.data.coco_json import parse as parse_coco
from detect.data.coco_places import CocoPlace, find_places
from detect.data.image_files import ImageFiles, images_below
from detect.data.listing import files_in
from detect.data.split import Skipping
from detect.data.yolo_places import find_places as find_yolo
from detect.errors import DataError, option
from detect.reading import read_text
from detect.storage.written_xml import XmlObject
from detect.structures import Dataset, Sample

# Keys of data.yaml that are no splits; and YOLO takes labels/ for the last images/ of a path.
_NO_SPLITS = ("download", "images", "kpt_shape", "names", "nc", "path")


def check_place(place: Path, layout: str, split: str) -> None:
    """Raise DataError where `place` has a set in another layout, and for a hidden split."""
    for other in (voc, coco, yolo, imagenet_det):
        if layout != other.LAYOUT and other.matches(place):
            raise DataError(
                f"{place}: has a set in the layout {other.LAYOUT}, and two layouts in one folder "
                f"are not read. Choose another {option('out')}."
            )
    if split.startswith(".") or (layout == yolo.LAYOUT and split in _NO_SPLITS):
        raise DataError(f"{option('split', split)}: a split cannot be written by that name.")


class CocoBeside:
    """The images of the COCO JSON files in `place`, those of `split` and of others."""

    def __init__(self, place: Path, split: str) -> None:
        self._images = place / "images"
        annotations, self._own = place / "annotations", set[str]()
        self._others: dict[str, Path] = {}
        for found in find_places(place).values():
            if found.json.parent != annotations or not found.json.name.startswith("instances_"):
                raise _elsewhere(place, f"its annotations in {found.json}")
            files = _coco_files(found)
            if found.json == annotations / f"instances_{split}.json":
                self._own = set(files)
            else:
                self._others |= files
        self._taken = set(self._others.values())

    def fits(self, sample: Sample, name: str) -> bool:
        """Tell whether `name` is free for an image, its own, or that of the same picture."""
        file_name = f"{name}{sample.path.suffix}"
        if file_name in self._others:
            return _same(sample.path, self._others[file_name])
        path = self._images / file_name
        if file_name in self._own and path not in self._taken:
            return True
        return not os.path.exists(path) or _same(sample.path, path)


def _coco_files(place: CocoPlace) -> dict[str, Path]:
    """Return the files that a JSON names, by that name with slashes."""
    content = parse_coco(place.json, Skipping(True))
    images, records = CocoImages(content, place.folders), content.images.values()
    paths = [images.find(record, False) for record in records]
    names = (PurePosixPath(str(record["file_name"]).replace("\\", "/")) for record in records)
    return {name.as_posix(): path for name, path in zip(names, paths, strict=True)}


class VocBeside:
    """The images of a VOC set in `place`, and which are in the list of `split` alone."""

    def __init__(self, place: Path, split: str) -> None:
        found, self._xml = voc_places.find_places(place), place / "Annotations"
        lists = place / "ImageSets/Main"
        if found and (found.annotations, found.images) != (self._xml, place / "JPEGImages"):
            raise _elsewhere(place, f"its files in {found.annotations} and {found.images}")
        if found and not lists.is_dir():
            raise _elsewhere(place, f"no lists in {lists}")
        self._images = ImageFiles(place / "JPEGImages")
        ids = {path.stem: _lines(path) for path in files_in(lists, "*.txt")}
        self._own = ids.pop(split, set[str]()).difference(*ids.values())

    def fits(self, sample: Sample, name: str, objects: list[XmlObject]) -> bool:
        """Tell whether `name` is free for an image, its own, or that of the same picture.

        DataError where another split has the picture with other objects.
        """
        files, xml = self._images.candidates(name), self._xml / f"{name}.xml"
        alike = [path for path in files if path.suffix == sample.path.suffix]
        if len(alike) < len(files):
            return False  # Two files of one image.
        if name in self._own or not (files or os.path.exists(xml)):
            return True
        if not files or not _same(sample.path, files[0]):
            return False
        if os.path.exists(xml) and _objects(xml) != sorted(map(_read, objects)):
            raise DataError(
                f"{xml}: this image is in another split already, with other objects than "
                f"{sample.path} has now. Make them alike, or choose another {option('out')}."
            )
        return True

    def has(self, name: str) -> bool:
        """Tell whether an XML is there that another split may need."""
        return name not in self._own and os.path.exists(self._xml / f"{name}.xml")


def _objects(path: Path) -> list[tuple[str, tuple[float, ...], bool]]:
    xml = parse(path)
    return sorted(zip(xml.names, xml.corners, xml.difficult, strict=True))


def _read(one: XmlObject) -> tuple[str, tuple[float, ...], bool]:
    name, corners, difficult = one
    return name, tuple(map(float, corners)), difficult


def _lines(path: Path) -> set[str]:
    return set(map(str.strip, read_text(path, "a list of images").splitlines()))


def yolo_splits(place: Path, dataset: Dataset) -> dict[str, str]:
    """Return the splits that the data.yaml of `place` names, and where.

    DataError where its classes are others, and where it says more than is written.
    """
    there, path = find_yolo(place), place / "data.yaml"
    if there is None and not path.exists():
        return {}
    if there is None or there.names_file != path:
        named = path if there is None else there.names_file
        raise _elsewhere(place, f"{named}, and data.yaml would be written over or beside it")
    same_classes(there.classes, dataset, path)
    if there.keypoints:
        raise _elsewhere(place, f"keypoints (kpt_shape in {path})")
    for name, entries in there.splits.items():
        for entry in entries:
            if entry.exists() and entry.resolve() != (place / "images" / name).resolve():
                raise _elsewhere(place, f"its split {name} in {entry}")
    return {name: f"images/{name}" for name in there.splits if (place / f"images/{name}").is_dir()}


def check_yolo_images(place: Path, split: str, named: bool, files: set[str]) -> None:
    """Raise DataError for images in the folder of `split` that would be in it unasked.

    These are all but `files`, and all where the split is not `named` in data.yaml.
    """
    folder = place / "images" / split
    for path in images_below(folder):
        if not named or path.relative_to(folder).as_posix() not in files:
            raise DataError(
                f"{path}: is none of the images that are written, but would be one of split "
                f"{split}. Remove {folder}, or choose another {option('out')}."
            )


def same_classes(there: tuple[str, ...], dataset: Dataset, path: Path) -> None:
    """Raise DataError where the set that `path` belongs to has other classes."""
    if there != dataset.classes:
        raise DataError(
            f"{path}: the set there has the classes {', '.join(there)}; this one has "
            f"{', '.join(dataset.classes)}. Choose another {option('out')}."
        )


def _same(one: Path, other: Path) -> bool:
    """Tell whether both are files of the same bytes."""
    return os.path.isfile(one) and os.path.isfile(other) and filecmp.cmp(one, other, shallow=False)


def _elsewhere(place: Path, what: str) -> DataError:
    return DataError(
        f"{place}: the set there has {what}: it would not be read as before. Choose another "
        f"{option('out')}."
    )
