"""R-CNN's bounding-box regression: a class's detections are moved by what their features say.

arXiv 1311.2524v5, appendix C. For a proposal P, centre (x, y) and sides (w, h), and its object G:

    t_x = (G_x - P_x) / P_w    t_y = (G_y - P_y) / P_h                    (6, 7)
    t_w = log(G_w / P_w)       t_h = log(G_h / P_h)                       (8, 9)

each of which a class's ridge regression learns from the features phi(P), with lambda 1000:

    w = argmin sum_i (t_i - w . phi(P_i))^2 + lambda |w|^2                (5)

Pairs (P, G) are those of IoU 0.6 or more, G the object P overlaps most. The paper's code
(bbox_regression/rcnn_train_bbox_regressor.m) does three things it does not say, done here too:
features are scaled to a mean norm of 20, a constant feature 1 is appended, whose weight counts in
|w|^2, and the targets of a class are centred and decorrelated before the fit. The entry of
GoogLeNet left box regression out "due to lack of time" (arXiv 1409.4842, section 8).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.boxes import iou_matrix
from detect.structures import Annotations, FloatArray, IntArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.floating]

# Appendix C: "We set lambda = 1000", chosen on a validation set, and "a threshold of 0.6".
RIDGE = 1000.0
PAIR_IOU = 0.6
# rcnn_scale_features.m: what lambda (and the SVMs' C) were chosen for.
FEATURE_NORM = 20.0


def encode(truths: Floats, boxes: Floats) -> Doubles:
    """`truths` (N, 4), `boxes` (N, 4), sides above 0 -> targets (N, 4): equations 6 to 9."""
    centres, sides = _centres_and_sides(boxes)
    truth_centres, truth_sides = _centres_and_sides(truths)
    shifts = (truth_centres - centres) / sides
    return np.concatenate([shifts, np.log(truth_sides / sides)], axis=1)


def decode(targets: Floats, boxes: Floats) -> Doubles:
    """`targets` (N, 4), `boxes` (N, 4) -> boxes (N, 4): equations 1 to 4, the inverse of encode."""
    centres, sides = _centres_and_sides(boxes)
    moved = centres + targets[:, :2] * sides
    half = sides * np.exp(targets[:, 2:]) / 2
    return np.concatenate([moved - half, moved + half], axis=1)


def _centres_and_sides(boxes: Floats) -> tuple[Doubles, Doubles]:
    """`boxes` (N, 4) -> centres (N, 2), sides (N, 2)."""
    corners = boxes.astype(np.float64)
    return (corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]


def pairs(
    boxes: FloatArray, annotations: Annotations, iou: float = PAIR_IOU
) -> tuple[IntArray, IntArray]:
    """`boxes` (N, 4) -> rows (K,) of those near an object, and which object (K,) of M.

    Near: the largest IoU with an ordinary object (neither difficult nor crowd) is `iou` or more.
    """
    ordinary = np.flatnonzero(~annotations.difficult & ~annotations.crowd)
    if not (len(ordinary) and len(boxes)):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    overlaps = iou_matrix(boxes, annotations.boxes[ordinary])
    rows = np.flatnonzero(overlaps.max(axis=1) >= iou)
    return rows, ordinary[overlaps[rows].argmax(axis=1)]


def feature_scale(parts: Iterable[Floats]) -> float:
    """Return the factor that gives features, in `parts` (N, D), the mean norm FEATURE_NORM.

    1 where there is none, or zeros alone. One part is in memory at a time.
    """
    total, count = 0.0, 0
    for part in parts:
        total += float(np.linalg.norm(part.astype(np.float64), axis=1).sum())
        count += len(part)
    return FEATURE_NORM * count / total if total else 1.0


@dataclass(frozen=True, eq=False)
class BoxRegression:
    """`weights` (C, D + 1, 4) on features times `scale`, the constant's last; `pairs` (C,) fitted.

    A class fitted on no pair has weights 0: its boxes stay.
    """

    scale: float
    weights: Doubles
    pairs: IntArray

    def predict(self, features: Floats, boxes: FloatArray, labels: IntArray) -> FloatArray:
        """`features` (N, D), `boxes` (N, 4), `labels` (N,) -> boxes (N, 4) moved by their class's.

        A box without area stays. Nothing is cut to the image.
        """
        targets = np.zeros((len(boxes), 4))
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            scaled = features[rows].astype(np.float64) * self.scale
            targets[rows] = scaled @ self.weights[label, :-1] + self.weights[label, -1]
        has_area = np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        moved = boxes.copy()
        moved[has_area] = decode(targets[has_area], boxes[has_area]).astype(np.float32)
        return moved
