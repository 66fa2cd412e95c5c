"""Annotation files in VOC's XML, which ILSVRC DET uses with other pixel numbers."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from defusedxml import DefusedXmlException, ElementTree

from detect.data.listing import files_in
from detect.data.normal_forms import other_form
from detect.data.split import nearest
from detect.data.truth import SKIP_HINT, check_boxes
from detect.errors import DataError
from detect.images import read_size
from detect.reading import XML_BYTES, read_bytes
from detect.structures import Annotations, Size

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ROOT = "annotation"
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)["']""")
# What the XML parser does not decode itself.
_MULTIBYTE = re.compile(
    r"gb_?k|gb_?2312|gb_?18030|big5(hkscs)?|shift_?jis|sjis|euc_?(jp|kr)|cp9\d\d"
)


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
        form = other_form(path.name, (one.name for one in files_in(path.parent, "*.xml")))
        raise DataError(f"{path}: a listed image has no such annotation file{form}.")
    content = _decodable(read_bytes(path, "an annotation", XML_BYTES, SKIP_HINT), path)
    try:
        tree: Any = ElementTree.fromstring(content)
    except DefusedXmlException as error:
        raise DataError(
            f"{path}: the XML declares entities, which are refused (they can read other files or "
            "fill the memory). Remove its DOCTYPE."
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path}: the XML does not parse ({error}). {SKIP_HINT}") from error
    objects = tree.findall("object")
    _check_structure(tree, objects, path)
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
    corners = np.array(annotation.corners, np.float64).reshape(-1, 4)
    boxes = corners + np.array(shift)
    check_boxes(annotation.path, boxes, size, lambda index: _describe(annotation, index), corners)
    object_labels = [labels[name] for name in annotation.names]
    return Annotations(
        boxes.astype(np.float32),
        np.array(object_labels, np.int64),
        np.array(annotation.difficult, bool),
    )


def _decodable(content: bytes, path: Path) -> bytes | str:
    """Return `content`, decoded where the parser cannot; DataError for bytes of no such text.

    An XML that declares no encoding is UTF-8 (or UTF-16 with its mark): XML 1.0, section 4.3.3.
    """
    found = _DECLARED.match(content[:1000])
    declared = found[1].decode().lower() if found else "utf-8"
    is_ours = _MULTIBYTE.fullmatch(declared.replace("-", "_"))
    if not is_ours and (declared not in ("utf-8", "utf8") or content[:1] in (b"\xff", b"\xfe")):
        return content
    try:
        text = content.decode(declared)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} is no {declared.upper()}, which an XML is that declares "
            "no other encoding. Save it as UTF-8, or name its encoding in the first line, as in "
            f'<?xml version="1.0" encoding="gbk"?>. {SKIP_HINT}'
            if not found
            else f"{path}: byte {error.start} is no {declared.upper()}, as its first line "
            f"declares. Save it as UTF-8, or correct the first line. {SKIP_HINT}"
        ) from error
    return text if is_ours else content


def _check_structure(tree: Any, objects: list[Any], path: Path) -> None:
    """Raise DataError where objects may stand elsewhere than directly below <annotation>.

    They would count as none: those of another program, in a namespace, or one level deeper.
    """
    expected = f"Expected VOC's <{_ROOT}> with an <object> below it for each object. {SKIP_HINT}"
    if tree.tag != _ROOT:
        seen = f"<{tree.tag:.80}>"
        raise DataError(f"{path}: the XML begins with {seen}, {_kind(tree)}. {expected}")
    known = {id(each) for one in objects for each in one.iter()}
    for parent in tree.iter():
        for child in parent:
            name = child.tag.rpartition("}")[2].lower() if isinstance(child.tag, str) else ""
            if name in ("object", "bndbox") and id(child) not in known:
                raise DataError(
                    f"{path}: <{child.tag:.80}> stands below <{parent.tag:.80}>, where no object "
                    f"is looked for. {expected}"
                )


def _kind(tree: Any) -> str:
    """Return what an XML with another root is, in words."""
    if tree.tag == "annotations" and (tree.find("image") is not None or tree.find("meta")):
        return "as CVAT's own format does, which detect import turns into a data set"
    if tree.tag.startswith("{"):
        return "a name in a namespace (xmlns), which VOC has not"
    return "not as VOC's annotations do"


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
