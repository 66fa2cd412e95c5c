"""Which detections are right by ILSVRC DET (ILSVRC2014 devkit, eval_detection.m)."""

import numpy as np

from detect.boxes import Doubles
from detect.evaluation.curve import JudgedDetections, in_crowd
from detect.evaluation.flat import (
    FlatDetections,
    FlatTruth,
    OverlappingPairs,
    image_order,
    overlapping,
)
from detect.structures import BoolArray, Dataset, IntArray

# Pixels by which a small object's box may be larger on each axis and still match.
_TOLERANCE = 10


def judge(
    dataset: Dataset,
    truth: FlatTruth,
    detections: FlatDetections,
    iou: float,
    blacklist: frozenset[tuple[str, int]],
) -> JudgedDetections:
    """Judge `detections` by ILSVRC's rule; equal scores: lower image id, then the order given.

    A detection takes, of the objects of its class nobody took yet and whose threshold it
    reaches, the one it overlaps most (the first one on equal IoU); none left: wrong. Difficult
    objects count as any other. On a pair (image id, label) of `blacklist` detections are
    ignored and objects do not count. Crowd regions: curve.py, in_crowd.
    """
    order = np.lexsort((image_order(dataset)[detections.images], -detections.scores))
    ranked = detections.take(order)
    left_out = _listed(dataset, blacklist, truth.images, truth.labels)
    counted = ~truth.crowd & ~left_out
    pairs = overlapping(ranked, truth, thresholds(truth.boxes, iou), counted)
    hits = np.zeros(len(ranked), np.bool_)
    hits[_greedy(pairs)] = True
    ignored = in_crowd(truth, ranked, iou) & ~hits
    ignored |= _listed(dataset, blacklist, ranked.images, ranked.labels)
    positives = np.bincount(truth.labels[counted], minlength=len(dataset.classes))
    return JudgedDetections(ranked.labels, hits, ignored, positives)


def thresholds(boxes: Doubles, iou: float = 0.5) -> Doubles:
    """`boxes` (M, 4) -> IoU (M,) a detection needs: min(`iou`, wh / ((w + 10)(h + 10))).

    eval_detection.m; Russakovsky et al. 2015, section 4.3.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    larger = sides + _TOLERANCE
    shares = sides[:, 0] * sides[:, 1] / (larger[:, 0] * larger[:, 1])
    return np.asarray(np.minimum(iou, shares), np.float64)


def _greedy(pairs: OverlappingPairs) -> list[int]:
    """Return the detections that get an object, served in their order, best overlap first."""
    order = np.lexsort((pairs.truths, -pairs.overlaps, pairs.detections))
    served: list[int] = []
    taken: set[int] = set()
    last = -1
    columns = (pairs.detections[order].tolist(), pairs.truths[order].tolist())
    for detection, target in zip(*columns, strict=True):
        if detection != last and target not in taken:
            taken.add(target)
            served.append(detection)
            last = detection
    return served


def _listed(
    dataset: Dataset, blacklist: frozenset[tuple[str, int]], images: IntArray, labels: IntArray
) -> BoolArray:
    """Return which of the pairs `images` (N,), `labels` (N,) stand on the blacklist."""
    places = {sample.image_id: place for place, sample in enumerate(dataset.samples)}
    classes = len(dataset.classes)
    cells = [places[name] * classes + label for name, label in blacklist if name in places]
    return np.isin(images * classes + labels, np.array(cells, np.int64))
