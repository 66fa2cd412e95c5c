"""Weighted boxes fusion: networks' boxes are averaged, not chosen from.

Solovyev, Wang and Gabruseva, arXiv 1910.13302, section 3.1.
"""

from collections.abc import Sequence

import numpy as np

from detect.boxes import SMALLEST, Doubles, Floats, as_columns, iou
from detect.ensemble.averaging import network_shares
from detect.ensemble.candidates import Selected, best_first, best_of_each
from detect.ensemble.selection import select


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


def _fuse_classes(found: Selected, networks: int, fusion_iou: float) -> Selected:
    """Fuse the boxes of each label among themselves; `found` and the result best first."""
    boxes, labels, scores = found
    parts: list[Selected] = []
    for label in np.unique(labels).tolist():
        own = labels == label
        fused, values = fuse(boxes[own], scores[own], networks, fusion_iou)
        parts.append((fused.astype(np.float32), np.full(len(fused), label, np.int64), values))
    if not parts:
        return found
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return best_first(*columns)


def fuse(
    boxes: Floats, scores: Doubles, networks: int, fusion_iou: float
) -> tuple[Doubles, Doubles]:
    """`boxes` (N, 4), `scores` (N,) of one class, best first -> `boxes` (K, 4), `scores` (K,).

    A box joins the fused box it overlaps most, if by more than `fusion_iou`, else it begins one.
    Coordinates are means weighted by the scores; a score is the mean of the cluster's T boxes
    (the algorithm's step 6) times min(T, `networks`) / `networks` (step 7).
    """
    columns, fused = as_columns(boxes), np.empty((5, len(boxes)))
    # Of score * -x1, -y1, x2, y2, score and 1 of each box, and their sums in each cluster.
    parts = np.concatenate([columns[:4] * scores, scores[None], np.ones((1, len(scores)))]).T
    sums = np.empty_like(parts)
    count = 0
    for place, part in enumerate(parts):
        box = columns[:, place]
        nearest = _nearest(box, fused[:, :count], fusion_iou)
        if nearest == count:
            sums[count], fused[:, count] = part, box
            count += 1
            continue
        sums[nearest] += part
        left, top, right, bottom, total, _ = sums[nearest].tolist()
        if total:  # Scores of 0, possible at threshold 0, move nothing.
            left, top, right, bottom = left / total, top / total, right / total, bottom / total
            area = max(left + right, 0.0) * max(top + bottom, 0.0)
            fused[:, nearest] = left, top, right, bottom, max(area, SMALLEST)
    totals, members = sums[:count, 4:].T
    shares = np.minimum(members, networks) / networks
    found = fused[:4, :count].T * (-1, -1, 1, 1)
    return found, totals / members * shares


def _nearest(box: Doubles, fused: Doubles, fusion_iou: float) -> int:
    """Return the place in `fused` (5, K) that `box` (5,) belongs to, K for a new one."""
    if not fused.size:
        return 0
    overlaps = iou(box[:, None], fused)
    place = int(overlaps.argmax())
    return place if overlaps[place] > fusion_iou else len(overlaps)
