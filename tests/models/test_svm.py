"""Linear SVMs: what is positive, negative and hard; the objective; R-CNN's mining."""

import importlib.util
import sys
import tracemalloc
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from scipy.optimize import minimize

from detect.errors import EnvironmentProblem
from detect.models.svm import (
    BIAS,
    COST,
    POSITIVE_WEIGHT,
    Fit,
    LinearSvms,
    PositiveFeatures,
    RegionFeatures,
    class_overlaps,
    find_positives,
    liblinear,
    train_svms,
)
from detect.structures import Annotations

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="needs the extra svm"
)


def objective(weights: np.ndarray, bias: float, x: np.ndarray, positive: np.ndarray) -> float:
    """rcnn_train.m's tot_loss: L2 regularisation, hinge, positives twice as heavy."""
    sign, cost = np.where(positive, 1, -1), np.where(positive, POSITIVE_WEIGHT, 1.0) * COST
    losses = np.maximum(0, 1 - sign * (x @ weights + bias))
    return float(0.5 * weights @ weights + 0.5 * (bias / BIAS) ** 2 + (cost * losses).sum())


def nearest_means(x: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit a small linear classifier in the SVM's place: +1 and -1 at the means of both kinds."""
    there, back = x[positive].mean(axis=0), x[~positive].mean(axis=0)
    weights = 2 * (there - back) / max(float((there - back) @ (there - back)), 1e-9)
    return weights.astype(np.float64), float(1 - there @ weights)


def image(features: list[list[float]], truths: list[int], classes: int = 2) -> RegionFeatures:
    """Regions that are an object of a class, or (-1) overlap none."""
    overlaps = np.zeros((len(truths), classes))
    for row, label in enumerate(truths):
        if label >= 0:
            overlaps[row, label] = 1.0
    return RegionFeatures(np.array(features, np.float32), overlaps, np.array(truths))


def trained(images: Sequence[RegionFeatures], classes: int, fit: Fit, **more: int) -> LinearSvms:
    """Find the objects of `images` and mine the rest."""
    return train_svms(images, find_positives(images), classes, fit, **more)


def test_overlaps_are_the_largest_of_each_class() -> None:
    truth = Annotations(
        np.array([[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 5, 10]]), np.array([2, 2, 0])
    )
    found = class_overlaps(np.array([[0, 0, 10, 5], [90, 90, 99, 99]], np.float32), truth, 3)
    np.testing.assert_allclose(found, [[1 / 3, 0, 1], [0, 0, 0]])
    nothing = Annotations(np.zeros((0, 4)), np.zeros(0))
    assert class_overlaps(np.zeros((2, 4), np.float32), nothing, 3).tolist() == [[0] * 3] * 2


def test_difficult_objects_count_and_what_lies_in_a_crowd_is_no_negative_of_its_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [45, 50, 55, 60], [44, 50, 54, 60]])
    truth = Annotations(
        np.array([[0, 0, 10, 20], [50, 0, 100, 100]]), np.array([0, 1]), np.array([True, False]),
        np.array([False, True]),
    )  # fmt: skip
    found = class_overlaps(boxes.astype(np.float32), truth, 2)
    np.testing.assert_allclose(found[:, 0], [0.5, 0, 0, 0])
    assert found[:, 1].tolist() == [0, 1, 1, pytest.approx(40 / 5060)]


def test_scores_are_linear_in_the_scaled_features() -> None:
    none = np.zeros(2, np.int64)
    svms = LinearSvms(2.0, np.array([[1.0, 0], [0, -1]]), np.array([0.5, 0]), none, none)
    found = svms.scores(np.array([[3.0, 1], [0, 0]], np.float32))
    assert found.tolist() == [[6.5, -2], [0.5, 0]]


