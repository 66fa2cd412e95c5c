"""Greedy non-maximum suppression: of boxes that overlap the best stays (arXiv 1311.2524)."""

import numpy as np

from detect.boxes import Floats, as_columns, iou
from detect.structures import BoolArray, IntArray

_AT_ONCE = 64  # boxes compared with each other; more is not faster


def nms(boxes: Floats, threshold: float, most: int | None = None) -> IntArray:
    """`boxes` (N, 4), best first -> places (K,) of those that no better one kept suppresses.

    A box is suppressed by one of IoU > `threshold` with it. Only the first `most` are looked for.
    torchvision's would go on to the last box; here the cap ends it, and torch is not needed.
    """
    most = len(boxes) if most is None else most
    columns, kept = as_columns(boxes), np.zeros(0, np.int64)
    for start in range(0, len(boxes), _AT_ONCE):
        part = columns[:, start : start + _AT_ONCE]
        near = iou(columns[:, kept, None], part[:, None]) > threshold
        left = start + np.flatnonzero(~near.any(axis=0))
        among = columns[:, left]
        kept = np.append(kept, left[_survivors(iou(among[:, :, None], among[:, None]) > threshold)])
        if len(kept) >= most:
            break
    return kept[:most]


def nms_per_class(
    boxes: Floats, labels: IntArray, threshold: float, most: int | None = None
) -> IntArray:
    """`boxes` (N, 4), `labels` (N,), best first -> places (K,), ascending, of `nms` in each class.

    At most `most` of a class.
    """
    parts = [np.zeros(0, np.int64)]
    for label in np.unique(labels).tolist():
        places = np.flatnonzero(labels == label)
        parts.append(places[nms(boxes[places], threshold, most)])
    return np.sort(np.concatenate(parts))


def _survivors(near: BoolArray) -> BoolArray:
    """`near` (N, N), best first -> which (N,) are left when each one left removes those near it."""
    alive = np.ones(len(near), np.bool_)
    for place, row in enumerate(near):
        if alive[place]:
            alive[place + 1 :] &= ~row[place + 1 :]
    return alive
