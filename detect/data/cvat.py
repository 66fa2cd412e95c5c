"""CVAT's own XML, "CVAT for images 1.1": <annotations> of <image>, with boxes in pixels.

https://docs.cvat.ai/docs/manual/advanced/xml_format. Of polygons, ellipses and masks the bounding
box counts, of a turned box that of what it covers.
"""

from pathlib import Path
from typing import Any

from defusedxml import DefusedXmlException, ElementTree

from detect.data.foreign_labels import bounds, class_name, floats, turned
from detect.data.named_images import Box, Labelled
from detect.data.split import Skipping
from detect.data.truth import SKIP_HINT
from detect.errors import DataError
from detect.reading import RECORDS_BYTES, read_bytes, shown

_WHAT = "CVAT's annotations (CVAT for images 1.1)"
# Of an image, but no object.
_OTHER = ("tag",)


def read(path: Path, skipping: Skipping) -> list[Labelled]:
    """Read the file `path`; `skipping` takes wrong images. DataError for what is no such XML."""
    content = read_bytes(path, _WHAT, RECORDS_BYTES)
    try:
        tree: Any = ElementTree.fromstring(content)
    except DefusedXmlException as error:
        raise DataError(f"{path}: the XML declares entities, which are refused.") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path}: the XML does not parse ({error}). Expected {_WHAT}.") from error
    images = tree.findall("image")
    if tree.tag != "annotations" or not images:
        tracks = " It has tracks of a video: export its frames as CVAT for images 1.1." * bool(
            tree.findall("track")
        )
        raise DataError(f"{path}: expected {_WHAT}: <annotations> with <image>.{tracks}")
    found = []
    for number, image in enumerate(images, 1):
        with skipping.guard():
            found.append(_image(image, f"{path}: image {image.get('name') or number}"))
    return found


def _image(image: Any, where: str) -> Labelled:
    name = image.get("name")
    if not name:
        raise DataError(f"{where}: has no name. {SKIP_HINT}")
    shapes = [shape for shape in image if shape.tag not in _OTHER]
    width, height = floats((image.get("width"), image.get("height")), where)
    return Labelled(
        where,
        name,
        (int(height), int(width)),
        tuple(class_name(shape.get("label"), where) for shape in shapes),
        tuple(_box(shape, where) for shape in shapes),
    )


def _box(shape: Any, where: str) -> Box:
    where = f"{where}: {shape.tag} of {shown(shape.get('label'))}"
    degrees = floats([shape.get("rotation", 0)], where)[0]
    match shape.tag:
        case "box":
            x1, y1, x2, y2 = _numbers(shape, where, "xtl", "ytl", "xbr", "ybr")
        case "ellipse":
            x, y, across, down = _numbers(shape, where, "cx", "cy", "rx", "ry")
            x1, y1, x2, y2 = x - across, y - down, x + across, y + down
        case "mask":
            x1, y1, width, height = _numbers(shape, where, "left", "top", "width", "height")
            x2, y2 = x1 + width, y1 + height
        case "polygon":
            pairs = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
            if any(len(pair) != 2 for pair in pairs):
                raise DataError(f"{where}: points: expected x,y;x,y;... {SKIP_HINT}")
            return bounds([floats(pair, where) for pair in pairs], where)
        case _:
            raise DataError(f"{where}: such a shape has no box. {SKIP_HINT}")
    centre = ((x1 + x2) / 2, (y1 + y2) / 2)
    return bounds(turned((x1, y1, x2, y2), degrees, centre), where) if degrees else (x1, y1, x2, y2)


def _numbers(shape: Any, where: str, *keys: str) -> list[float]:
    return floats([shape.get(key) for key in keys], where)
