"""From judged detections to average precision: the two integrals and the mean over classes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from detect.boxes import Doubles, coverage
from detect.errors import DataError
from detect.evaluation.flat import FlatDetections, FlatTruth, overlapping
from detect.structures import BoolArray, Dataset, IntArray

# recall (N,), precision (N,), best score first -> average precision
Average = Callable[[Doubles, Doubles], float]


@dataclass(frozen=True, eq=False)
class JudgedDetections:
    """What became of N detections, best score first.

    `labels` (N,); `hits` (N,) true positives; `ignored` (N,) neither true nor false, never a
    hit; `positives` (C,) objects of each class that count.
    """

    labels: IntArray
    hits: BoolArray
    ignored: BoolArray
    positives: IntArray


def summarise(
    outcome: JudgedDetections, dataset: Dataset, protocol: str, average: Average
) -> dict[str, Any]:
    """Return {"map", "per_class", "skipped"}; DataError where no class has an object."""
    classes = dataset.classes
    order = np.argsort(outcome.labels, kind="stable")
    ends = np.cumsum(np.bincount(outcome.labels, minlength=len(classes)))
    per_class: dict[str, Any] = {}
    for label, own in enumerate(np.split(order, ends[:-1])):
        positives = int(outcome.positives[label])
        if positives:
            ap = average(*recall_and_precision(outcome.hits[own], outcome.ignored[own], positives))
            per_class[classes[label]] = {"ap": ap, "positives": positives, "detections": len(own)}
    return with_mean(per_class, dataset, protocol)


def with_mean(per_class: dict[str, Any], dataset: Dataset, protocol: str) -> dict[str, Any]:
    """Add the mean over `per_class` and the names it lacks; DataError where it is empty."""
    if not per_class:
        raise DataError(
            f"{dataset.root}: split {dataset.split!r} has no object that counts by {protocol}; "
            "there is nothing to score."
        )
    return {
        "map": float(np.mean([entry["ap"] for entry in per_class.values()])),
        "per_class": per_class,
        "skipped": [name for name in dataset.classes if name not in per_class],
    }


def in_crowd(truth: FlatTruth, detections: FlatDetections, iou: float) -> BoolArray:
    """Return which detections (N,) lie in a crowd region of their class, by at least `iou`.

    VOC and ILSVRC do not know crowd regions. Ours: they are no positives, and a detection
    that would be a false positive is ignored if this holds; so does COCO (pycocotools,
    COCOeval.evaluateImg).
    """
    found = np.zeros(len(detections), np.bool_)
    thresholds = np.full(len(truth), iou)
    found[overlapping(detections, truth, thresholds, truth.crowd, coverage).detections] = True
    return found


def recall_and_precision(
    hits: BoolArray, ignored: BoolArray, positives: int
) -> tuple[Doubles, Doubles]:
    """`hits`, `ignored` (N,) best score first -> recall (N,), precision (N,).

    Precision is 0 while all so far are ignored: the devkits have 0/0 there, which MATLAB's
    max skips.
    """
    true = np.cumsum(hits, dtype=np.float64)
    counted = np.cumsum(~ignored, dtype=np.float64)
    return true / positives, true / np.maximum(counted, 1)


def area(recall: Doubles, precision: Doubles) -> float:
    """Return the exact area under the precision envelope.

    VOC 2010 on (VOCevaldet.m) and ILSVRC (VOCap.m): no interpolation grid.
    """
    steps = np.diff(recall, prepend=0.0)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    # Only where recall changes, so that a false positive at the end leaves every bit as it was.
    return float(np.sum((steps * envelope)[steps > 0]))


def eleven_points(recall: Doubles, precision: Doubles) -> float:
    """Return the mean of the best precision at recall >= 0, 0.1, ..., 1.

    VOC 2007 (VOCevaldet.m, `for t=0:0.1:1`), with the thresholds i * 0.1 of Octave and of the
    Python ports: 0.6 and 0.7 come out one step above, where MATLAB's own range is exact.
    """
    best = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.searchsorted(recall, np.arange(11) * 0.1, side="left")
    return float(np.sum(np.append(best, 0.0)[first]) / 11)
