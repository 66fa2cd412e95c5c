"""Box regression: R-CNN's equations, the round trip, the fit against scipy, what it gains."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from detect.boxes import iou_matrix
from detect.errors import DetectError
from detect.models.box_regression import (
    RIDGE,
    BoxRegression,
    decode,
    encode,
    feature_scale,
    pairs,
)
from detect.models.ridge import Pairs, choose, fit
from detect.structures import Annotations, FloatArray, IntArray


def random_boxes(rng: np.random.Generator, count: int) -> FloatArray:
    corners = rng.uniform(0, 100, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(5, 60, (count, 2))], 1).astype(np.float32)


def fitted(
    features: np.ndarray,
    boxes: FloatArray,
    truths: FloatArray,
    labels: IntArray,
    num_classes: int,
    ridge: float = RIDGE,
) -> BoxRegression:
    """Fit to pairs (N,) that are there at once, in parts of seven."""

    def pairs_of(label: int) -> Iterator[Pairs]:
        rows = np.flatnonzero(labels == label)
        for start in range(0, len(rows), 7):
            part = rows[start : start + 7]
            yield Pairs(features[part], boxes[part], truths[part])

    (one,) = fit(pairs_of, features.shape[1], num_classes, (ridge,))
    return one


def test_targets_of_a_box_worked_by_hand() -> None:
    """P is 10 x 20 at centre (15, 20); G is 20 x 20 at centre (20, 15)."""
    targets = encode(np.array([[10.0, 5, 30, 25]]), np.array([[10.0, 10, 20, 30]]))
    np.testing.assert_allclose(targets, [[0.5, -0.25, np.log(2), 0]])


def test_no_target_moves_nothing() -> None:
    boxes = random_boxes(np.random.default_rng(0), 4)
    np.testing.assert_allclose(decode(np.zeros((4, 4)), boxes), boxes)
    assert encode(boxes[:0], boxes[:0]).shape == (0, 4)


@given(st.integers(0, 2**32))
def test_decoding_undoes_encoding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, truths = random_boxes(rng, 6), random_boxes(rng, 6)
    np.testing.assert_allclose(decode(encode(truths, boxes), boxes), truths, atol=1e-9)
    targets = rng.normal(0, 1, (6, 4))
    np.testing.assert_allclose(encode(decode(targets, boxes), boxes), targets, atol=1e-9)


@given(st.integers(0, 2**32), st.floats(0.1, 10))
def test_targets_do_not_change_with_the_size_of_the_image(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    boxes, truths = (random_boxes(rng, 3).astype(np.float64) for _ in range(2))
    scaled = encode(truths * factor, boxes * factor)
    np.testing.assert_allclose(scaled, encode(truths, boxes), atol=1e-9)


def test_pairs_take_the_object_of_the_largest_iou_from_a_bound_on() -> None:
    truth = Annotations(
        np.array([[0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60], [80, 0, 90, 10]]),
        np.array([0, 1, 2, 0]),
        difficult=np.array([0, 0, 1, 0]),
        crowd=np.array([0, 0, 0, 1]),
    )
    boxes = np.array(
        [[0, 0, 10, 6], [0, 0, 10, 7], [0, 0, 10, 10], [0, 0, 10, 4], [50, 50, 60, 60],
         [80, 0, 90, 10]], np.float32,
    )  # fmt: skip
    rows, objects = pairs(boxes, truth)  # IoU .6 and .75; .7 and .875; 1; below; difficult; crowd
    assert rows.tolist() == [0, 1, 2]
    assert objects.tolist() == [1, 1, 0]
    assert pairs(boxes, truth, iou=0.9)[0].tolist() == [2]
    assert pairs(boxes, truth, iou=0.875)[0].tolist() == [1, 2]
    assert pairs(boxes[:0], truth)[0].shape == (0,)
    assert pairs(boxes, Annotations(boxes[:0], np.zeros(0)))[1].shape == (0,)


def test_features_are_scaled_to_a_mean_norm_of_twenty() -> None:
    features = np.random.default_rng(0).random((7, 5)).astype(np.float32)
    norms = np.linalg.norm(features * feature_scale([features[:3], features[3:]]), axis=1)
    assert norms.mean() == pytest.approx(20)
    assert feature_scale([np.zeros((3, 2))]) == feature_scale([]) == 1.0


def test_the_fit_is_the_minimum_of_equation_5_over_decorrelated_targets() -> None:
    rng = np.random.default_rng(0)
    features, boxes = rng.normal(size=(40, 3)), random_boxes(rng, 40)
    truths = (boxes + rng.normal(0, 2, boxes.shape)).astype(np.float32)
    found = fitted(features, boxes, truths, np.zeros(40, np.int64), 1, ridge=50.0)
    targets = encode(truths, boxes)
    mean = targets.mean(axis=0)
    covariance = np.cov(targets.T, bias=True) + 0.001 * np.eye(4)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    white = (targets - mean) @ np.linalg.inv(root)
    design = np.column_stack([features * found.scale, np.ones(40)])
    for column in range(4):

        def objective(w: np.ndarray, column: int = column) -> float:
            return float(((white[:, column] - design @ w) ** 2).sum() + 50 * (w**2).sum())

        lowest = minimize(objective, np.zeros(4), tol=1e-12).x
        mine = ((found.weights[0] - np.outer([0, 0, 0, 1], mean)) @ np.linalg.inv(root))[:, column]
        np.testing.assert_allclose(mine, lowest, atol=1e-6)


def test_r_cnns_ridge_on_two_pairs_worked_by_hand() -> None:
    """Features 1 and -1 become 20 and -20, the shifts are 0.9 and -0.9 of the width.

    w = (20 * 0.9 + 20 * 0.9) / (20^2 + 20^2 + 1000) = 0.02: shifts of 20 * 0.02 = 0.4.
    """
    features, boxes = np.array([[1.0], [-1]]), np.array([[0, 0, 10, 10]] * 2, np.float32)
    truths = np.array([[9, 0, 19, 10], [-9, 0, 1, 10]], np.float32)
    labels = np.zeros(2, np.int64)
    moved = fitted(features, boxes, truths, labels, 1).predict(features, boxes, labels)
    np.testing.assert_allclose(moved, [[4, 0, 14, 10], [-4, 0, 6, 10]], atol=1e-5)


def test_boxes_come_nearer_to_their_objects_and_each_class_learns_its_own() -> None:
    """Features tell the shift: class 1 needs the opposite of class 0."""
    rng = np.random.default_rng(1)
    truths, labels = random_boxes(rng, 600), rng.integers(2, size=600)
    shifts = rng.normal(0, 0.15, (600, 4))
    boxes = decode(shifts, truths).astype(np.float32)
    features = np.where(labels[:, None] == 0, shifts, -shifts) + rng.normal(0, 0.01, (600, 4))
    train, test = slice(0, 400), slice(400, 600)
    model = fitted(features[train], boxes[train], truths[train], labels[train], 3, ridge=1.0)
    assert model.pairs.tolist() == [*np.bincount(labels[train]), 0]
    moved = model.predict(features[test], boxes[test], labels[test])

    def mean_iou(found: FloatArray) -> float:
        return float(np.diag(iou_matrix(found, truths[test])).mean())

    assert mean_iou(boxes[test]) < 0.75
    assert mean_iou(moved) > 0.9
    swapped = model.predict(features[test], boxes[test], 1 - labels[test])
    assert mean_iou(swapped) < mean_iou(boxes[test])


def test_the_scale_of_the_features_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    features, boxes, truths = rng.random((30, 4)), random_boxes(rng, 30), random_boxes(rng, 30)
    labels = np.zeros(30, np.int64)
    one, other = (
        fitted(features * factor, boxes, truths, labels, 1).predict(
            features * factor, boxes, labels
        )
        for factor in (1.0, 1000.0)
    )
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("parts", [2, 40])
def test_memory_holds_sums_whatever_the_number_of_pairs(parts: int) -> None:
    """The sums and, while they are solved, a copy; and a part."""
    dimensions = 600

    def pairs_of(label: int) -> Iterator[Pairs]:
        rng = np.random.default_rng(label)
        for _ in range(parts):
            boxes = random_boxes(rng, 50)
            truths = (boxes + rng.normal(0, 1, (50, 4))).astype(np.float32)
            yield Pairs(rng.random((50, dimensions), np.float32), boxes, truths)

    tracemalloc.start()
    (found,) = fit(pairs_of, dimensions, 3)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.pairs.tolist() == [50 * parts] * 3
    assert most < 2.5 * 8 * (dimensions + 1) ** 2


def test_the_ridge_chosen_is_the_one_that_moves_other_pairs_best() -> None:
    """Few pairs of many features that say nothing but for one: a small penalty learns noise."""
    rng = np.random.default_rng(7)

    def pairs_of(count: int) -> Pairs:
        truths = random_boxes(rng, count)
        shifts = rng.normal(0, 0.15, (count, 4)) * [1, 0, 0, 0]
        features = rng.normal(0, 1, (count, 60))
        features[:, 0] = shifts[:, 0] * 20
        return Pairs(features, decode(shifts, truths).astype(np.float32), truths)

    train, test = pairs_of(40), pairs_of(200)
    ridges = (1e-3, 100.0, 1e9)
    every = fit(lambda _: iter([train]), 60, 1, ridges)
    best, means = choose(every, lambda _: iter([test]))
    for one, ridge, mean in zip(every, ridges, means, strict=True):
        (alone,) = fit(lambda _: iter([train]), 60, 1, (ridge,))
        np.testing.assert_array_equal(one.weights, alone.weights)
        moved = one.predict(test.features, test.boxes, np.zeros(200, np.int64))
        assert mean == pytest.approx(np.diag(iou_matrix(moved, test.truths)).mean())
    assert best == 1 == int(means.argmax())
    # Of equal ones the larger penalty.
    assert choose((every[0], every[0]), lambda _: iter([test]))[0] == 1


def test_a_penalty_too_small_for_the_pairs_is_said() -> None:
    rng = np.random.default_rng(0)
    boxes, features = random_boxes(rng, 3), rng.random((3, 50))
    with pytest.raises(DetectError, match=r"ridge=1e-300 is too small for these pairs"):
        fitted(features, boxes, boxes + 1, np.zeros(3, np.int64), 1, ridge=1e-300)


def test_a_class_without_pairs_and_a_box_without_area_stay() -> None:
    model = BoxRegression(1.0, np.zeros((2, 3, 4)), np.array([0, 0]))
    model.weights[0, -1] = [0.5, 0, 0, 0]
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [4, 4, 4, 9]], np.float32)
    moved = model.predict(np.zeros((3, 2)), boxes, np.array([0, 1, 0]))
    np.testing.assert_array_equal(moved, [[5, 0, 15, 10], [0, 0, 10, 10], [4, 4, 4, 9]])
    assert boxes[0].tolist() == [0, 0, 10, 10]
    assert moved.dtype == np.float32


def test_wrong_arguments_are_the_callers_bug() -> None:
    boxes = random_boxes(np.random.default_rng(0), 3)
    with pytest.raises(ValueError, match="a positive ridge, got 0"):
        fitted(np.zeros((3, 5)), boxes, boxes, np.zeros(3, np.int64), 1, ridge=0)
