"""Box voting: what NMS leaves moves to where the regions around it say the object is.

MR-CNN, arXiv 1505.01749, section "Object Localization", "Bounding box voting": boxes of the same
class weigh max(0, score), SVMs' there, and vote from IoU 0.5. How low a score votes is ours.
"""

import numpy as np

from detect.boxes import Doubles, Floats, as_columns, iou
from detect.ensemble.candidates import Selected

# Regions that score less do not vote, whatever the lowest score written: so the same ones vote in
# a run and when its kept scores are recombined by another threshold. See docs/measured.md.
LOWEST_VOTER = 0.02

# Pairs of boxes compared at once: some 15 MB, whatever there is of a class.
_PAIRS = 2**17


def vote(found: Selected, voters: Selected, vote_iou: float) -> Selected:
    """Return `found` with every box the mean of `voters` of its label, weighted by their scores.

    Those of IoU >= `vote_iou` with it vote, with max(0, score); where none does it stays. Labels,
    scores and order are those of `found`.
    """
    boxes, labels, scores = found
    moved = boxes.copy()
    for label in np.unique(labels).tolist():
        own, others = labels == label, voters[1] == label
        moved[own] = _means(boxes[own], voters[0][others], voters[2][others], vote_iou)
    return moved, labels, scores


def _means(boxes: Floats, voters: Floats, scores: Doubles, vote_iou: float) -> Doubles:
    """`boxes` (K, 4), `voters` (N, 4), `scores` (N,) of one class -> what was voted (K, 4)."""
    columns, found = as_columns(voters)[:, None], boxes.astype(np.float64)
    weights, corners = np.maximum(scores, 0), voters.astype(np.float64)
    at_once = max(1, _PAIRS // max(1, len(voters)))
    for start in range(0, len(boxes), at_once):
        part = found[start : start + at_once]
        votes = weights * (iou(as_columns(part)[:, :, None], columns) >= vote_iou)
        totals = votes.sum(axis=1)
        voted = totals > 0
        part[voted] = votes[voted] @ corners / totals[voted, None]
    return found
