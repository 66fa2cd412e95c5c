"""From which score detections of a class are worth showing: the best F1 on images held out."""

import numpy as np

from detect.evaluation import voc
from detect.evaluation.curve import recall_and_precision
from detect.evaluation.flat import FlatDetections, flatten_truth
from detect.structures import SHOWN, Dataset


def best_thresholds(
    dataset: Dataset, detections: FlatDetections, iou: float = 0.5
) -> dict[str, float]:
    """Return by class the score whose detections have the highest F1, 2 P R / (P + R).

    Right is what VOC's rule says at `iou`. Of equal F1 the higher score; half way to the next lower
    score, so that it does not hang on one detection's last digits. SHOWN for a class that has no
    object that counts, or none found. F1 on held-out images is our choice; R-CNN has none.
    Raises DataError if the data set was never annotated.
    """
    truth = flatten_truth(dataset)
    ranked = detections.take(np.argsort(-detections.scores, kind="stable"))
    outcome = voc.judge(truth, ranked, len(dataset.classes), iou)
    found = {}
    for label, name in enumerate(dataset.classes):
        own = np.flatnonzero(outcome.labels == label)
        positives = int(outcome.positives[label])
        scores, hits, ignored = ranked.scores[own], outcome.hits[own], outcome.ignored[own]
        if not (positives and hits.any()):
            found[name] = SHOWN
            continue
        recall, precision = recall_and_precision(hits, ignored, positives)
        # Equal scores are shown together: only the last of them can be a threshold.
        last = np.append(scores[1:] < scores[:-1], True)
        total = np.maximum(recall + precision, np.finfo(float).tiny)
        best = int(np.argmax(np.where(last, 2 * recall * precision / total, -1)))
        below = scores[best + 1] if best + 1 < len(scores) else 0.0
        found[name] = float((scores[best] + below) / 2)
    return found
