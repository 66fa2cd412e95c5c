"""LabelMe's files: a JSON an image, with `imagePath` and `shapes` in pixels.

https://github.com/wkentaro/labelme. A shape's bounding box counts: of a rectangle (two corners), a
polygon, a circle (its centre and a point of it) and a mask (two corners). Pixels are continuous.
"""

import math
import posixpath
from pathlib import Path, PureWindowsPath
from typing import Any

from detect.data.foreign_labels import bounds, class_name, floats
from detect.data.listing import files_in
from detect.data.named_images import Box, Labelled
from detect.data.split import Skipping
from detect.data.truth import SKIP_HINT
from detect.errors import DataError
from detect.foreign import both_ends
from detect.reading import RECORDS_BYTES, parse_records, read_text, shown

_WHAT = "LabelMe's annotation of an image"


def is_file(path: Path) -> bool:
    """Tell whether `path` begins or ends as LabelMe's files do."""
    ends = both_ends(path)
    return (path.suffix == ".json" and b'"shapes"' in ends) or b'"imagePath"' in ends


def matches(folder: Path) -> bool:
    """Tell whether there are LabelMe's files directly in `folder`."""
    return any(map(is_file, files_in(folder, "*.json")[:20]))


def are_below(folder: Path) -> bool:
    """Tell whether there are LabelMe's files in `folder` or below it."""
    return any(map(is_file, files_in(folder, "**/*.json")))


def read(path: Path, skipping: Skipping) -> list[Labelled]:
    """Read the file `path`, or all in and below that folder; `skipping` takes wrong images."""
    found, root = [], path if path.is_dir() else path.parent
    for one in files_in(path, "**/*.json") if path.is_dir() else [path]:
        with skipping.guard():
            if is_file(one):
                found.append(_read(one, root))
    return found


def _read(path: Path, root: Path) -> Labelled:
    text = read_text(path, _WHAT, RECORDS_BYTES, SKIP_HINT)
    content = parse_records(text, path, _WHAT, SKIP_HINT)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError(f"{path}: expected {_WHAT}, with 'shapes'. {SKIP_HINT}")
    name = content.get("imagePath")
    if not isinstance(name, str) or not name:
        raise DataError(f"{path}: imagePath: expected the name of a file, got {shown(name)}.")
    sides = content.get("imageHeight"), content.get("imageWidth")
    size = tuple(map(int, floats(sides, str(path)))) if None not in sides else None
    places = [f"{path}: shape {number}" for number in range(1, len(shapes) + 1)]
    both = list(zip(shapes, places, strict=True))
    names = tuple(class_name(shape.get("label"), where) for shape, where in both)
    boxes = tuple(_box(shape, where) for shape, where in both)
    image, base = _from_root(name, path, root)
    return Labelled(str(path), image, size, names, boxes, base)  # type: ignore[arg-type]


def _from_root(name: str, path: Path, root: Path) -> tuple[str, Path | None]:
    """Return an `imagePath`, which starts from the folder of its file `path`, from `root`.

    One of a disk (/home, C:) has no such start: None.
    """
    name = name.replace("\\", "/")
    if name.startswith("/") or PureWindowsPath(name).drive:
        return name, None
    return posixpath.normpath(f"{path.parent.relative_to(root).as_posix()}/{name}"), root


def _box(shape: dict[str, Any], where: str) -> Box:
    kind, points = shape.get("shape_type", "polygon"), shape.get("points")
    if not isinstance(points, list) or not all(isinstance(one, list) for one in points):
        raise DataError(f"{where}: points: expected a list of points. {SKIP_HINT}")
    corners = [floats(point[:2], where) for point in points]
    if any(len(one) != 2 for one in corners):
        raise DataError(f"{where}: expected points of two numbers. {SKIP_HINT}")
    if kind == "circle" and len(corners) == 2:
        (x, y), edge = corners
        radius = math.dist((x, y), edge)
        return x - radius, y - radius, x + radius, y + radius
    if kind not in ("rectangle", "polygon", "mask", "rotation"):
        raise DataError(f"{where}: a {shown(kind)} has no box. {SKIP_HINT}")
    return bounds(corners, where)
