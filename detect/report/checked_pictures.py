"""Pictures of findings: the boxes concerned, near by where they are small, with what they leave."""

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image as PILImage

from detect.checks.findings import Finding, Seen
from detect.errors import DataError
from detect.images import read_image, shrink
from detect.report.images import jpeg_url
from detect.structures import Image
from detect.visualize import contact_sheet
from detect.visualize.canvas import Canvas, printable
from detect.visualize.colours import VERMILLION, Style, class_colour

# px: longer side of a picture, and of each of several side by side; narrowest part shown.
_LONGEST, _LONGEST_OF_SEVERAL, _NARROWEST = 800, 480, 120
_SEVERAL = 4
# A part is shown of so many times the sides of what it is about, unless that is most of the image.
_AROUND, _MOST = 3.0, 0.6
_GROUND = 235  # grey beside an image that boxes leave
# Findings whose boxes are of no use on a picture, or are not about one.
WITHOUT = frozenset({"fractions", "missing", "unreadable", "few", "names"})

Box = tuple[float, float, float, float]


def picture_url(finding: Finding) -> str | None:
    """Return a data URL of what `finding` is about; None where there is nothing to show."""
    if finding.kind in WITHOUT or not finding.images:
        return None
    try:
        if len(finding.images) == 1:
            return jpeg_url(_single(finding))
        several = [_whole(seen) for seen in finding.images[:_SEVERAL]]
    except DataError:  # said by another finding
        return None
    return jpeg_url(contact_sheet(several, 2))


def _single(finding: Finding) -> Image:
    """Draw the objects and the box of `finding`, all objects where it names none."""
    seen = finding.images[0]
    truth = seen.sample.annotations
    places = finding.objects or (() if finding.box else tuple(range(len(truth))))
    boxes = [_box(truth.boxes[place]) for place in places] + [_box(finding.box or ())]
    image = read_image(seen.sample.path)
    part = _part(image, [box for box in boxes if box], near=bool(finding.objects or finding.box))
    cut, scale = shrink(_cut(image, part), _LONGEST)
    canvas = Canvas(cut)
    for place in places:
        _draw(canvas, seen, place, part, scale)
    if finding.box:
        canvas.box(_moved(_box(finding.box), part, scale), Style(VERMILLION, dash=(5, 3)))
    return canvas.finish([])


def _whole(seen: Seen) -> Image:
    """Draw all objects of an image."""
    image, scale = shrink(read_image(seen.sample.path), _LONGEST_OF_SEVERAL)
    canvas, part = Canvas(image), (0.0, 0.0, 0.0, 0.0)
    for place in range(len(seen.sample.annotations)):
        _draw(canvas, seen, place, part, scale)
    picture, _ = shrink(canvas.finish([]), _LONGEST_OF_SEVERAL)
    return picture


def _draw(canvas: Canvas, seen: Seen, place: int, part: Box, scale: float) -> None:
    truth = seen.sample.annotations
    label = int(truth.labels[place])
    box, style = _moved(_box(truth.boxes[place]), part, scale), Style(class_colour(label))
    canvas.box(box, style)
    name = printable(seen.classes[label], label)
    canvas.label(box, [f"{name}, object {truth.ids[place]}", name], style)


def _part(image: Image, boxes: Iterable[Box], *, near: bool) -> Box:
    """Return the part of `image` to show: with all `boxes`, where they are `near` little more.

    It may be larger than the image, by half of that on each side at most.
    """
    height, width = image.shape[:2]
    whole = np.array([0.0, 0.0, width, height])
    corners = np.array(list(boxes)).reshape(-1, 4)
    if not len(corners):
        return _box(whole)
    x1, y1, x2, y2 = [*corners[:, :2].min(axis=0), *corners[:, 2:].max(axis=0)]
    half = max(_AROUND * max(x2 - x1, y2 - y1), _NARROWEST) / 2
    across, down = (x1 + x2) / 2, (y1 + y2) / 2
    window = np.array([across - half, down - half, across + half, down + half])
    if near and 2 * half < _MOST * max(height, width):
        return _box(_within(window, width, height))
    most = np.array([-width, -height, 3 * width, 3 * height]) / 2
    inner = np.array([x1, y1, x2, y2])
    outer = np.concatenate([np.minimum(whole[:2], inner[:2]), np.maximum(whole[2:], inner[2:])])
    return _box(np.concatenate([np.maximum(outer[:2], most[:2]), np.minimum(outer[2:], most[2:])]))


def _within(window: np.ndarray, width: int, height: int) -> np.ndarray:
    """Move `window` into the image as far as it goes; what it is about may lie outside."""
    side = window[2] - window[0]
    x = min(max(window[0], 0), max(width - side, 0)) if 0 <= window[0] + side / 2 <= width else None
    y = min(max(window[1], 0), max(height - side, 0)) if 0 <= window[1] + side / 2 <= height else None
    left, top = window[0] if x is None else x, window[1] if y is None else y
    return np.array([left, top, left + side, top + side])


def _cut(image: Image, part: Box) -> Image:
    """Return the `part` of `image`, grey where that is beside it."""
    x1, y1, x2, y2 = (round(value) for value in part)
    sheet = PILImage.new("RGB", (max(1, x2 - x1), max(1, y2 - y1)), (_GROUND,) * 3)
    height, width = image.shape[:2]
    rows, columns = slice(max(y1, 0), min(y2, height)), slice(max(x1, 0), min(x2, width))
    inside = np.ascontiguousarray(image[rows, columns])
    if inside.size:
        sheet.paste(PILImage.fromarray(inside), (max(-x1, 0), max(-y1, 0)))
    return np.asarray(sheet)


def _moved(box: Box, part: Box, scale: float) -> Box:
    """Return `box` of the image as it lies in `part`, px of what is `scale` times as large."""
    left, top = round(part[0]), round(part[1])
    x1, y1, x2, y2 = box
    return (x1 - left) * scale, (y1 - top) * scale, (x2 - left) * scale, (y2 - top) * scale


def _box(values: Sequence[float] | np.ndarray) -> Box:
    return tuple(float(value) for value in values)  # type: ignore[return-value]
