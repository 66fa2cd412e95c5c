"""Boxes of one image: outside it, without area, in fractions, twice, too small for any region."""

from collections.abc import Iterator

import numpy as np

from detect.boxes import Floats, as_columns, iou
from detect.checks.findings import Finding, Seen, plural
from detect.data.truth import TOLERANCE
from detect.proposals.settings import SearchSettings
from detect.structures import Annotations, BoolArray, FloatArray, Size

# Two boxes above this IoU are one object drawn twice; ours. Objects side by side reach 0.5.
SAME_IOU = 0.9
# px; what Selective Search keeps of every preset. A smaller object can be covered in part only.
SMALLEST_SIDE = SearchSettings().min_side
ENOUGH_IOU = 0.5
_ROWS = 256  # compared with all others at once


def check_boxes(seen: Seen, actual: Size | None) -> Iterator[Finding]:
    """Yield what is wrong or odd about the boxes of one image, as far as an object has one fault.

    `actual` is the size (H, W) of the file, None where it cannot be read.
    """
    truth = seen.sample.annotations
    if not len(truth):
        return
    size = seen.sample.size or actual
    fractions = in_fractions(truth, size)
    if fractions.all():
        text = f"{seen.name}: {plural(len(truth), 'object')} within the first pixel of the image"
        yield Finding("fractions", text, (seen,), tuple(range(len(truth))), oddness=len(truth))
        return
    flat = np.asarray((truth.boxes[:, 2:] <= truth.boxes[:, :2]).any(axis=1))
    yield from _flat(seen, flat)
    if size is not None and not (actual is not None and fits(truth, actual)):
        yield from _outside(seen, size, flat)
    yield from _doubled(seen, ~flat)
    yield from _tiny(seen, ~flat)


def in_fractions(truth: Annotations, size: Size | None) -> BoolArray:
    """Tell of which boxes (N,) the corners are shares of the image: all at most 1, not all whole.

    VOC's reader has taken 1 off the first corner. No box is in an image of 2 px or less.
    """
    boxes = truth.boxes.astype(np.float64)
    whole = (boxes == np.round(boxes)).all(axis=1)
    small = (boxes[:, 2:] <= 1).all(axis=1) & (boxes >= -1).all(axis=1)
    return np.asarray(small & ~whole & (size is None or min(size) > 2))


def fits(truth: Annotations, size: Size) -> bool:
    """Tell whether every box lies in an image of `size` (H, W), as far as readers tolerate."""
    return not (_excess(truth, size) > TOLERANCE).any()


def object_name(seen: Seen, place: int) -> str:
    """Return how a line names an object: "object 3 (dog)", by its id where the source has one."""
    truth = seen.sample.annotations
    return f"object {truth.ids[place]} ({seen.classes[truth.labels[place]]})"


def _excess(truth: Annotations, size: Size) -> np.ndarray:
    """Return by how many px (N,) the boxes leave an image of `size`; negative within."""
    height, width = size
    boxes = truth.boxes.astype(np.float64)
    beyond = np.concatenate([-boxes[:, :2], boxes[:, 2:] - [width, height]], axis=1)
    return np.asarray(beyond.max(axis=1, initial=0.0))


def _flat(seen: Seen, flat: BoolArray) -> Iterator[Finding]:
    for place in np.flatnonzero(flat).tolist():
        box = seen.sample.annotations.boxes[place]
        text = f"{seen.name}: {object_name(seen, place)} is {_sides(box)} px, {_shown(box)}"
        yield Finding("flat", text, (seen,), (place,))


def _outside(seen: Seen, size: Size, flat: BoolArray) -> Iterator[Finding]:
    excess = _excess(seen.sample.annotations, size)
    for place in np.flatnonzero((excess > TOLERANCE) & ~flat).tolist():
        box = seen.sample.annotations.boxes[place]
        text = (
            f"{seen.name}: {object_name(seen, place)} {_shown(box)} leaves the image of "
            f"{size[1]}x{size[0]} px by {excess[place]:.4g} px"
        )
        yield Finding("outside", text, (seen,), (place,), oddness=float(excess[place]))


def _doubled(seen: Seen, sound: BoolArray) -> Iterator[Finding]:
    """Yield pairs of one class above SAME_IOU, and of two classes; crowds cover what is in them."""
    truth = seen.sample.annotations
    places = np.flatnonzero(sound & ~truth.crowd)
    columns = as_columns(truth.boxes[places])
    for start in range(0, len(places), _ROWS):
        overlaps = iou(columns[:, start : start + _ROWS, None], columns[:, None])
        rows, others = np.nonzero(overlaps > SAME_IOU)
        for row, other in zip((rows + start).tolist(), others.tolist(), strict=True):
            if row < other:
                overlap = float(overlaps[row - start, other])
                yield _pair(seen, int(places[row]), int(places[other]), overlap)


def _pair(seen: Seen, first: int, second: int, overlap: float) -> Finding:
    labels = seen.sample.annotations.labels
    kind = "doubled" if labels[first] == labels[second] else "two-classes"
    names = f"{object_name(seen, first)} and {object_name(seen, second)}"
    how = "have the same box" if overlap > 1 - 1e-6 else f"overlap by IoU {overlap:.2f}"
    text = f"{seen.name}: {names} {how}"
    return Finding(kind, text, (seen,), (first, second), oddness=overlap)


def _tiny(seen: Seen, sound: BoolArray) -> Iterator[Finding]:
    """Yield objects that no region of SMALLEST_SIDE a side or more covers by IoU 0.5."""
    truth = seen.sample.annotations
    best = most_iou(truth.boxes)
    for place in np.flatnonzero(sound & ~truth.crowd & (best < ENOUGH_IOU)).tolist():
        text = (
            f"{seen.name}: {object_name(seen, place)} is {_sides(truth.boxes[place])} px; regions "
            f"of {SMALLEST_SIDE:g} px a side reach an IoU of {best[place]:.2f} with it at most"
        )
        yield Finding("tiny", text, (seen,), (place,), oddness=1 - float(best[place]))


def most_iou(boxes: FloatArray) -> Floats:
    """Return the IoU (N,) that a region of SMALLEST_SIDE a side or more can have with each box."""
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    return np.asarray(sides.prod(axis=1) / np.maximum(sides, SMALLEST_SIDE).prod(axis=1))


def _sides(box: np.ndarray) -> str:
    return f"{box[2] - box[0]:.4g}x{box[3] - box[1]:.4g}"


def _shown(box: np.ndarray) -> str:
    """Return where a box is, as boxes are here (docs/conventions.md)."""
    return f"from ({box[0]:.4g}, {box[1]:.4g}) to ({box[2]:.4g}, {box[3]:.4g})"