class Recorder:
    """Fits with nearest_means and notes what it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, x: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, float]:
        self.calls.append((int(positive.sum()), int((~positive).sum())))
        return nearest_means(x, positive)


def test_objects_are_positive_regions_below_iou_are_negative_and_the_rest_is_neither() -> None:
    overlaps = np.array([[1.0], [0.3], [0.29], [0.9], [0.0]])
    features = np.eye(5, dtype=np.float32)
    one = RegionFeatures(features, overlaps, np.array([0, -1, -1, -1, -1]))
    fit = Recorder()
    svms = trained([one], 1, fit)
    assert fit.calls == [(1, 2)]
    assert (svms.positives.tolist(), svms.negatives.tolist()) == ([1], [2])
    scores = svms.scores(features)[:, 0]
    assert scores[0] == pytest.approx(1)
    assert scores[2] == pytest.approx(scores[4])


def test_objects_of_another_class_are_negatives() -> None:
    fit = Recorder()
    trained([image([[1, 0], [0, 1]], [0, 1])], 2, fit)
    assert fit.calls == [(1, 1), (1, 1)]


def test_later_images_add_hard_negatives_alone_and_easy_ones_are_forgotten() -> None:
    first = image([[10, 0], [-10, 0]], [0, -1], classes=1)  # fitted: score = x / 10 (scaled)
    easy = image([[-11, 0], [-30, 0]], [-1, -1], classes=1)
    hard = image([[2, 0], [-9, 0], [-11, 0]], [-1, -1, -1], classes=1)
    alone, both, last = Recorder(), Recorder(), Recorder()
    trained([first], 1, alone)
    assert alone.calls == [(1, 1)]
    trained([first, easy], 1, both)
    assert both.calls == [(1, 1)]  # nothing new: not fitted again
    svms = trained([first, easy, hard, image([[10, 0]], [0], classes=1)], 1, last)
    assert last.calls == [(2, 1), (2, 3)]  # the first image's negative, and two hard ones
    assert (svms.positives.tolist(), svms.negatives.tolist()) == ([2], [3])


def test_a_class_is_fitted_again_after_enough_new_negatives() -> None:
    first = image([[10, 0], [-10, 0]], [0, -1], classes=1)
    more = [image([[-5, number]], [-1], classes=1) for number in range(6)]
    often, once = Recorder(), Recorder()
    trained([first, *more], 1, often, retrain=0)
    trained([first, *more], 1, once, retrain=99)
    assert len(often.calls) > len(once.calls) == 2
    assert once.calls[-1] == (1, 7)


def mined(images: Sequence[RegionFeatures]) -> list[int]:
    """Mine `images` of one feature x with the model x - 1 -> the negatives of every fit."""
    negatives: list[int] = []

    def fit(_: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, float]:
        negatives.append(int((~positive).sum()))
        return np.ones(1), -1.0

    positives = PositiveFeatures(1.0, np.array([[5.0]], np.float32), np.zeros(1, np.int64))
    train_svms(images, positives, 1, fit)
    return negatives


def scoring(*scores: float) -> RegionFeatures:
    """Return proposals on no object that `mined`'s model gives these scores."""
    return image([[score + 1] for score in scores], [-1] * len(scores), classes=1)


def test_structures_are_hard_above_and_forgotten_below_the_scores_of_rcnn_train() -> None:
    """-1.0001 and -1.2: of the first image three are kept, of the second two are added."""
    first = scoring(-1.0, -1.1, -1.19, -1.21, -1.3)
    second = scoring(-1.0, -1.00005, -1.001, -1.19)
    assert mined([first, second]) == [5, 3 + 2]


def test_the_svm_is_fitted_again_after_more_than_two_thousand_new_negatives() -> None:
    images = [scoring(0), scoring(*[0] * 2000), scoring(0), scoring(0)]
    assert mined(images) == [1, 2002, 2003]


def test_a_class_without_positives_scores_minus_one() -> None:
    fit = Recorder()
    one = image([[1, 0], [0, 1]], [0, -1], classes=3)
    svms = trained([one], 3, fit)
    assert len(fit.calls) == 1
    np.testing.assert_array_equal(svms.scores(one.features)[:, 1:], -1)
    assert svms.negatives.tolist() == [1, 0, 0]


