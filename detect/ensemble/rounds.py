"""Iterative localisation: the best regions are cropped again where they moved to, scored and moved.

MR-CNN, arXiv 1505.01749, section "Object Localization", "Iterative Localization": the candidates of
all rounds together go to NMS and vote. Which regions go on is ours: the best so many, not those
above a score, so that an image costs the same whatever it shows. R-CNN found "that iterating does
not improve" (arXiv 1311.2524v5, appendix C), of a regression from pooled features.
"""

from dataclasses import dataclass

import numpy as np

from detect.boxes import Floats
from detect.ensemble.averaging import average
from detect.ensemble.candidates import best_first
from detect.structures import FloatArray

# Regions of an image that are cropped again where nobody says how many: ours.
AGAIN = 100


@dataclass(frozen=True)
class Rounds:
    """How often regions are looked at: `count` times, after the first the best `again` of each.

    ValueError on a count below 1, and on several rounds of no region.
    """

    count: int = 1
    again: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.count < 1 or (self.count > 1 and self.again < 1):
            raise ValueError(f"expected rounds from 1, of 1 region or more, got {self}")

    def later(self, regions: float) -> float:
        """Return how many regions the later rounds of an image of so many `regions` have."""
        return (self.count - 1) * min(self.again, regions)


def moved_best(boxes: FloatArray, moved: FloatArray, scores: Floats, most: int) -> FloatArray:
    """Return where the best `most` of the regions `boxes` (N, 4) moved to (K, 4), best first.

    `scores` (M, N, C+1) of M networks are averaged; a region is as good as its best class, and of
    `moved` (N, C, 4) that class's box counts; or `moved` (N, 4). Regions that stay are left out.
    """
    mean = average(scores)[:, :-1]
    labels = mean.argmax(axis=1)
    rows = np.arange(len(boxes))
    own = moved if moved.ndim == 2 else moved[rows, labels]
    rows = rows[(own != boxes).any(axis=1)]
    found, _, _ = best_first(own[rows], labels[rows], mean[rows, labels[rows]])
    return found[:most]
