"""Pictures of findings: the boxes concerned, near by where they are small, with what they leave."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PILImage

from detect.checks.findings import Finding, Seen
from detect.errors import DataError
from detect.images import read_image, shrink
from detect.report.images import jpeg_url
from detect.structures import Image, Size
from detect.visualize import contact_sheet
from detect.visualize.canvas import Canvas, printable
from detect.visualize.colours import VERMILLION, Style, class_colour

# px: longer side of a picture, and of each of several side by side; narrowest part shown.
_LONGEST, _LONGEST_OF_SEVERAL, _NARROWEST = 800, 480, 64
_SEVERAL = 4
# A part is shown of so many times the sides of what it is about, unless that is most of the image.
_AROUND, _MOST = 3.0, 0.6
_THIN = 0.5  # width of a line, of labels that a finding is not about
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
    """Draw the objects of `finding`, all where it names none; beside its box all others, thin."""
    seen = finding.images[0]
    truth = seen.sample.annotations
    places = finding.objects or (() if finding.box else tuple(range(len(truth))))
    boxes = [_box(truth.boxes[place]) for place in places]
    boxes += [_box(finding.box)] if finding.box else []
    image = read_image(seen.sample.path)
    near = bool(finding.objects or finding.box)
    part = _part((image.shape[0], image.shape[1]), boxes, near=near)
    cut, scale = shrink(_cut(image, part), _LONGEST)
    canvas = Canvas(cut)
    for number, place in enumerate(places):
        label = int(truth.labels[place])
        # Two boxes that nearly coincide are of one class as a rule: told apart by their order.
        style = Style(class_colour(number if finding.objects else label))
        box, name = _moved(_box(truth.boxes[place]), part, scale), _name(seen, label)
        canvas.box(box, style)
        canvas.label(box, [f"{name}, object {truth.ids[place]}", name], style)
    if finding.box:
        for box, label in zip(truth.boxes, truth.labels.tolist(), strict=True):
            canvas.box(_moved(_box(box), part, scale), Style(class_colour(label), width=_THIN))
        canvas.box(_moved(_box(finding.box), part, scale), Style(VERMILLION, dash=(5, 3)))
    return canvas.finish([])


def _whole(seen: Seen) -> Image:
    """Draw all objects of an image, small and without their names, which would hide it."""
    image, scale = shrink(read_image(seen.sample.path), _LONGEST_OF_SEVERAL)
    canvas, truth = Canvas(image), seen.sample.annotations
    for box, label in zip(truth.boxes * scale, truth.labels.tolist(), strict=True):
        canvas.box(box.tolist(), Style(class_colour(label)))
    picture, _ = shrink(canvas.finish([]), _LONGEST_OF_SEVERAL)
    return picture


def _name(seen: Seen, label: int) -> str:
    return printable(seen.classes[label], label)


def _part(size: Size, boxes: Sequence[Box], *, near: bool) -> Box:
    """Return the part of an image to show: with all `boxes`, where they are `near` little more.

    It may be larger than the image, by half of that on each side at most.
    """
    height, width = size
    if not boxes:
        return 0, 0, width, height
    x1, y1 = (min(box[place] for box in boxes) for place in (0, 1))
    x2, y2 = (max(box[place] for box in boxes) for place in (2, 3))
    side = max(_AROUND * max(x2 - x1, y2 - y1), _NARROWEST)
    if near and side < _MOST * max(height, width):
        left, top = _start((x1 + x2) / 2, side, width), _start((y1 + y2) / 2, side, height)
        return left, top, left + side, top + side
    left, top = max(min(x1, 0), -width / 2), max(min(y1, 0), -height / 2)
    right, bottom = min(max(x2, width), 1.5 * width), min(max(y2, height), 1.5 * height)
    return left, top, right, bottom


def _start(middle: float, side: float, length: float) -> float:
    """Return where a window of `side` around `middle` begins, moved inside 0 to `length`.

    What it is about may lie outside: then it stays there.
    """
    start = middle - side / 2
    return min(max(start, 0), max(length - side, 0)) if 0 <= middle <= length else start


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
    x1, y1, x2, y2 = (float(value) for value in values)
    return x1, y1, x2, y2
