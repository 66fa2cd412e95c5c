"""VOC's XML of an image: corners are 1-based and inclusive."""

import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from detect.data import image_size
from detect.errors import DataError, option
from detect.reading import shown
from detect.structures import Dataset, Sample

_TAGS = ("xmin", "ymin", "xmax", "ymax")
_NO_XML = re.compile(r"[\x00-\x08\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# The class, the corners as they are written, VOC's flag.
XmlObject = tuple[str, tuple[str, ...], bool]


def check_names(dataset: Dataset) -> None:
    """Raise DataError for a class that would be read by another name than it has."""
    for name in dataset.classes:
        if name.splitlines() != [name.strip()] or _NO_XML.search(name):
            meant = name.strip()
            clashes = meant != name and meant in dataset.classes
            beside = f", beside {shown(meant)}" * clashes
            raise DataError(
                f"{dataset.root}: the class {shown(name)}{beside}: in VOC's files a name has no "
                "spaces around it, no ends of lines and no control characters. Rename it, or "
                f"choose {option('to', 'coco')}."
            )


def xml_objects(sample: Sample, dataset: Dataset) -> Iterator[XmlObject]:
    """Yield the objects that VOC has a place for: all but crowd regions."""
    found = sample.annotations
    for place in (~found.crowd).nonzero()[0].tolist():
        corners = found.boxes[place] + np.array([1, 1, 0, 0], np.float32)
        name = dataset.classes[int(found.labels[place])]
        yield name, tuple(map(_number, corners)), bool(found.difficult[place])


def xml_of(sample: Sample, file_name: str, objects: list[XmlObject]) -> str:
    """Return the XML of an image that is written as `file_name`."""
    height, width = image_size(sample)
    lines = [
        "<annotation>",
        f"  <filename>{escape(file_name)}</filename>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
    ]
    for name, corners, difficult in objects:
        values = zip(_TAGS, corners, strict=True)
        box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in values)
        lines.append(
            f"  <object><name>{escape(name)}</name><difficult>{int(difficult)}</difficult>"
            f"<bndbox>{box}</bndbox></object>"
        )
    return "".join(f"{line}\n" for line in [*lines, "</annotation>"])


def _number(value: np.floating[Any]) -> str:
    """Return the shortest text that reads back as `value`, a whole number without a point."""
    return f"{int(value)}" if value == int(value) else repr(float(str(value)))
