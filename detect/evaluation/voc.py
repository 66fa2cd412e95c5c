"""Which detections are right by PASCAL VOC (VOCdevkit, VOCevaldet.m)."""

import numpy as np

from detect.evaluation.curve import JudgedDetections, in_crowd
from detect.evaluation.flat import FlatDetections, FlatTruth, OverlappingPairs, overlapping
from detect.structures import IntArray


def judge(
    truth: FlatTruth, detections: FlatDetections, classes: int, iou: float
) -> JudgedDetections:
    """Judge `detections` by VOC's rule; equal scores stay in the order given, across images.

    A detection goes to the object of its class it overlaps most, difficult and already found
    ones included (the first one on equal IoU). IoU >= `iou`: ignored if that is difficult, right
    if it was not found yet, else wrong. Below: wrong. Crowd regions: curve.py, in_crowd.
    """
    ranked = detections.take(np.argsort(-detections.scores, kind="stable"))
    pairs = overlapping(ranked, truth, np.full(len(truth), iou), ~truth.crowd)
    found, objects = _best(pairs)
    difficult = truth.difficult[objects]
    hits, ignored = np.zeros((2, len(ranked)), np.bool_)
    hits[_first_of_each(found[~difficult], objects[~difficult])] = True
    ignored[found[difficult]] = True
    ignored |= in_crowd(truth, ranked, iou) & ~hits
    counted = truth.labels[~truth.difficult & ~truth.crowd]
    return JudgedDetections(ranked.labels, hits, ignored, np.bincount(counted, minlength=classes))


def _best(pairs: OverlappingPairs) -> tuple[IntArray, IntArray]:
    """Return every detection of `pairs` once, in order, and the object it overlaps most."""
    order = np.lexsort((pairs.truths, -pairs.overlaps, pairs.detections))
    found, first = np.unique(pairs.detections[order], return_index=True)
    return found, pairs.truths[order][first]


def _first_of_each(found: IntArray, objects: IntArray) -> IntArray:
    """Return of `found` (ascending: best score first) the first one of every object."""
    return found[np.unique(objects, return_index=True)[1]]
