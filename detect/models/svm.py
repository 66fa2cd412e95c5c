"""R-CNN's linear SVMs, one a class, with hard-negative mining over stored features.

arXiv 1311.2524v5, section 2.3 and appendix B: positives are the ground-truth boxes alone,
negatives the regions whose IoU with every object of the class is below 0.3 (grid-searched there:
0.5 costs 5 points of mAP, 0 costs 4); what lies between is left out. One pass over the images is
enough. The numbers that the paper does not give are those of its code (rcnn_train.m): a region is
hard if it scores above -1.0001, the SVMs are fitted again once a class got more than 2,000 new
negatives, and negatives that score below -1.2 are then forgotten. GoogLeNet's paper names no SVMs
(arXiv 1409.4842, section 8); the softmax in their place cost R-CNN 3.3 points (appendix B).
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.boxes import coverage_matrix, iou_matrix
from detect.errors import EnvironmentProblem
from detect.matching import CROWD_COVERAGE
from detect.models.box_regression import feature_scale
from detect.structures import Annotations, FloatArray, IntArray

Doubles = NDArray[np.float64]

NEGATIVE_IOU = 0.3
HARD, EASY, RETRAIN = -1.0001, -1.2, 2000
# rcnn_train.m: svm_C, bias_mult and pos_loss_weight, for features of mean norm 20.
COST, BIAS, POSITIVE_WEIGHT = 1e-3, 10.0, 2.0
_MOST_ITERATIONS = 100_000

# Features (N, D) and whether each is positive (N,) -> weights (D,), bias.
Fit = Callable[[FloatArray, NDArray[np.bool_]], tuple[Doubles, float]]


@dataclass(frozen=True, eq=False)
class RegionFeatures:
    """The regions of one image, ground truth among them: `features` (N, D).

    `overlaps` (N, C) as of class_overlaps; `truths` (N,) the class of a region that is an object
    itself, else -1.
    """

    features: FloatArray
    overlaps: Doubles
    truths: IntArray


@dataclass(frozen=True, eq=False)
class PositiveFeatures:
    """The objects of all images: `features` (P, D), scaled, and `labels` (P,) their classes.

    `scale` is the factor that gives the features of all regions the mean norm 20.
    """

    scale: float
    features: FloatArray
    labels: IntArray


@dataclass(frozen=True, eq=False)
class LinearSvms:
    """`weights` (D, C) and `biases` (C,) on features times `scale`.

    `positives`, `negatives` (C,) are how many of each the classes were last fitted on. A class
    without a positive or a negative was never fitted and scores -1 everywhere.
    """

    scale: float
    weights: Doubles
    biases: Doubles
    positives: IntArray
    negatives: IntArray

    def scores(self, features: FloatArray) -> Doubles:
        """`features` (N, D) -> scores (N, C), above 0 for the class."""
        return np.asarray(features.astype(np.float64) * self.scale @ self.weights + self.biases)


def class_overlaps(boxes: FloatArray, annotations: Annotations, num_classes: int) -> Doubles:
    """`boxes` (N, 4) -> the largest IoU (N, C) with an object of each class.

    Difficult objects count, so that none becomes a negative of its own class; a box of which half
    or more lies in a crowd region of a class has 1 there, as nobody knows what it shows.
    """
    overlaps = iou_matrix(boxes, annotations.boxes)
    crowd = annotations.crowd
    inside = coverage_matrix(boxes, annotations.boxes[crowd]) >= CROWD_COVERAGE
    overlaps[:, crowd] = np.maximum(overlaps[:, crowd], inside)
    found = np.zeros((len(boxes), num_classes))
    for label in np.unique(annotations.labels):
        found[:, label] = overlaps[:, annotations.labels == label].max(axis=1, initial=0.0)
    return found


def liblinear() -> Fit:
    """Return what fits an SVM as R-CNN: L2-regularised hinge loss, positives twice as heavy.

    EnvironmentProblem without scikit-learn, here and not when it is used.
    """
    make = _linear_svc()

    def fit(features: FloatArray, positive: NDArray[np.bool_]) -> tuple[Doubles, float]:
        model = make(
            C=COST,
            loss="hinge",
            intercept_scaling=BIAS,
            class_weight={False: 1.0, True: POSITIVE_WEIGHT},
            max_iter=_MOST_ITERATIONS,
            random_state=0,
        )
        model.fit(features, positive)
        return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])

    return fit


def _linear_svc() -> Any:
    try:
        return importlib.import_module("sklearn.svm").LinearSVC
    except ModuleNotFoundError as error:
        raise EnvironmentProblem(
            "linear SVMs need scikit-learn, which is not installed: pip install 'detect[svm]'."
        ) from error


def find_positives(images: Iterable[RegionFeatures]) -> PositiveFeatures:
    """Return the objects among the regions of `images`, which are read once.

    Memory holds one image and the objects. ValueError without an image.
    """
    features: list[FloatArray] = []
    labels: list[IntArray] = []

    def seen() -> Iterator[FloatArray]:
        for image in images:
            objects = image.truths >= 0
            features.append(image.features[objects])
            labels.append(image.truths[objects])
            yield image.features

    scale = feature_scale(seen())
    if not features:
        raise ValueError("find_positives: expected at least one image")
    return PositiveFeatures(scale, _scaled(np.concatenate(features), scale), np.concatenate(labels))


def train_svms(
    images: Iterable[RegionFeatures],
    positives: PositiveFeatures,
    num_classes: int,
    fit: Fit,
    retrain: int = RETRAIN,
) -> LinearSvms:
    """Mine the negatives of `images`, read once in their order, and fit the SVMs of all classes.

    The negatives of the first image start every class; of the others the hard ones are added, and
    a class is fitted again after more than `retrain` of them and at the end. Memory holds one
    image, the positives and the negatives remembered.
    """
    groups = [positives.features[positives.labels == label] for label in range(num_classes)]
    miners = [_Miner(group, fit, retrain) for group in groups]
    for number, image in enumerate(images):
        scaled = _scaled(image.features, positives.scale)
        weights, biases = _models(miners)
        scores = scaled.astype(np.float64) @ weights + biases
        for label, miner in enumerate(miners):
            negative = image.overlaps[:, label] < NEGATIVE_IOU
            miner.see(scaled[negative & (scores[:, label] > HARD)], first=number == 0)
    for miner in miners:
        miner.update()
    counts = (np.array([len(group) for group in groups]), [miner.fitted for miner in miners])
    return LinearSvms(positives.scale, *_models(miners), counts[0], np.array(counts[1]))


def _scaled(features: FloatArray, scale: float) -> FloatArray:
    return np.asarray(features * np.float32(scale), np.float32)


def _models(miners: Sequence["_Miner"]) -> tuple[Doubles, Doubles]:
    """Return the weights (D, C) and biases (C,) of all classes."""
    weights, biases = zip(*(miner.model for miner in miners), strict=True)
    return np.stack(weights, axis=1), np.array(biases)


class _Miner:
    """One class's SVM, its `positives` (P, D) and the negatives it remembers; features scaled.

    `model` is weights (D,) and bias; before the first fit every region is hard. `fitted` is the
    number of negatives of the last fit.
    """

    def __init__(self, positives: FloatArray, fit: Fit, retrain: int) -> None:
        self._positives, self._fit, self._retrain = positives, fit, retrain
        self._negatives: list[FloatArray] = []
        self._added = 0
        self.fitted = 0
        self.model: tuple[Doubles, float] = (np.zeros(positives.shape[1]), -1.0)

    def see(self, hard: FloatArray, *, first: bool) -> None:
        """Remember the `hard` negatives (N, D) of an image, and fit again if it is time to."""
        if not (len(self._positives) and len(hard)):
            return
        self._negatives.append(hard)
        self._added += len(hard)
        if first or self._added > self._retrain:
            self.update()

    def update(self) -> None:
        """Fit again and forget easy negatives, if negatives were added since the last time."""
        if not self._added:
            return
        negatives = np.concatenate(self._negatives)
        flags = np.arange(len(self._positives) + len(negatives)) < len(self._positives)
        self.model = self._fit(np.concatenate([self._positives, negatives]), flags)
        weights, bias = self.model
        self._negatives = [negatives[negatives @ weights + bias >= EASY]]
        self.fitted, self._added = len(negatives), 0
