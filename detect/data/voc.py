"""PASCAL VOC: `Annotations/ID.xml`, `JPEGImages/ID.*`, `ImageSets/Main/SPLIT.txt`, and alike.

Other places of the same files: voc_places.py. Boxes are 1-based and inclusive (VOC devkit,
2007-2012). The class list is `classes.txt` at the root, else the sorted names over all annotations
of every split.
"""

from pathlib import Path

from detect.data.annotation_xml import AnnotationXml, parse, size_of, to_annotations
from detect.data.image_files import ImageFiles
from detect.data.split import Skipping, read_names
from detect.data.voc_places import VocPlaces, find_places
from detect.data.voc_xml import xml_in
from detect.errors import DataError
from detect.structures import Dataset, Sample

LAYOUT = "voc"
_SHIFT = (-1, -1, 0, 0)


def matches(root: Path) -> bool:
    """Tell whether `root` is laid out as VOC, or alike."""
    return find_places(root) is not None


def read(
    root: Path, split: str | None, skip_bad: bool = False, need_images: bool = True
) -> Dataset:
    """Read one split; DataError for anything wrong with the list, a file or an annotation.

    The image may have any usual extension and any content. Sizes come from the XML, from the
    image's header where that says 0x0. With `skip_bad` a bad sample is left out and recorded; an
    XML that does not parse outside the split then only adds no class names.
    """
    places = find_places(root)
    if places is None:
        raise ValueError(f"read: {root} is not laid out as VOC")
    name, listed = places.ids(split)
    files = _Annotations(places)
    classes = files.classes(skip_bad)
    labels = {name: label for label, name in enumerate(classes)}
    images, skipping, samples = ImageFiles(places.images), Skipping(skip_bad), []
    for image_id in listed:
        with skipping.guard():
            image, xml = images.find(image_id, need_images), files.take(image_id)
            size = size_of(xml, image)
            truth = to_annotations(xml, size, labels, _SHIFT)
            samples.append(Sample(image_id, image, size, truth))
    return Dataset(
        root=root,
        layout=LAYOUT,
        split=name,
        classes=classes,
        category_ids=tuple(range(1, len(classes) + 1)),
        samples=tuple(samples),
        listed=listed,
        skipped_marked=tuple(skipping.lines),
    )


class _Annotations:
    """The XML files of a set, each parsed at most once."""

    def __init__(self, places: VocPlaces) -> None:
        self._folder = places.annotations
        self._names = places.root / "classes.txt"
        self._parsed: dict[str, AnnotationXml] = {}

    def take(self, image_id: str) -> AnnotationXml:
        """Return the annotation of `image_id`, and hold it no longer; DataError as `parse`."""
        return self._parsed.pop(image_id, None) or parse(self._folder / f"{image_id}.xml")

    def classes(self, skip_bad: bool) -> tuple[str, ...]:
        """Return the class list (module docstring)."""
        if self._names.is_file():
            return read_names(self._names)
        skipping, names = Skipping(skip_bad), set[str]()
        for path in xml_in(self._folder, "**/*.xml"):
            image_id = path.relative_to(self._folder).with_suffix("").as_posix()
            with skipping.guard():
                self._parsed[image_id] = parse(path)
                names.update(self._parsed[image_id].names)
        if not names:
            raise DataError(f"{self._folder}: no object in any annotation.")
        return tuple(sorted(names))
