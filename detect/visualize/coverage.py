"""What each source of proposals covers: the best box of every object, a panel a source."""

import math

import numpy as np
from numpy.typing import NDArray

from detect.boxes import iou_matrix
from detect.structures import Annotations, FloatArray, Image, Proposals
from detect.visualize.canvas import Canvas, Entry
from detect.visualize.colours import GREEN, GREY, SKY, YELLOW, Style

# IoU that R-CNN counts as covered, and one from which a box needs no regression (ours).
_COVERED, _WELL = 0.5, 0.7
_WELL_STYLE, _COVERED_STYLE = Style(GREEN), Style(SKY, dash=(9, 2))
_MISSED_STYLE = Style(YELLOW, dash=(5, 4))
_OTHER_STYLE = Style(GREY, opacity=0.35, width=0.4, edged=False)
# Of the other boxes, so that the objects stay visible.
_OTHERS_DRAWN = 60
_GAP = 12  # px of white between panels


def draw_coverage(image: Image, proposals: Proposals, annotations: Annotations) -> Image:
    """Draw on copies of `image` (H, W, 3), side by side, what each source covers -> (H', W', 3).

    Of every object (crowd regions aside) the box of the largest IoU: green from 0.7, blue dashed
    from 0.5; below that the object itself, dashed yellow. Around them some of the source's other
    boxes in grey.
    """
    names = list(dict.fromkeys(proposals.sources.tolist())) or ["no proposals"]
    truths = annotations.boxes[~annotations.crowd]
    panels = [
        _panel(image, name, proposals.boxes[proposals.sources == name], truths) for name in names
    ]
    height = max(len(panel) for panel in panels)
    padded = [_padded(panel, height, _GAP * (place > 0)) for place, panel in enumerate(panels)]
    return np.concatenate(padded, axis=1)


def _panel(image: Image, name: str, boxes: FloatArray, truths: FloatArray) -> Image:
    canvas = Canvas(image)
    overlaps = iou_matrix(truths, boxes)
    best = overlaps.max(axis=1, initial=0.0)
    for box in boxes[:_OTHERS_DRAWN]:
        canvas.box(box, _OTHER_STYLE)
    rows = np.argsort(best, kind="stable").tolist()
    drawn = [
        (_style(best[row]), _best_box(row, overlaps, boxes, truths), best[row]) for row in rows
    ]
    for style, box, _ in drawn:
        canvas.box(box, style)
    for style, box, iou in drawn:
        # Rounded down: an object missed by a hair does not read as covered.
        canvas.label(box, [f"{math.floor(100 * iou) / 100:.2f}"], style)
    return canvas.finish(_legend(name, len(boxes), best))


def _best_box(
    row: int, overlaps: NDArray[np.float64], boxes: FloatArray, truths: FloatArray
) -> list[float]:
    """Return the best box of object `row`, or the object where none covers it."""
    if overlaps[row].max(initial=0.0) < _COVERED:
        return [float(value) for value in truths[row]]
    return [float(value) for value in boxes[overlaps[row].argmax()]]


def _style(iou: float) -> Style:
    if iou >= _WELL:
        return _WELL_STYLE
    return _COVERED_STYLE if iou >= _COVERED else _MISSED_STYLE


def _legend(name: str, count: int, best: NDArray[np.float64]) -> list[Entry]:
    well, covered = int((best >= _WELL).sum()), int((best >= _COVERED).sum())
    return [
        (None, f"{name}: {count:,} boxes"),
        (_WELL_STYLE, f"IoU ≥ {_WELL:g}: {well}"),
        (_COVERED_STYLE, f"≥ {_COVERED:g}: {covered - well}"),
        (_MISSED_STYLE, f"missed {len(best) - covered}"),
    ]


def _padded(panel: Image, height: int, gap: int) -> Image:
    below = height - len(panel)
    return np.pad(panel, ((0, below), (gap, 0), (0, 0)), constant_values=255)
