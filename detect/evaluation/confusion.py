"""What objects are taken for: the confusion matrix of a detector, with background."""

from collections.abc import Mapping

import numpy as np

from detect.boxes import coverage
from detect.evaluation.flat import (
    FlatDetections,
    FlatTruth,
    OverlappingPairs,
    flatten_truth,
    overlapping,
)
from detect.evaluation.judged import one_class
from detect.structures import BoolArray, Dataset, IntArray


def confusion_matrix(
    dataset: Dataset,
    detections: FlatDetections,
    thresholds: Mapping[str, float],
    iou: float = 0.5,
) -> IntArray:
    """Return counts (C + 1, C + 1): a row a class of objects, a column a class of detections.

    The last row and column are background: detections of no object, objects that none found. Looked
    at are the detections that reach their class's score in `thresholds`. Best score first, each
    takes the object that it overlaps most among those not yet taken, whatever the classes, if by
    `iou`; one that finds none is of background, a duplicate too. So does COCO match within a class
    (pycocotools, COCOeval.evaluateImg) and Ultralytics 8.4 for its matrix (ConfusionMatrix;
    earlier ones went by IoU). Ours: difficult objects and crowd regions are in no row, nor is a
    detection without a match that has `iou` with the first or lies in the second by as much.
    Raises DataError if the data set was never annotated.
    """
    truth, background = flatten_truth(dataset), len(dataset.classes)
    least = np.array([thresholds[name] for name in dataset.classes])
    shown = detections.take(np.flatnonzero(detections.scores >= least[detections.labels]))
    shown = shown.take(np.argsort(-shown.scores, kind="stable"))
    boxes, objects = one_class(shown), one_class(truth)
    counted = ~truth.difficult & ~truth.crowd
    found, matched = _greedy(overlapping(boxes, objects, np.full(len(truth), iou), counted))
    missed = counted.copy()
    missed[matched] = False
    alone = ~_left_out(objects, boxes, iou)
    alone[found] = False
    matrix = np.zeros((background + 1, background + 1), np.int64)
    np.add.at(matrix, (truth.labels[matched], shown.labels[found]), 1)
    np.add.at(matrix[:, background], truth.labels[missed], 1)
    np.add.at(matrix[background], shown.labels[alone], 1)
    return matrix


def _greedy(pairs: OverlappingPairs) -> tuple[IntArray, IntArray]:
    """Return the detections that match, in their order, and the object that each takes."""
    order = np.lexsort((pairs.truths, -pairs.overlaps, pairs.detections))
    taken: dict[int, int] = {}  # detection by object
    matched: set[int] = set()
    for place in order.tolist():
        detection, found = int(pairs.detections[place]), int(pairs.truths[place])
        if detection not in matched and found not in taken:
            taken[found] = detection
            matched.add(detection)
    return np.array(list(taken.values()), np.int64), np.array(list(taken), np.int64)


def _left_out(truth: FlatTruth, detections: FlatDetections, iou: float) -> BoolArray:
    """Return which detections (N,) are on a difficult object or in a crowd region."""
    found = np.zeros(len(detections), np.bool_)
    least = np.full(len(truth), iou)
    difficult = truth.difficult & ~truth.crowd
    found[overlapping(detections, truth, least, difficult).detections] = True
    found[overlapping(detections, truth, least, truth.crowd, coverage).detections] = True
    return found
