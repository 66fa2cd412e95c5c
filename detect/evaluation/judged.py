"""Detections judged by VOC's rule, with the objects that each of them overlaps most."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from detect.boxes import Doubles
from detect.evaluation import voc
from detect.evaluation.curve import JudgedDetections
from detect.evaluation.flat import (
    FlatDetections,
    FlatTruth,
    OverlappingPairs,
    flatten_truth,
    overlapping,
)
from detect.structures import BoolArray, Dataset, IntArray

Flat = TypeVar("Flat", FlatDetections, FlatTruth)

# Below this IoU a box and an object have nothing to do with each other (t_b of TIDE, Bolya et
# al. 2020, arXiv 2008.08115, section 3.1, which takes it from Hoiem et al. 2012).
TOUCHING = 0.1


@dataclass(frozen=True, eq=False)
class Judged:
    """N detections, best score first, against the M objects of `truth`.

    `outcome` is VOC's (voc.py) at `iou`. `own` (N,) is the largest IoU of a detection with an
    object of its class, `own_objects` (N,) that object (the first one on equal IoU), -1 where
    the IoU is below TOUCHING and `own` 0; `other`, `other_objects` the same of the other classes.
    Difficult objects are looked at like any other, crowd regions never. `counted` (M,): objects
    that are positives; `free` (M,): those of them that no detection found.
    """

    iou: float
    truth: FlatTruth
    detections: FlatDetections
    outcome: JudgedDetections
    own: Doubles
    own_objects: IntArray
    other: Doubles
    other_objects: IntArray
    counted: BoolArray
    free: BoolArray

    @property
    def wrong(self) -> BoolArray:
        """Return which detections (N,) are false positives."""
        return ~self.outcome.hits & ~self.outcome.ignored


def judge(dataset: Dataset, detections: FlatDetections, iou: float = 0.5) -> Judged:
    """Judge `detections` of `dataset`, in any order.

    Raises DataError if the data set was never annotated, ValueError for an `iou` below TOUCHING.
    """
    if iou < TOUCHING:
        raise ValueError(f"judge: expected an IoU of {TOUCHING} or more, got {iou}")
    truth = flatten_truth(dataset)
    ranked = detections.take(np.argsort(-detections.scores, kind="stable"))
    outcome = voc.judge(truth, ranked, len(dataset.classes), iou)
    pairs = overlapping(
        one_class(ranked), one_class(truth), np.full(len(truth), TOUCHING), ~truth.crowd
    )
    same = ranked.labels[pairs.detections] == truth.labels[pairs.truths]
    own, own_objects = _nearest(pairs, same, len(ranked))
    other, other_objects = _nearest(pairs, ~same, len(ranked))
    counted = ~truth.difficult & ~truth.crowd
    free = counted.copy()
    free[own_objects[outcome.hits]] = False
    return Judged(
        iou, truth, ranked, outcome, own, own_objects, other, other_objects, counted, free
    )


def first_of_each(detections: IntArray, objects: IntArray) -> IntArray:
    """Return of `detections` (K,) ascending the first one of every object in `objects` (K,)."""
    return detections[np.unique(objects, return_index=True)[1]]


def one_class(flat: Flat) -> Flat:
    """Return `flat` with all labels 0, so that pairs of different classes are found too."""
    return replace(flat, labels=np.zeros(len(flat), np.int64))


def _nearest(pairs: OverlappingPairs, chosen: BoolArray, count: int) -> tuple[Doubles, IntArray]:
    """Return the largest IoU (N,) of each of `count` detections in the `chosen` pairs, with whom.

    `pairs` has one detection's objects in ascending order, so a stable sort keeps the first.
    """
    index = np.flatnonzero(chosen)
    index = index[np.lexsort((-pairs.overlaps[index], pairs.detections[index]))]
    found, first = np.unique(pairs.detections[index], return_index=True)
    overlaps, objects = np.zeros(count), np.full(count, -1, np.int64)
    overlaps[found] = pairs.overlaps[index][first]
    objects[found] = pairs.truths[index][first]
    return overlaps, objects
