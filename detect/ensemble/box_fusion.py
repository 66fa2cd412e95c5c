"""Weighted boxes fusion: networks' boxes are averaged, not chosen from.

Solovyev, Wang and Gabruseva, arXiv 1910.13302, section 3.1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detect.boxes import iou_matrix
from detect.ensemble.averaging import network_shares
from detect.ensemble.candidates import Selected, best_first, best_of_each
from detect.ensemble.nms import select

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]


def select_fused(
    boxes: Floats,
    probabilities: Floats,
    weights: Sequence[float] | None = None,
    threshold: float = 0.01,
    nms: float = 0.3,
    per_class: int = 100,
    fusion_iou: float = 0.55,
) -> Selected:
    """`boxes` (N, 4), `probabilities` (M, N, C+1) of M networks -> detections (K), best first.

    Each network's own detections by `ensemble.select`, then fused within a class where IoU >
    `fusion_iou` (0.55: the paper, section 3.1), the scores times the network's share of
    `weights`; from `threshold` up, the best `per_class` of each class. One network alone comes
    out as `select` leaves it if `nms` <= `fusion_iou`. Raises ValueError as `average`.
    """
    shares = network_shares(probabilities, weights)
    used = np.flatnonzero(shares)
    found = [select(boxes, probabilities[place], threshold, nms, per_class) for place in used]
    # Shares of 1 on average: the scores of one network stay what they are.
    scaled = [one[2] * share for one, share in zip(found, shares[used] * len(used), strict=True)]
    every = best_first(
        np.concatenate([one[0] for one in found]),
        np.concatenate([one[1] for one in found]),
        np.concatenate(scaled),
    )
    fused = _fuse_classes(every, len(used), fusion_iou)
    enough = fused[2] >= np.float32(threshold)
    return best_of_each((fused[0][enough], fused[1][enough], fused[2][enough]), per_class)


def _fuse_classes(found: Selected, networks: int, iou: float) -> Selected:
    """Fuse the boxes of each label among themselves; `found` and the result best first."""
    boxes, labels, scores = found
    parts: list[Selected] = []
    for label in np.unique(labels).tolist():
        own = labels == label
        fused, values = fuse(boxes[own], scores[own], networks, iou)
        parts.append((fused, np.full(len(fused), label, np.int64), values))
    if not parts:
        return found
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return best_first(*columns)


def fuse(boxes: Floats, scores: Doubles, networks: int, iou: float) -> tuple[Doubles, Doubles]:
    """`boxes` (N, 4), `scores` (N,) of one class, best first -> `boxes` (K, 4), `scores` (K,).

    A box joins the fused box it overlaps most, if by more than `iou`, else it begins one.
    Coordinates are means weighted by the scores; a score is the mean of the cluster's T boxes
    (the algorithm's step 6) times min(T, `networks`) / `networks` (step 7).
    """
    boxes = boxes.astype(np.float64)
    fused, sums = np.empty_like(boxes), np.zeros_like(boxes)
    totals, members = np.zeros(len(boxes)), np.zeros(len(boxes))
    clusters = 0
    for box, score in zip(boxes, scores.tolist(), strict=True):
        place = _nearest(box, fused[:clusters], iou)
        clusters = max(clusters, place + 1)
        sums[place] += score * box
        totals[place] += score
        members[place] += 1
        # A score of 0, possible at threshold 0, moves nothing.
        fused[place] = sums[place] / totals[place] if totals[place] else box
    shares = np.minimum(members[:clusters], networks) / networks
    return fused[:clusters], totals[:clusters] / members[:clusters] * shares


def _nearest(box: Doubles, fused: Doubles, iou: float) -> int:
    """Return the place in `fused` (K, 4) that `box` (4,) belongs to, K for a new one."""
    overlaps = iou_matrix(box[None], fused)[0]
    place = int(overlaps.argmax()) if len(fused) else 0
    return place if len(fused) and overlaps[place] > iou else len(fused)
