"""R-CNN's linear SVMs, one a class, with hard-negative mining over stored features.

arXiv 1311.2524v5, section 2.3 and appendix B: positives are the ground-truth boxes alone,
negatives the regions whose IoU with every object of the class is below 0.3 (grid-searched there:
0.5 costs 5 points of mAP, 0 costs 4); what lies between is left out. One pass over the images is
enough. The numbers that the paper does not give are those of its code (rcnn_train.m): a region is
hard if it scores above -1.0001, the SVMs are fitted again once a class got more than 2,000 new
negatives, and negatives that score below -1.2 are then forgotten. GoogLeNet's entry scores with
the softmax instead (arXiv 1409.4842, section 8): softmax in place of SVMs cost R-CNN 3.3 points.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.boxes import iou_matrix
from detect.errors import EnvironmentProblem
from detect.models.box_regression import feature_scale
from detect.regions import Annotations, FloatArray, IntArray

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

    `overlaps` (N, C) the largest IoU with an object of each class; `truths` (N,) the class of a
    region that is an object itself, else -1.
    """

    features: FloatArray
    overlaps: Doubles
    truths: IntArray


@dataclass(frozen=True, eq=False)
class LinearSvms:
    """`weights` (D, C) and `biases` (C,) on features times `scale`."""

    scale: float
    weights: Doubles
    biases: Doubles

    def scores(self, features: FloatArray) -> Doubles:
        """`features` (N, D) -> scores (N, C), above 0 for the class."""
        return np.asarray(features.astype(np.float64) * self.scale @ self.weights + self.biases)


def class_overlaps(boxes: FloatArray, annotations: Annotations, num_classes: int) -> Doubles:
    """`boxes` (N, 4) -> the largest IoU (N, C) with an object of each class, any object."""
    overlaps = iou_matrix(boxes, annotations.boxes)
    found = np.zeros((len(boxes), num_classes))
    for label in np.unique(annotations.labels):
        found[:, label] = overlaps[:, annotations.labels == label].max(axis=1, initial=0.0)
    return found


def liblinear(features: FloatArray, positive: NDArray[np.bool_]) -> tuple[Doubles, float]:
    """Fit one SVM as R-CNN: L2-regularised hinge loss, positives twice as heavy.

    EnvironmentProblem without scikit-learn.
    """
    model = _linear_svc()(
        C=COST,
        loss="hinge",
        intercept_scaling=BIAS,
        class_weight={False: 1.0, True: POSITIVE_WEIGHT},
        max_iter=_MOST_ITERATIONS,
        random_state=0,
    )
    model.fit(features, positive)
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])


def _linear_svc() -> Any:
    try:
        return importlib.import_module("sklearn.svm").LinearSVC
    except ModuleNotFoundError as error:
        raise EnvironmentProblem(
            "linear SVMs need scikit-learn, which is not installed: pip install 'detect[svm]'."
        ) from error


def train_svms(
    images: Iterable[RegionFeatures], num_classes: int, fit: Fit = liblinear, retrain: int = RETRAIN
) -> LinearSvms:
    """Train the SVMs of all classes on `images`, which are read three times, in their order.

    The negatives of the first image start every class; of the others the hard ones are added, and
    a class is fitted again after more than `retrain` of them and at the end. A class without a
    positive or a negative scores -1 everywhere. ValueError without a region.
    """
    scale = feature_scale(image.features for image in images)
    positives = [_scaled(image, scale)[image.truths >= 0] for image in images]
    labels = [image.truths[image.truths >= 0] for image in images]
    if not positives:
        raise ValueError("train_svms: expected at least one image")
    features, owners = np.concatenate(positives), np.concatenate(labels)
    miners = [_Miner(features[owners == c], fit, retrain) for c in range(num_classes)]
    for number, image in enumerate(images):
        scaled = _scaled(image, scale)
        for label, miner in enumerate(miners):
            miner.see(scaled, image.overlaps[:, label], first=number == 0)
    for miner in miners:
        miner.update()
    weights, biases = zip(*(miner.model for miner in miners), strict=True)
    return LinearSvms(scale, np.stack(weights, axis=1), np.array(biases))


def _scaled(image: RegionFeatures, scale: float) -> FloatArray:
    return np.asarray(image.features * np.float32(scale), np.float32)


class _Miner:
    """One class's SVM, its `positives` (P, D) and the negatives it remembers; features scaled.

    `model` is weights (D,) and bias; before the first fit every region is hard.
    """

    def __init__(self, positives: FloatArray, fit: Fit, retrain: int) -> None:
        self._positives, self._fit, self._retrain = positives, fit, retrain
        self._negatives: list[FloatArray] = []
        self._added = 0
        self.model: tuple[Doubles, float] = (np.zeros(positives.shape[1]), -1.0)

    def see(self, features: FloatArray, overlaps: Doubles, *, first: bool) -> None:
        """Remember the hard negatives among an image's regions, and fit again if it is time to."""
        if not len(self._positives):
            return
        hard = (overlaps < NEGATIVE_IOU) & (self._scores(features) > HARD)
        self._negatives.append(features[hard])
        self._added += int(hard.sum())
        if first or self._added > self._retrain:
            self.update()

    def update(self) -> None:
        """Fit again and forget easy negatives, if negatives were added since the last time."""
        if not self._added:
            return
        negatives = np.concatenate(self._negatives)
        flags = np.arange(len(self._positives) + len(negatives)) < len(self._positives)
        self.model = self._fit(np.concatenate([self._positives, negatives]), flags)
        self._negatives = [negatives[self._scores(negatives) >= EASY]]
        self._added = 0

    def _scores(self, features: FloatArray) -> Doubles:
        weights, bias = self.model
        return np.asarray(features @ weights + bias)
