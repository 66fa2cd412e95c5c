"""Laws of selection, against a slow loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.boxes import iou_matrix
from detect.ensemble import select


def _random_boxes(generator, count, side=60, step=1.0):
    corner = np.round(generator.uniform(0, side, (count, 2)) / step) * step
    sides = np.round(generator.uniform(1, side, (count, 2)) / step) * step
    return np.concatenate([corner, corner + sides], axis=1).astype(np.float32)


def _random_probabilities(generator, count, columns, digits=9):
    values = generator.dirichlet(np.ones(columns), count).reshape(count, columns)
    return np.round(values, digits).astype(np.float32)


def _slow_select(boxes, probabilities, threshold, nms, per_class):
    """Greedy NMS a class at a time, as written in words."""
    found = set()
    for label in range(probabilities.shape[1] - 1):
        scores = probabilities[:, label]
        left = [i for i in range(len(boxes)) if scores[i] >= np.float32(threshold)]
        left.sort(key=lambda i: (-scores[i], *boxes[i]))
        kept = []
        for i in left:
            if not (iou_matrix(boxes[[i]], boxes[kept]) > nms).any():
                kept.append(i)
        found |= {(label, float(scores[i]), *map(float, boxes[i])) for i in kept[:per_class]}
    return found


def _as_set(boxes, labels, scores):
    rows = zip(labels, scores, boxes, strict=True)
    return {(int(label), float(score), *map(float, box)) for label, score, box in rows}


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 60),
    classes=st.integers(1, 4),
    nms=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    per_class=st.sampled_from([1, 3, 100]),
    digits=st.sampled_from([1, 9]),
)
def test_select_equals_a_slow_loop(seed, count, classes, nms, per_class, digits):
    generator = np.random.default_rng(seed)
    boxes = _random_boxes(generator, count)
    probabilities = _random_probabilities(generator, count, classes + 1, digits)
    fast = select(boxes, probabilities, 0.05, nms, per_class)
    assert _as_set(*fast) == _slow_select(boxes, probabilities, 0.05, nms, per_class)


# Many blocks of boxes that are compared with each other.
def test_select_equals_a_slow_loop_above_a_thousand_candidates():
    generator = np.random.default_rng(3)
    boxes = _random_boxes(generator, 1500, side=3000)
    probabilities = _random_probabilities(generator, 1500, 4)
    assert (probabilities[:, :-1] >= 0.3).sum() > 1000
    fast = select(boxes, probabilities, 0.3, 0.3, 100)
    assert _as_set(*fast) == _slow_select(boxes, probabilities, 0.3, 0.3, 100)


@pytest.mark.parametrize("digits", [1, 9])
def test_select_does_not_depend_on_the_order_of_the_boxes(digits):
    generator = np.random.default_rng(4)
    boxes = _random_boxes(generator, 80, side=20)
    probabilities = _random_probabilities(generator, 80, 4, digits)
    order = generator.permutation(80)
    once = select(boxes, probabilities, per_class=5)
    again = select(boxes[order], probabilities[order], per_class=5)
    for first, second in zip(once, again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_select_returns_the_best_first_with_float64_scores():
    generator = np.random.default_rng(5)
    _, labels, scores = select(
        _random_boxes(generator, 50), _random_probabilities(generator, 50, 3)
    )
    assert (np.diff(scores) <= 0).all()
    assert scores.dtype == np.float64
    assert set(labels) == {0, 1}


def test_select_never_returns_background_and_takes_the_threshold_itself():
    boxes = np.array([[0, 0, 9, 9], [20, 20, 29, 29]], np.float32)
    probabilities = np.array([[0.01, 0.99], [0.0099, 0.9901]], np.float32)
    chosen, labels, scores = select(boxes, probabilities, threshold=0.01)
    np.testing.assert_array_equal(chosen, boxes[:1])
    np.testing.assert_array_equal(labels, [0])
    np.testing.assert_allclose(scores, [0.01])


# Boxes are compared 64 at a time: those between part the two.
@pytest.mark.parametrize("between", [0, 70])
def test_select_keeps_boxes_of_exactly_the_iou(between):
    # Intersection 5, union 10 + 5 - 5: IoU 0.5.
    far = [[0, 10 * place, 10, 10 * place + 1] for place in range(1, between + 1)]
    boxes = np.array([[0, 0, 10, 1], *far, [0, 0, 5, 1]], np.float32)
    scores = np.array([0.9, *[0.85] * between, 0.8], np.float32)
    probabilities = np.stack([scores, 1 - scores], axis=1)
    assert len(select(boxes, probabilities, nms=0.5)[0]) == between + 2
    assert len(select(boxes, probabilities, nms=0.49)[0]) == between + 1


def test_select_without_limits_takes_r_cnns():
    sure, rare = np.array([[0.9, 0.1]] * 101), np.array([[0.01, 0.99], [0.0099, 0.9901]])
    for width, left in ((30, 2), (31, 1)):  # IoU 0.3 and 0.31
        boxes = np.array([[0, 0, 100, 1], [0, 0, width, 1]], np.float32)
        assert len(select(boxes, sure[:2])[0]) == left
    apart = np.array([[0, 2 * place, 1, 2 * place + 1] for place in range(101)], np.float32)
    assert len(select(apart, sure)[0]) == 100
    assert len(select(apart[:2], rare.astype(np.float32))[0]) == 1


def test_select_lets_one_box_be_two_classes():
    boxes = np.array([[0, 0, 10, 10]], np.float32)
    _, labels, scores = select(boxes, np.array([[0.4, 0.5, 0.1]], np.float32))
    np.testing.assert_array_equal(labels, [1, 0])
    np.testing.assert_allclose(scores, [0.5, 0.4])


def test_select_caps_every_class_by_itself():
    starts = np.arange(0, 300, 10, dtype=np.float32)
    boxes = np.stack([starts, starts * 0, starts + 5, starts * 0 + 5], axis=1)
    probabilities = np.tile(np.array([[0.3, 0.2, 0.5]], np.float32), (30, 1))
    _, labels, _ = select(boxes, probabilities, per_class=7)
    np.testing.assert_array_equal(np.bincount(labels), [7, 7])


def test_select_of_nothing_and_of_boxes_without_area():
    boxes, labels, scores = select(np.zeros((0, 4), np.float32), np.zeros((0, 3), np.float32))
    assert (boxes.shape, labels.shape, scores.shape) == ((0, 4), (0,), (0,))
    flat = np.array([[5, 5, 5, 5], [5, 5, 5, 5]], np.float32)
    assert len(select(flat, np.array([[0.9, 0.1], [0.8, 0.2]], np.float32))[0]) == 2


def test_select_does_not_change_its_arguments():
    generator = np.random.default_rng(6)
    boxes, probabilities = _random_boxes(generator, 20), _random_probabilities(generator, 20, 3)
    copies = boxes.copy(), probabilities.copy()
    select(boxes, probabilities)
    np.testing.assert_array_equal(boxes, copies[0])
    np.testing.assert_array_equal(probabilities, copies[1])


def test_select_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"expected boxes \(N, 4\) or \(N, C, 4\)"):
        select(np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32))
