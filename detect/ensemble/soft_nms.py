"""Soft-NMS: boxes near a better one lose score instead of going (Bodla et al., arXiv 1704.04503).

The scores returned are the decayed ones, as in the paper's code; the public `ensemble-boxes`
gives the original ones back.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detect.boxes import Doubles, Floats, as_columns, iou
from detect.ensemble.candidates import Selected, best_first, candidates

# IoU (N,) with a better box -> what the scores are multiplied by (N,)
Decay = Callable[[Doubles], Doubles]


def linear(nms: float) -> Decay:
    """Return the paper's linear decay, 1 - IoU from IoU `nms` on (section 3)."""
    return lambda overlaps: np.where(overlaps >= nms, 1 - overlaps, 1.0)


def gaussian(sigma: float) -> Decay:
    """Return the paper's Gaussian decay, exp(-IoU² / `sigma`) (section 3).

    Raises ValueError unless `sigma` is above 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma: expected a number above 0, got {sigma}")

    def decay(overlaps: Doubles) -> Doubles:
        with np.errstate(over="ignore"):  # of the smallest sigmas: exp(-inf) is right
            return np.exp(-(overlaps**2) / sigma)

    return decay


def select_softly(
    boxes: Floats,
    probabilities: Floats,
    decay: Decay,
    threshold: float = 0.01,
    per_class: int = 100,
) -> Selected:
    """`boxes` (N, 4), `probabilities` (N, C+1), background last -> detections (K), best first.

    As `ensemble.select`, but within a class every box taken lowers the others' scores by
    `decay`, and one below `threshold` goes. Raises ValueError on other shapes.
    """
    chosen, labels, scores = candidates(boxes, probabilities, threshold)
    least = float(np.float32(threshold))
    places, lowered = [np.zeros(0, np.int64)], [np.zeros(0)]
    for label in np.unique(labels).tolist():
        own = np.flatnonzero(labels == label)
        taken, values = soft_nms(chosen[own], scores[own], decay, least, per_class)
        places.append(own[taken])
        lowered.append(values)
    kept = np.concatenate(places)
    return best_first(chosen[kept], labels[kept], np.concatenate(lowered))


def soft_nms(
    boxes: Floats, scores: Doubles, decay: Decay, threshold: float, most: int
) -> tuple[NDArray[np.int64], Doubles]:
    """`boxes` (N, 4), `scores` (N,) of one class -> up to `most` indices and decayed scores.

    The paper's figure 2: the best box is taken, the rest decays by its IoU with that one, until
    none has `threshold`. Of equal scores the first goes first.
    """
    left, columns = np.arange(len(boxes)), as_columns(boxes)
    taken: list[int] = []
    values: list[float] = []
    while len(left) and len(taken) < most:
        best = int(scores.argmax())
        taken.append(int(left[best]))
        values.append(float(scores[best]))
        scores = scores * decay(iou(columns[:, best, None], columns))
        kept = scores >= threshold
        kept[best] = False
        left, columns, scores = left[kept], columns[:, kept], scores[kept]
    return np.array(taken, np.int64), np.array(values, np.float64)
