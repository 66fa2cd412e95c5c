"""Threshold, per-class NMS, cap: R-CNN's selection."""

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import batched_nms

from detect.ensemble.candidates import Selected, best_of_each, candidates

Floats = NDArray[np.floating]


def select(
    boxes: Floats,
    probabilities: Floats,
    threshold: float = 0.01,
    nms: float = 0.3,
    per_class: int = 100,
) -> Selected:
    """`boxes` (N, 4), `probabilities` (N, C+1), background last -> detections (K), best first.

    Returns `boxes` (K, 4), `labels` (K,) 0-based foreground and `scores` (K,). A box counts once
    for every class with a probability of at least `threshold` (ours; the paper gives none);
    within a class a box with IoU > `nms` with a better one goes (0.3: R-CNN, arXiv 1311.2524,
    rcnn_test.m), and the best `per_class` stay (100: the same file). The result does not depend
    on the order of the boxes: equal scores go by coordinates. Raises ValueError on other shapes.
    """
    chosen, labels, scores = candidates(boxes, probabilities, threshold)
    # In float64, because batched_nms may shift every class to its own place in the plane.
    kept = batched_nms(*map(torch.from_numpy, (chosen.astype(np.float64), scores, labels)), nms)
    # The candidates are sorted already, torchvision's order of equal scores is not promised.
    kept = np.sort(kept.numpy())
    return best_of_each((chosen[kept], labels[kept], scores[kept]), per_class)
