"""Which images a page shows where nobody named any: the best, the worst, the most surprising."""

import numpy as np

from detect.evaluation.flat import FlatDetections
from detect.evaluation.judged import judge
from detect.report.images import best_and_worst, score_images
from detect.structures import SHOWN, Dataset


def choose_images(dataset: Dataset, detections: FlatDetections) -> dict[int, str]:
    """Return places in `dataset` and why each is shown: the report's best and worst, and one more.

    The most surprising is the one of the wrong detection with the highest score (ours). An image
    that is several of them is there once, one that has nothing to judge only where all have.
    """
    best, worst = best_and_worst(score_images(dataset, detections, SHOWN), 1)
    chosen = [(best, "best"), (worst, "worst"), (_surprising(dataset, detections), "surprising")]
    reasons: dict[int, list[str]] = {}
    for places, why in chosen:
        for place in places:
            reasons.setdefault(place, []).append(why)
    return {place: ", ".join(why) for place, why in sorted(reasons.items())} or {0: ""}


def _surprising(dataset: Dataset, detections: FlatDetections) -> list[int]:
    judged = judge(dataset, detections)
    wrong = np.flatnonzero(judged.wrong)
    return [int(place) for place in judged.detections.images[wrong[:1]]]