def test_mined_svms_rank_like_those_of_all_negatives() -> None:
    rng = np.random.default_rng(0)
    images = []
    for _ in range(30):
        truths = np.where(np.arange(40) < 2, rng.integers(2, size=40), -1)
        centres = np.array([[4.0, 0, 0], [0, 4, 0], [0, 0, 0]])[truths]
        images.append(image((centres + rng.normal(size=(40, 3))).tolist(), truths.tolist()))
    svms = trained(images, 2, _primal)
    features = np.concatenate([one.features for one in images])
    truths = np.concatenate([one.truths for one in images])
    assert (svms.scores(features).argmax(axis=1)[truths >= 0] == truths[truths >= 0]).mean() > 0.9
    for label in range(2):
        weights, bias = _primal(features * np.float32(svms.scale), truths == label)
        mined = objective(svms.weights[:, label], svms.biases[label], features * svms.scale,
                          truths == label)  # fmt: skip
        assert mined <= 1.05 * objective(weights, bias, features * svms.scale, truths == label)


def _primal(x: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the SVM by a general optimiser on a hinge whose corner is rounded off."""
    start = np.zeros(x.shape[1] + 1)

    def smooth(values: np.ndarray, width: float) -> float:
        weights, bias = values[:-1], values[-1]
        sign = np.where(positive, 1, -1)
        cost = np.where(positive, POSITIVE_WEIGHT, 1.0) * COST
        margin = 1 - sign * (x @ weights + bias)
        hinge = width * np.logaddexp(0, margin / width)
        return float(0.5 * weights @ weights + 0.5 * (bias / BIAS) ** 2 + (cost * hinge).sum())

    for width in (0.3, 0.03, 0.01):
        start = minimize(smooth, start, args=(width,), tol=1e-10).x
    return start[:-1], float(start[-1])


def test_memory_does_not_grow_with_images_of_easy_negatives() -> None:
    def images(count: int) -> Iterator[RegionFeatures]:
        for number in range(count):
            features = np.full((500, 64), -30.0 if number else -10.0, np.float32)
            truths = np.full(500, -1)
            if number < 2:
                features[0], truths[0] = 10, 0
            yield RegionFeatures(features, np.eye(500, 1), truths)

    def peak(count: int) -> int:
        tracemalloc.start()
        svms = train_svms(images(count), find_positives(images(count)), 1, nearest_means)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert svms.negatives.tolist() == [499]
        return most

    few, many = peak(4), peak(60)
    assert few > 500 * 64 * 4
    assert many < few + 100_000  # the features of one image take 128,000 bytes


@needs_sklearn
def test_liblinear_reaches_the_minimum_of_r_cnns_objective() -> None:
    rng = np.random.default_rng(3)
    positive = np.arange(80) < 20
    x = (rng.normal(size=(80, 3)) + 5 * positive[:, None] * np.array([1, 0.5, 0])).astype(
        np.float32
    )
    mine, reference = liblinear()(x, positive), _primal(x, positive)
    assert objective(*mine, x, positive) <= 1.001 * objective(*reference, x, positive)


@needs_sklearn
def test_liblinear_on_two_regions_worked_by_hand() -> None:
    """Both lie inside the margin, so each weighs its whole cost: 2 * 0.001 and 0.001.

    w = 0.002 * 3 - 0.001 * -4, and on the constant feature of 10 0.002 * 10 - 0.001 * 10 = 0.01.
    """
    weights, bias = liblinear()(np.array([[3], [-4]], np.float32), np.array([True, False]))
    np.testing.assert_allclose([*weights, bias], [0.01, 0.01 * 10], rtol=1e-6)


def test_without_scikit_learn_the_way_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(EnvironmentProblem, match=r"not installed: pip install 'detect\[svm\]'"):
        liblinear()


def test_no_image_is_the_callers_bug() -> None:
    with pytest.raises(ValueError, match="expected at least one image"):
        find_positives([])
