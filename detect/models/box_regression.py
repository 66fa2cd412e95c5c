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

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from detect.boxes import as_columns, iou, iou_matrix
from detect.errors import DetectError, option
from detect.structures import Annotations, FloatArray, IntArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.floating]

# Appendix C: "We set lambda = 1000", chosen on a validation set, and "a threshold of 0.6".
RIDGE = 1000.0
PAIR_IOU = 0.6
# rcnn_scale_features.m: what lambda (and the SVMs' C) were chosen for.
FEATURE_NORM = 20.0
# rcnn_train_bbox_regressor.m: added to the variances, so that none is divided by 0.
_EPSILON = 0.001
# Pairs added to the sums together: 61 MB in float64 where each has 7,488 features.
_ROWS = 1024
# Pairs of a class whose norms are taken, or somewhat more (ours; R-CNN takes 200 images).
_NORMS = 4096


class Pairs(NamedTuple):
    """Some regions of a class near an object: `features` (N, D), `boxes` and `truths` (N, 4)."""

    features: Floats
    boxes: FloatArray
    truths: FloatArray


# A label -> the pairs of that class, part by part; the same whenever it is asked.
PairsOf = Callable[[int], Iterable[Pairs]]


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


def fit(
    pairs_of: PairsOf, dimensions: int, num_classes: int, ridges: Sequence[float] = (RIDGE,)
) -> tuple[BoxRegression, ...]:
    """Fit every class on its pairs, `pairs_of` its label, of features of so many `dimensions`.

    Returns one regression for each of `ridges`. The pairs of a class are read once, of some also
    the norms beforehand; memory holds sums over those read, twice the square of the dimensions,
    whatever their number. ValueError for a ridge that is not positive.
    """
    if not all(ridge > 0 for ridge in ridges):
        raise ValueError(f"fit: expected a positive ridge, got {min(ridges)}")
    scale = feature_scale(
        part.features for label in range(num_classes) for part in _first(pairs_of(label))
    )
    weights = np.zeros((len(ridges), num_classes, dimensions + 1, 4))
    counts = np.zeros(num_classes, np.int64)
    for label in range(num_classes):
        sums = NormalEquations(dimensions)
        for part in pairs_of(label):
            sums.add(part)
        counts[label] = sums.count
        for place, ridge in enumerate(ridges if sums.count else ()):
            weights[place, label] = sums.solve(scale, ridge)
    return tuple(BoxRegression(scale, own, counts) for own in weights)


def _first(parts: Iterable[Pairs]) -> Iterator[Pairs]:
    """Yield the first of `parts`, of _NORMS pairs or a few more."""
    seen = 0
    for part in parts:
        if seen >= _NORMS:
            return
        seen += len(part.features)
        yield part


def choose(
    regressions: Sequence[BoxRegression], pairs_of: PairsOf
) -> tuple[int, NDArray[np.float64]]:
    """Return the place of the best of `regressions`, and the mean IoU (R,) that each moves to.

    Over the pairs of each class, and the classes that have some. Of equal ones the last.
    """
    classes = []
    for label in range(len(regressions[0].weights)):
        sums, count = np.zeros(len(regressions)), 0
        for part in pairs_of(label):
            count += len(part.boxes)
            truths, labels = as_columns(part.truths), np.full(len(part.boxes), label)
            for place, one in enumerate(regressions):
                moved = one.predict(part.features, part.boxes, labels)
                sums[place] += iou(as_columns(moved), truths).sum()
        if count:
            classes.append(sums / count)
    means = np.mean(classes, axis=0)
    return len(means) - 1 - int(means[::-1].argmax()), means


class NormalEquations:
    """What the fit of a class needs of its pairs: sums over them, as they come."""

    def __init__(self, dimensions: int) -> None:
        # In the order, and of the one triangle, that BLAS adds to in place.
        self._gram = np.zeros((dimensions + 1,) * 2, order="F")
        self._products = np.zeros((dimensions + 1, 4))
        self._sum, self._squares = np.zeros(4), np.zeros((4, 4))
        self.count = 0

    def add(self, pairs: Pairs) -> None:
        """Take in the pairs of one part."""
        targets = encode(pairs.truths, pairs.boxes)
        for start in range(0, len(targets), _ROWS):
            rows = slice(start, start + _ROWS)
            design = np.ones((len(targets[rows]), len(self._gram)))
            design[:, :-1] = pairs.features[rows]
            self._gram = dsyrk(1.0, design.T, 1.0, self._gram, overwrite_c=1)
            self._products += design.T @ targets[rows]
        self._sum += targets.sum(axis=0)
        self._squares += targets.T @ targets
        self.count += len(targets)

    def solve(self, scale: float, ridge: float) -> Doubles:
        """Return weights (D + 1, 4) of equation 5 on features times `scale`; DetectError if none.

        The fit is to centred, decorrelated targets; the weights returned give plain ones.
        """
        mean = self._sum / self.count
        values, vectors = np.linalg.eigh(self._squares / self.count - np.outer(mean, mean))
        spread = np.sqrt(np.maximum(values, 0) + _EPSILON)
        factors = np.append(np.full(len(self._gram) - 1, scale), 1.0)
        # The last column of the sums is that of the constant: of each feature over the pairs.
        centred = self._products - np.outer(self._gram[:, -1], mean)
        normal = self._gram.copy(order="F")
        normal *= factors[:, None]
        normal *= factors
        normal[np.diag_indices_from(normal)] += ridge
        white = factors[:, None] * centred @ (vectors / spread) @ vectors.T
        try:
            factor = cho_factor(normal, lower=False, overwrite_a=True, check_finite=False)
        except LinAlgError as error:
            raise DetectError(
                f"{option('ridge', ridge)} is too small for these pairs: the features depend on "
                "each other. Give a larger one."
            ) from error
        weights = cho_solve(factor, white, check_finite=False) @ (vectors * spread) @ vectors.T
        weights[-1] += mean
        return np.asarray(weights)
