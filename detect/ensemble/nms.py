"""Threshold, per-class NMS, cap: R-CNN's selection."""

import numpy as np
from numpy.typing import NDArray

from detect.ensemble.candidates import Selected, candidates
from detect.ensemble.overlaps import as_columns, iou_with
from detect.structures import BoolArray

Floats = NDArray[np.floating]

_AT_ONCE = 64  # boxes compared with each other; more is not faster


def select(
    boxes: Floats,
    probabilities: Floats,
    threshold: float = 0.01,
    nms: float = 0.3,
    per_class: int = 100,
) -> Selected:
    """`boxes` (N, 4), `probabilities` (N, C+1), background last -> detections (K), best first.

    Returns `boxes` (K, 4), `labels` (K,) 0-based foreground and `scores` (K,). A box counts once
    for every class with a probability of at least `threshold` (ours; the paper gives none);
    within a class a box with IoU > `nms` with a better one goes (0.3: R-CNN, arXiv 1311.2524,
    rcnn_test.m), and the best `per_class` stay (100: the same file). The result does not depend
    on the order of the boxes: equal scores go by coordinates. Raises ValueError on other shapes.
    """
    chosen, labels, scores = candidates(boxes, probabilities, threshold)
    parts = [np.zeros(0, np.int64)]
    for label in np.unique(labels).tolist():
        own = np.flatnonzero(labels == label)
        parts.append(own[_greedy(chosen[own], nms, per_class)])
    kept = np.sort(np.concatenate(parts))
    return chosen[kept], labels[kept], scores[kept]


def _greedy(boxes: Floats, nms: float, most: int) -> NDArray[np.int64]:
    """Return the first `most` of `boxes` (N, 4), best first, that no better one suppresses.

    torchvision's would go on to the last box; here the cap ends it, and torch is not needed.
    """
    columns, kept = as_columns(boxes), np.zeros(0, np.int64)
    for start in range(0, len(boxes), _AT_ONCE):
        part = columns[:, start : start + _AT_ONCE]
        near = iou_with(columns[:, kept, None], part[:, None]) > nms
        left = start + np.flatnonzero(~near.any(axis=0))
        among = columns[:, left]
        kept = np.append(kept, left[_survivors(iou_with(among[:, :, None], among[:, None]) > nms)])
        if len(kept) >= most:
            break
    return kept[:most]


def _survivors(near: BoolArray) -> BoolArray:
    """`near` (N, N), best first -> which (N,) are left when each one left removes those near it."""
    alive = np.ones(len(near), np.bool_)
    for place, row in enumerate(near):
        if alive[place]:
            alive[place + 1 :] &= ~row[place + 1 :]
    return alive
