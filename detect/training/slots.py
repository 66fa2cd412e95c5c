"""Which of MultiBox's slots stands for which object, and which are left out.

Coordinates are fractions of the window. Erhan et al., arXiv 1312.2249, section 3: each object
gets one slot, each slot at most one object; SSD (arXiv 1512.02325, section 2.2) gives an object
every slot whose prior overlaps it enough.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detect.boxes import coverage_matrix, iou_matrix
from detect.matching import BACKGROUND
from detect.structures import BoolArray, FloatArray, IntArray

Costs = NDArray[np.float64]

# As in detect.matching: half of a slot's prior in a crowd region, and nobody knows what it is.
_CROWD_COVERAGE = 0.5


@dataclass(frozen=True, eq=False)
class Slots:
    """What the K slots of one window are: `truths` (K,) an object or BACKGROUND; `ignored` (K,)."""

    truths: IntArray
    ignored: BoolArray


def squared_distances(boxes: FloatArray, priors: FloatArray) -> Costs:
    """`boxes` (M, 4), `priors` (K, 4) -> squared distances of the corners (M, K)."""
    difference = boxes[:, None].astype(np.float64) - priors[None]
    return np.asarray((difference**2).sum(axis=2))


def one_to_one(costs: Costs) -> IntArray:
    """`costs` (M, K) -> the slot of each object (M,), of the least sum; distinct.

    With more objects than slots those that raise the sum least to leave out get -1. Scipy's
    linear_sum_assignment (Hungarian method).
    """
    slots = np.full(len(costs), -1, np.int64)
    rows, columns = linear_sum_assignment(costs)
    slots[rows] = columns
    return slots


def assign_slots(
    boxes: FloatArray,
    crowd: FloatArray,
    priors: FloatArray,
    costs: Costs | None,
    positive_iou: float = 0.5,
    ignore_iou: float = 0.0,
) -> Slots:
    """`boxes` (M, 4) objects, `crowd` (R, 4) regions, `priors` (K, 4) -> Slots of K.

    With `costs` (M, K) one slot an object, of the least sum. With None every slot whose prior
    has `positive_iou` with an object stands for the object of the largest IoU, and each object's
    own best slot for it in any case. What is left and overlaps an object above `ignore_iou`
    (0: nothing), or lies half in a crowd region, is ignored.
    """
    overlaps = iou_matrix(boxes, priors)
    truths = np.full(len(priors), BACKGROUND, np.int64)
    if len(boxes):
        if costs is None:
            near = overlaps.max(axis=0) >= positive_iou
            truths[near] = overlaps.argmax(axis=0)[near]
            costs = -overlaps
        slots = one_to_one(costs)
        matched = np.flatnonzero(slots >= 0)
        truths[slots[matched]] = matched
    close = overlaps.max(axis=0, initial=0.0) > ignore_iou if ignore_iou else np.zeros(1, np.bool_)
    if len(crowd):
        close = close | (coverage_matrix(priors, crowd) >= _CROWD_COVERAGE).any(axis=1)
    return Slots(truths, (truths == BACKGROUND) & close)
