"""Threshold, per-class NMS, cap: R-CNN's selection."""

from detect.boxes import Floats
from detect.ensemble.candidates import Selected, candidates
from detect.nms import nms_per_class


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
    kept = nms_per_class(chosen, labels, nms, per_class)
    return chosen[kept], labels[kept], scores[kept]
