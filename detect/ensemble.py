"""Several networks' scores into one set of detections: averaging, threshold, per-class NMS, cap.

GoogLeNet's paper (arXiv 1409.4842, sections 7 and 8) averages the softmax over networks for
classification and does not say how its detection ensemble averages: the mean of the
probabilities is our choice.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import batched_nms

from detect.regions import FloatArray, IntArray

Floats = NDArray[np.floating]


def average(probabilities: Floats, weights: Sequence[float] | None = None) -> FloatArray:
    """`probabilities` (M, N, C+1) of M networks, `weights` (M,) -> weighted mean (N, C+1).

    Without weights every network counts the same. Raises ValueError on another shape, and on
    weights that are negative, not finite, or all zero.
    """
    if probabilities.ndim != 3 or len(probabilities) == 0:
        raise ValueError(f"probabilities: expected (M, N, C+1), got {probabilities.shape}")
    shares = np.ones(len(probabilities)) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (len(probabilities),):
        raise ValueError(f"weights: expected {len(probabilities)}, one a network, got {weights}")
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise ValueError(f"weights: expected finite, none below 0, a sum above 0, got {weights}")
    mean = np.tensordot(shares / shares.sum(), probabilities.astype(np.float64), axes=1)
    return np.asarray(mean, np.float32)


def select(
    boxes: Floats,
    probabilities: Floats,
    threshold: float = 0.01,
    nms: float = 0.3,
    per_class: int = 100,
) -> tuple[FloatArray, IntArray, NDArray[np.float64]]:
    """`boxes` (N, 4), `probabilities` (N, C+1), background last -> detections (K), best first.

    Returns `boxes` (K, 4), `labels` (K,) 0-based foreground and `scores` (K,). A box counts once
    for every class with a probability of at least `threshold` (ours; the paper gives none);
    within a class a box with IoU > `nms` with a better one goes (0.3: R-CNN, arXiv 1311.2524,
    rcnn_test.m), and the best `per_class` stay (100: the same file). The result does not depend
    on the order of the boxes: equal scores go by coordinates. Raises ValueError on other shapes.
    """
    count = len(probabilities)
    if boxes.shape != (count, 4) or probabilities.ndim != 2:
        raise ValueError(
            f"expected boxes (N, 4) and probabilities (N, C+1), got {boxes.shape} "
            f"and {probabilities.shape}"
        )
    rows, labels = np.nonzero(probabilities[:, :-1] >= np.float32(threshold))
    scores, chosen = probabilities[rows, labels].astype(np.float64), boxes[rows]
    order = _best_first(chosen, labels, scores)
    chosen, labels, scores = chosen[order], labels[order], scores[order]
    # In float64, because batched_nms may shift every class to its own place in the plane.
    kept = batched_nms(*map(torch.from_numpy, (chosen.astype(np.float64), scores, labels)), nms)
    # The candidates are sorted already, torchvision's order of equal scores is not promised.
    kept = np.sort(kept.numpy())
    kept = kept[_ranks(labels[kept]) < per_class]
    return chosen[kept].astype(np.float32), labels[kept].astype(np.int64), scores[kept]


def _best_first(boxes: Floats, labels: NDArray[np.int64], scores: Floats) -> NDArray[np.intp]:
    """Return the order (N,) by falling score, then label, then x1, y1, x2, y2."""
    return np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], labels, -scores))


def _ranks(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """`labels` (N,) -> the place (N,) of each among those of its own label, from 0."""
    order = np.argsort(labels, kind="stable")
    firsts = np.searchsorted(labels[order], labels[order])
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - firsts
    return ranks
