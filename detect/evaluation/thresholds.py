"""From which score detections of a class are worth showing: the best F1 on images held out."""

from dataclasses import dataclass

import numpy as np

from detect.boxes import Doubles
from detect.evaluation import voc
from detect.evaluation.curve import JudgedDetections, recall_and_precision
from detect.evaluation.flat import FlatDetections, flatten_truth
from detect.structures import SHOWN, Dataset


@dataclass(frozen=True)
class OperatingPoint:
    """What the detections of a class that score `score` or more are: `precision`, `recall`."""

    score: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Return 2 P R / (P + R)."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def best_thresholds(
    dataset: Dataset, detections: FlatDetections, iou: float = 0.5
) -> dict[str, float]:
    """Return by class the score of `best_points`; SHOWN for a class that has none.

    Right is what VOC's rule says at `iou`. Raises DataError if the data set was never annotated.
    """
    truth = flatten_truth(dataset)
    ranked = detections.take(np.argsort(-detections.scores, kind="stable"))
    outcome = voc.judge(truth, ranked, len(dataset.classes), iou)
    points = best_points(outcome, ranked.scores, dataset.classes)
    return {name: points[name].score if name in points else SHOWN for name in dataset.classes}


def best_points(
    outcome: JudgedDetections, scores: Doubles, classes: tuple[str, ...]
) -> dict[str, OperatingPoint]:
    """Return by class the point with the highest F1 of N judged detections with `scores` (N,).

    Of equal F1 the higher score; half way to the next lower score, so that it does not hang on
    one detection's last digits. No point for a class that has no object that counts, or none
    found. F1 on held-out images is our choice; R-CNN has none.
    """
    found = {}
    for label, name in enumerate(classes):
        own = np.flatnonzero(outcome.labels == label)
        positives, hits = int(outcome.positives[label]), outcome.hits[own]
        if positives and hits.any():
            curve = recall_and_precision(hits, outcome.ignored[own], positives)
            found[name] = _best(scores[own], *curve)
    return found


def _best(scores: Doubles, recall: Doubles, precision: Doubles) -> OperatingPoint:
    """Return the best point of one class; all (K,), best score first."""
    # Equal scores are shown together: only the last of them can be a threshold.
    last = np.append(scores[1:] < scores[:-1], True)
    total = np.maximum(recall + precision, np.finfo(float).tiny)
    best = int(np.argmax(np.where(last, 2 * recall * precision / total, -1)))
    # Scores of support vector machines may be negative: 0 is not below them.
    below = scores[best + 1] if best + 1 < len(scores) else min(0.0, scores[best])
    score = float((scores[best] + below) / 2)
    return OperatingPoint(score, float(precision[best]), float(recall[best]))
