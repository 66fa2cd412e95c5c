"""Weighted boxes fusion by hand, and its laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.ensemble import select, select_fused
from detect.ensemble.box_fusion import fuse

# The first two overlap by 0.8; the third is elsewhere.
BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60]], np.float32)
# Network 1 sees the first and the third, network 2 the second.
SCORES = np.array([[0.9, 0.0, 0.8], [0.0, 0.6, 0.0]], np.float32)


def _one_class(scores):
    return np.stack([scores, 1 - scores], axis=-1).astype(np.float32)


def _random(seed, networks, count=30, classes=2):
    generator = np.random.default_rng(seed)
    corner = generator.uniform(0, 40, (count, 2))
    boxes = np.concatenate([corner, corner + generator.uniform(1, 40, (count, 2))], axis=1)
    probabilities = generator.dirichlet(np.ones(classes + 1), (networks, count))
    return boxes.astype(np.float32), probabilities.astype(np.float32)


def _assert_close(found, expected, rtol):
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(found[2], expected[2], rtol=rtol)


def test_two_networks_by_hand():
    # y2 = (0.9 * 10 + 0.6 * 8) / 1.5 = 9.2; scores 1.5 / 2 * 2 / 2 and 0.8 * 1 / 2.
    boxes, labels, scores = select_fused(BOXES, _one_class(SCORES))
    np.testing.assert_allclose(boxes, [[0, 0, 10, 9.2], [50, 50, 60, 60]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.75, 0.4], rtol=1e-6)
    np.testing.assert_array_equal(labels, [0, 0])


def test_weights_by_hand():
    # Shares 1.5 and 0.5: scores 1.35, 0.3 and 1.2; y2 = (13.5 + 2.4) / 1.65.
    found = select_fused(BOXES, _one_class(SCORES), [3, 1])
    np.testing.assert_allclose(found[0], [[0, 0, 10, 15.9 / 1.65], [50, 50, 60, 60]], rtol=1e-6)
    np.testing.assert_allclose(found[2], [1.65 / 2, 1.2 / 2], rtol=1e-6)
    _assert_close(select_fused(BOXES, _one_class(SCORES), [6, 2]), found, 1e-6)


def test_a_network_of_weight_zero_is_not_counted():
    found = select_fused(BOXES, _one_class(SCORES), [0, 5])
    np.testing.assert_allclose(found[0], BOXES[1:2], rtol=1e-6)
    np.testing.assert_allclose(found[2], [0.6], rtol=1e-6)
    # Nor where another has more boxes in a cluster than there are networks.
    boxes, probabilities = _random(3, 2)
    limits = {"nms": 0.9, "threshold": 0.1}
    alone = select_fused(boxes, probabilities[1:], **limits)
    assert len(alone[0]) < len(select(boxes, probabilities[1], **limits)[0])
    _assert_close(select_fused(boxes, probabilities, [0, 5], **limits), alone, 1e-6)


def test_the_threshold_is_for_each_network_and_for_what_is_fused():
    # Network 2 has the first box below 0.3: the cluster has one member, 0.9 * 1 / 2. The third
    # ends at 0.6 / 2, exactly the threshold, and goes at 0.5 / 2.
    scores = np.array([[0.9, 0.0, 0.6], [0.2, 0.0, 0.0]], np.float32)
    boxes, _, values = select_fused(BOXES, _one_class(scores), threshold=0.3)
    np.testing.assert_array_equal(boxes, BOXES[[0, 2]])
    np.testing.assert_allclose(values, [0.45, 0.3], rtol=1e-6)
    scores[0, 2] = 0.5
    assert len(select_fused(BOXES, _one_class(scores), threshold=0.3)[0]) == 1


def test_a_box_joins_the_fused_one_and_not_its_first_member():
    # The third overlaps the first by 0.5, but the mean of the first two, y2 = 13.8 / 1.7, by 0.62.
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 6], [0, 0, 10, 5]])
    scores = np.array([0.9, 0.8, 0.7])
    fused, values = fuse(boxes, scores, networks=3, fusion_iou=0.55)
    np.testing.assert_allclose(fused, [[0, 0, 10, 17.3 / 2.4]])
    np.testing.assert_allclose(values, [0.8])
    np.testing.assert_allclose(fuse(boxes, scores, networks=2, fusion_iou=0.55)[1], [0.8])
    np.testing.assert_allclose(fuse(boxes, scores, networks=6, fusion_iou=0.55)[1], [0.4])


def test_exactly_the_iou_is_not_fused_and_the_best_of_two_is_chosen():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]])
    assert len(fuse(boxes, np.array([0.9, 0.8]), 2, fusion_iou=0.5)[0]) == 2
    three = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 7]])
    # IoU of the third: 0.7 with the first, 5 / 7 = 0.71 with the second.
    fused, _ = fuse(three, np.array([0.9, 0.8, 0.7]), 2, fusion_iou=0.55)
    np.testing.assert_allclose(fused, [[0, 0, 10, 10], [0, 0, 10, (4 + 4.9) / 1.5]])


@given(seed=st.integers(0, 1000), per_class=st.sampled_from([3, 100]))
def test_one_network_is_what_selection_leaves_of_it(seed, per_class):
    boxes, probabilities = _random(seed, 1)
    fused = select_fused(boxes, probabilities, per_class=per_class)
    for found, expected in zip(
        fused, select(boxes, probabilities[0], per_class=per_class), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@given(seed=st.integers(0, 1000))
def test_networks_that_agree_are_as_one(seed):
    boxes, probabilities = _random(seed, 1)
    three = select_fused(boxes, np.repeat(probabilities, 3, axis=0))
    _assert_close(three, select(boxes, probabilities[0]), 1e-5)


@given(seed=st.integers(0, 1000))
def test_neither_order_matters(seed):
    boxes, probabilities = _random(seed, 3)
    once = select_fused(boxes, probabilities, per_class=5)
    order = np.random.default_rng(seed).permutation(len(boxes))
    _assert_close(select_fused(boxes, probabilities[::-1], per_class=5), once, 1e-6)
    again = select_fused(boxes[order], probabilities[:, order], per_class=5)
    for first, second in zip(once, again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_limits_hold_after_the_fusion():
    boxes, probabilities = _random(7, 3, count=60)
    _, labels, scores = select_fused(boxes, probabilities, threshold=0.2, per_class=4)
    assert scores.min() >= np.float32(0.2)
    assert (np.diff(scores) <= 0).all()
    assert np.bincount(labels).max() == 4


def test_nothing_above_the_threshold():
    boxes, labels, scores = select_fused(BOXES, _one_class(SCORES), threshold=0.95)
    assert (boxes.shape, labels.shape, scores.shape) == ((0, 4), (0,), (0,))
    empty = select_fused(np.zeros((0, 4), np.float32), np.zeros((2, 0, 3), np.float32))
    assert len(empty[0]) == 0


def test_bad_weights_are_refused():
    with pytest.raises(ValueError, match="expected 2, one a network"):
        select_fused(BOXES, _one_class(SCORES), [1])
