"""The fit of R-CNN's box regression: a class's ridge regression, by sums over its pairs.

Equation 5 of box_regression.py, in closed form. What it needs of the pairs are sums (the normal
equations), so that they may be as many as there are: only the square of the features' number is
in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from detect.boxes import as_columns, iou
from detect.errors import DetectError, option
from detect.models.box_regression import (
    RIDGE,
    BoxRegression,
    Doubles,
    Floats,
    encode,
    feature_scale,
)
from detect.structures import FloatArray

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
