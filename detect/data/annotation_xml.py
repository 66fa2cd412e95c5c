"""Annotation files in VOC's XML, which ILSVRC DET uses with other pixel numbers."""

import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from defusedxml import DefusedXmlException, ElementTree

from detect.data.split import nearest
from detect.data.truth import SKIP_HINT, check_boxes
from detect.errors import DataError
from detect.images import read_size
from detect.reading import XML_BYTES, read_bytes
from detect.structures import Annotations, Size

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class AnnotationXml:
    """One file as written: `size` (H, W), None where it states none; the rest one an object.

    `corners` are xmin, ymin, xmax, ymax; `difficult` is VOC's flag.
    """

    path: Path
    size: Size | None
    names: tuple[str, ...]
    corners: tuple[tuple[float, ...], ...]
    difficult: tuple[bool, ...]


def parse(path: Path) -> AnnotationXml:
    """Read `path`; DataError where it is missing, does not parse, has entities, lacks a part."""
    if not os.path.exists(path):
        raise DataError(f"{path}: a listed image has no such annotation file.")
    content = read_bytes(path, "an annotation", XML_BYTES, SKIP_HINT)
    try:
        tree: Any = ElementTree.parse(io.BytesIO(content)).getroot()
    except DefusedXmlException as error:
        raise DataError(
            f"{path}: the XML declares entities, which are refused (they can read other files or "
            "fill the memory). Remove its DOCTYPE."
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path}: the XML does not parse ({error}). {SKIP_HINT}") from error
    objects = tree.findall("object")
    return AnnotationXml(
        path,
        _size(tree, path),
        tuple(_name(element, path, number) for number, element in enumerate(objects, 1)),
        tuple(_corners(element, path, number) for number, element in enumerate(objects, 1)),
        tuple(_number(element, "difficult", path, "0") != 0 for element in objects),
    )


def size_of(annotation: AnnotationXml, image: Path) -> Size | None:
    """Return the size (H, W) the file states, else that of `image`'s header.

    None where neither is there.
    """
    return annotation.size or (read_size(image) if image.exists() else None)


def to_annotations(
    annotation: AnnotationXml,
    size: Size | None,
    labels: Mapping[str, int],
    shift: tuple[int, int, int, int],
) -> Annotations:
    """Convert to half-open boxes by adding `shift` to the corners; check names and boxes.

    `shift` is (-1, -1, 0, 0) for VOC (1-based, inclusive), (0, 0, 1, 1) for ILSVRC (0-based,
    inclusive): under both a one-pixel object is 1 x 1. DataError for a name not in `labels`.
    """
    for name in annotation.names:
        if name not in labels:
            raise DataError(
                f"{annotation.path}: class {name!r} is not in the class list"
                f"{nearest(name, labels)}. Correct the name or the list."
            )
    boxes = np.array(annotation.corners, np.float64).reshape(-1, 4) + np.array(shift)
    check_boxes(annotation.path, boxes, size, lambda index: _describe(annotation, index))
    object_labels = [labels[name] for name in annotation.names]
    return Annotations(
        boxes.astype(np.float32),
        np.array(object_labels, np.int64),
        np.array(annotation.difficult, bool),
    )


def _describe(annotation: AnnotationXml, index: int) -> str:
    corners = " ".join(f"{value:g}" for value in annotation.corners[index])
    return f"object {index + 1} ({annotation.names[index]}), xmin ymin xmax ymax = {corners},"


def _size(tree: Any, path: Path) -> Size | None:
    """Return (H, W) as stated; None where the file states none, or 0x0 and the like."""
    element = tree.find("size")
    if element is None:
        return None
    height, width = (int(_number(element, side, path, "0")) for side in ("height", "width"))
    return (height, width) if height > 0 and width > 0 else None


def _name(element: Any, path: Path, number: int) -> str:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{path}: object {number} has no <name>. {SKIP_HINT}")
    return name


def _corners(element: Any, path: Path, number: int) -> tuple[float, ...]:
    box = element.find("bndbox")
    if box is None:
        raise DataError(f"{path}: object {number} has no <bndbox>. {SKIP_HINT}")
    return tuple(_number(box, corner, path, "") for corner in _CORNERS)


def _number(element: Any, tag: str, path: Path, default: str) -> float:
    """Return the number in child `tag`, or `default` where there is none (or it is empty)."""
    text = (element.findtext(tag) or "").strip() or default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        got = f"got {text!r}" if text else "there is none"
        raise DataError(f"{path}: <{tag}> must be a finite number, {got}. {SKIP_HINT}")
    return value
