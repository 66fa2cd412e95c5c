"""What a run's scores are worth, what it takes for what, and the labels that it doubts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from detect.checks.findings import Finding
from detect.checks.labels import doubted_labels
from detect.evaluation.calibration import Reliability, reliability
from detect.evaluation.confusion import confusion_matrix
from detect.evaluation.flat import FlatDetections, by_image
from detect.evaluation.judged import Judged
from detect.evaluation.thresholds import OperatingPoint, best_points
from detect.structures import SHOWN, Dataset, IntArray


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Figures of one run on a data set with C `classes`.

    `points` the best F1 of every class that was found; `confusion` (C + 1, C + 1) from their scores
    up, SHOWN where there is none, background last; `calibration` None for scores that are no
    probabilities; `doubts` by detections that score `confident` or more, the likeliest first.
    """

    classes: tuple[str, ...]
    points: dict[str, OperatingPoint]
    confusion: IntArray
    calibration: Reliability | None
    doubts: list[Finding]
    confident: float

    def figures(self) -> dict[str, Any]:
        """Return what report.json holds; null names background."""
        points = {
            name: {"score": p.score, "f1": p.f1, "precision": p.precision, "recall": p.recall}
            for name, p in self.points.items()
        }
        return {
            "thresholds": points,
            "confusion": {"classes": [*self.classes, None], "matrix": self.confusion.tolist()},
            "calibration": None if self.calibration is None else _calibration(self.calibration),
            "doubts": {
                "confident": self.confident,
                "labels": [
                    {
                        "image": doubt.images[0].sample.image_id,
                        "kind": doubt.kind,
                        "score": doubt.oddness,
                        "text": doubt.text,
                    }
                    for doubt in self.doubts
                ],
            },
        }

    def confusions(self) -> list[tuple[str, str, int, int]]:
        """Return class, what it is taken for, how often, and of how many; the most frequent first.

        Two different classes, no background.
        """
        pairs = self.confusion[:-1, :-1] * (1 - np.eye(len(self.classes), dtype=np.int64))
        rows, columns = np.nonzero(pairs)
        order = np.argsort(-pairs[rows, columns], kind="stable")
        totals = self.confusion.sum(axis=1)
        return [
            (self.classes[row], self.classes[column], int(pairs[row, column]), int(totals[row]))
            for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True)
        ]


def diagnose(
    dataset: Dataset, detections: FlatDetections, judged: Judged, confident: float
) -> Diagnosis:
    """Diagnose the `detections` of `dataset`, which were `judged`."""
    scores, outcome = judged.detections.scores, judged.outcome
    points = best_points(outcome, scores, dataset.classes)
    least = {name: points[name].score if name in points else SHOWN for name in dataset.classes}
    kept = ~outcome.ignored
    probable = not len(scores) or 0 <= scores.min() <= scores.max() <= 1
    return Diagnosis(
        dataset.classes,
        points,
        confusion_matrix(dataset, detections, least),
        reliability(scores[kept], outcome.hits[kept]) if probable else None,
        doubted_labels(dataset, by_image(dataset, detections), confident),
        confident,
    )


def _calibration(found: Reliability) -> dict[str, Any]:
    return {
        "error": _number(found.error),
        "counts": found.counts.tolist(),
        "confidence": [_number(value) for value in found.confidence.tolist()],
        "precision": [_number(value) for value in found.precision.tolist()],
    }


def _number(value: float) -> float | None:
    """Return `value`, None for NaN, which JSON has not."""
    return None if np.isnan(value) else value
