"""Label Studio's JSON and JSON-MIN exports: tasks with regions in percent of their image.

https://labelstud.io/guide/export. Rectangles, turned ones too, ellipses and polygons are read, as
the box around them, with their label in them (RectangleLabels) or beside (Rectangle and Labels).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from detect.data.foreign_labels import bounds, class_name, floats, turned
from detect.data.named_images import Box, Labelled
from detect.data.split import Skipping
from detect.data.truth import SKIP_HINT
from detect.errors import DataError
from detect.images import EXTENSIONS
from detect.reading import RECORDS_BYTES, parse_records, read_text, shown

_WHAT = "Label Studio's export, a list of tasks"
# The kind of a region -> what its labels are called.
_KINDS = {"rectangle": "rectanglelabels", "ellipse": "ellipselabels", "polygon": "polygonlabels"}
# What tells the kind of a region whose labels are just called labels.
_SHAPES = {
    "rectangle": {"x", "y", "width", "height"},
    "ellipse": {"x", "y", "radiusX", "radiusY"},
    "polygon": {"points"},
}
# What regions of an image have, and choices, ratings and texts of a whole image have not.
_GEOMETRY = ("x", "y", "width", "height", "radiusX", "radiusY", "points", "vertices", "rle")
_PLACED = {"x", "points", "vertices", "rle", "imageDataURL"}
Region = dict[str, Any]


def read(path: Path, skipping: Skipping) -> list[Labelled]:
    """Read the file `path`; `skipping` takes wrong images. DataError for what is no such export.

    Tasks that nobody has annotated yet are refused as well, so that none is left out unseen.
    """
    text = read_text(path, _WHAT, RECORDS_BYTES)
    tasks = parse_records(text, path, _WHAT)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise DataError(f"{path}: expected {_WHAT}.")
    found = []
    for number, task in enumerate(tasks, 1):
        with skipping.guard():
            found.append(_task(task, f"{path}: task {task.get('id', number)}"))
    return found


def _task(task: dict[str, Any], where: str) -> Labelled:
    data = task.get("data", task)
    name = next(iter(_names(data)), "")
    if not name:
        raise DataError(f"{where}: no image among its data. {SKIP_HINT}")
    regions = list(_regions(task, where))
    sizes = {_size(region, where) for region in regions} - {None}
    if len(sizes) > 1:
        raise DataError(f"{where}: its regions are of images of several sizes. {SKIP_HINT}")
    size = next(iter(sizes), None)
    kept = _labelled(regions, where)
    if kept and size is None:
        raise DataError(f"{where}: no original_width and original_height. {SKIP_HINT}")
    names = tuple(class_name(_label(region), where) for region in kept)
    boxes = tuple(_box(region, size or (0, 0), where) for region in kept)
    return Labelled(where, name, size, names, boxes)


def _names(data: Any) -> Iterator[str]:
    """Yield what in a task's data may be the image: a path, a URL, one of local files (?d=)."""
    for value in data.values() if isinstance(data, dict) else ():
        if isinstance(value, str):
            path = unquote(value.partition("?d=")[2] or re.split(r"[?#]", value)[0])
            if Path(path).suffix.lower() in EXTENSIONS:
                yield path


def _regions(task: dict[str, Any], where: str) -> Iterator[Region]:
    """Yield the regions of the one annotation of a task, each with its value's keys."""
    if "annotations" not in task and "completions" not in task:  # JSON-MIN: under any name
        lists = [value for value in task.values() if isinstance(value, list)]
        entries = (one for each in lists for one in each if isinstance(one, dict))
        yield from (one for one in entries if not _PLACED.isdisjoint(one))
        return
    given = task.get("annotations", task.get("completions"))
    every = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    done = [one for one in every if not one.get("was_cancelled")]
    if len(done) != 1:
        raise DataError(
            f"{where}: {len(done)} annotations, expected one. Choose one in Label Studio (delete "
            f"the others), or label the image. {SKIP_HINT}"
        )
    result = done[0].get("result")
    for region in result if isinstance(result, list) else ():
        if isinstance(region, dict) and isinstance(region.get("value"), dict):
            yield {**region, **region["value"]}


def _labelled(regions: list[Region], where: str) -> list[Region]:
    """Return the regions that are objects; DataError for one in the image that gives no box.

    What else is told of an object (its bare shape, a choice, a text) has its id and its place.
    """
    kept = [region for region in regions if _kind(region)]
    told = set(map(_place, kept))
    for region in regions:
        if not (_kind(region) or _PLACED.isdisjoint(region) or _place(region) in told):
            raise DataError(
                f"{where}: region {shown(region.get('id', ''))}: a "
                f"{shown(region.get('type', 'region'))} that gives no box with a label. Expected a "
                f"rectangle, an ellipse or a polygon. {SKIP_HINT}"
            )
    return kept


def _place(region: Region) -> str:
    return str([region.get(key) for key in ("id", *_GEOMETRY)])


def _kind(region: Region) -> str:
    """Return the kind of a region with labels, "" for another (a bare shape, a choice, a text)."""
    shapes = (kind for kind, keys in _SHAPES.items() if "labels" in region and keys <= set(region))
    return next((kind for kind, key in _KINDS.items() if key in region), next(shapes, ""))


def _label(region: Region) -> Any:
    labels = region.get(_KINDS[_kind(region)], region.get("labels"))
    return labels[0] if isinstance(labels, list) and len(labels) == 1 else labels


def _size(region: Region, where: str) -> tuple[int, int] | None:
    sides = region.get("original_height"), region.get("original_width")
    if None in sides:
        return None
    height, width = floats(sides, where)
    return int(height), int(width)


def _box(region: Region, size: tuple[int, int], where: str) -> Box:
    """Return a region's box, xyxy px."""
    height, width = size
    where = f"{where}: region {shown(region.get('id', ''))}"
    if _kind(region) == "polygon":
        points = region.get("points")
        if not isinstance(points, list) or not all(isinstance(one, list) for one in points):
            raise DataError(f"{where}: points: expected a list of points. {SKIP_HINT}")
        corners = [floats(point[:2], where) for point in points]
        if any(len(corner) != 2 for corner in corners):
            raise DataError(f"{where}: expected points of two numbers. {SKIP_HINT}")
        return bounds([(x * width / 100, y * height / 100) for x, y in corners], where)
    keys = ("x", "y", "radiusX", "radiusY") if _kind(region) == "ellipse" else (
        "x", "y", "width", "height"
    )  # fmt: skip
    shares = floats([region.get(key) for key in keys], where)
    x, y, across, down = (
        share * side / 100 for share, side in zip(shares, (width, height) * 2, strict=True)
    )
    ellipse = _kind(region) == "ellipse"
    box = (x - across, y - down, x + across, y + down) if ellipse else (x, y, x + across, y + down)
    degrees = floats([region.get("rotation") or 0], where)[0]
    return bounds(turned(box, degrees, (x, y)), where) if degrees else box
