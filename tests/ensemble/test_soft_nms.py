"""Soft-NMS by hand, against the paper's loop, and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.boxes import iou_matrix
from detect.ensemble import select, select_softly
from detect.ensemble.soft_nms import gaussian, linear

# IoU of the first with the second 0.5, with the third 0.5; the last two do not touch.
HALVES = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [0, 5, 10, 10]], np.float32)


def _one_class(*scores):
    values = np.array(scores, np.float32)
    return np.stack([values, 1 - values], axis=1)


def _random(seed, count=40, classes=3, digits=9):
    generator = np.random.default_rng(seed)
    corner = generator.integers(0, 30, (count, 2))
    boxes = np.concatenate([corner, corner + generator.integers(1, 30, (count, 2))], axis=1)
    values = generator.dirichlet(np.ones(classes + 1), count)
    return boxes.astype(np.float32), np.round(values, digits).astype(np.float32)


def _as_set(found):
    boxes, labels, scores = found
    rows = zip(labels, scores, boxes, strict=True)
    return {(int(label), round(float(score), 9), *map(float, box)) for label, score, box in rows}


def _papers_loop(boxes, probabilities, decay, threshold):
    """Figure 2 of the paper, a class at a time: every box ends in D, low ones are left out last."""
    found = set()
    for label in range(probabilities.shape[1] - 1):
        left = {
            i: float(p) for i, p in enumerate(probabilities[:, label]) if p >= np.float32(threshold)
        }
        while left:
            best = min(left, key=lambda i: (-left[i], -probabilities[i, label], *boxes[i]))
            score = left.pop(best)
            if score >= np.float32(threshold):
                found.add((label, round(score, 9), *map(float, boxes[best])))
            for i in left:
                left[i] *= float(decay(iou_matrix(boxes[[best]], boxes[[i]])[0])[0])
    return found


def test_linear_by_hand():
    boxes, labels, scores = select_softly(HALVES, _one_class(0.9, 0.8, 0.7), linear(0.3))
    np.testing.assert_allclose(scores, [0.9, 0.8 * 0.5, 0.7 * 0.5], rtol=1e-6)
    np.testing.assert_array_equal(boxes, HALVES)
    np.testing.assert_array_equal(labels, [0, 0, 0])


def test_linear_begins_at_the_iou_itself():
    probabilities = _one_class(0.9, 0.8, 0.7)
    np.testing.assert_allclose(
        select_softly(HALVES, probabilities, linear(0.5))[2], [0.9, 0.4, 0.35], rtol=1e-6
    )
    np.testing.assert_allclose(
        select_softly(HALVES, probabilities, linear(0.51))[2], [0.9, 0.8, 0.7], rtol=1e-6
    )


# exp(-0.5² / 0.5) = exp(-0.5) and exp(-0.5² / 0.25) = exp(-1).
@pytest.mark.parametrize(("sigma", "factor"), [(0.5, 0.6065307), (0.25, 0.3678794)])
def test_gaussian_by_hand(sigma, factor):
    scores = select_softly(HALVES, _one_class(0.9, 0.8, 0.7), gaussian(sigma))[2]
    np.testing.assert_allclose(scores, [0.9, 0.8 * factor, 0.7 * factor], rtol=1e-6)


def test_a_decayed_score_of_exactly_the_threshold_stays():
    # Half of 0.8 is 0.4, in float32 too; half of 0.7 is below.
    scores = select_softly(HALVES, _one_class(0.9, 0.8, 0.7), linear(0.3), threshold=0.4)[2]
    np.testing.assert_allclose(scores, [0.9, 0.4], rtol=1e-6)


def test_a_box_overtaken_after_its_decay_is_taken_later_and_decays_again():
    # IoU of the first with the second 0.8, with the third 0.4, of the two 0.5: after the first the
    # second has 0.85 * 0.2 = 0.17, the third 0.6 * 0.6 = 0.36, and takes half of the second's.
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 4]], np.float32)
    found, _, scores = select_softly(boxes, _one_class(0.9, 0.85, 0.6), linear(0.3))
    np.testing.assert_allclose(scores, [0.9, 0.36, 0.085], rtol=1e-6)
    np.testing.assert_array_equal(found, boxes[[0, 2, 1]])
    above = select_softly(boxes, _one_class(0.9, 0.85, 0.6), linear(0.3), threshold=0.1)
    np.testing.assert_array_equal(above[0], boxes[[0, 2]])


@given(
    seed=st.integers(0, 1000),
    decay=st.sampled_from([linear(0.3), linear(0.0), gaussian(0.5), gaussian(0.1)]),
    digits=st.sampled_from([1, 9]),
)
def test_it_is_the_papers_loop(seed, decay, digits):
    boxes, probabilities = _random(seed, digits=digits)
    expected = _papers_loop(boxes, probabilities, decay, 0.05)
    assert _as_set(select_softly(boxes, probabilities, decay, 0.05, 1000)) == expected


@given(seed=st.integers(0, 1000))
def test_a_small_sigma_is_nms_that_allows_no_overlap(seed):
    boxes, probabilities = _random(seed)
    soft = select_softly(boxes, probabilities, gaussian(1e-12))
    assert _as_set(soft) == _as_set(select(boxes, probabilities, nms=0.0))


def test_a_large_sigma_is_no_nms():
    boxes, probabilities = _random(1)
    soft = select_softly(boxes, probabilities, gaussian(1e12), per_class=1000)
    assert _as_set(soft) == _as_set(select(boxes, probabilities, nms=1.0, per_class=1000))


@pytest.mark.parametrize("digits", [1, 9])
def test_the_order_of_the_boxes_does_not_matter(digits):
    boxes, probabilities = _random(2, digits=digits)
    order = np.random.default_rng(0).permutation(len(boxes))
    once = select_softly(boxes, probabilities, gaussian(0.5), per_class=7)
    again = select_softly(boxes[order], probabilities[order], gaussian(0.5), per_class=7)
    for first, second in zip(once, again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert (np.diff(once[2]) <= 0).all()
    np.testing.assert_array_equal(np.bincount(once[1]), [7, 7, 7])


def test_nothing_and_boxes_without_area():
    boxes, labels, scores = select_softly(
        np.zeros((0, 4), np.float32), np.zeros((0, 3), np.float32), gaussian(0.5)
    )
    assert (boxes.shape, labels.shape, scores.shape) == ((0, 4), (0,), (0,))
    flat = np.array([[5, 5, 5, 5], [5, 5, 5, 5]], np.float32)
    scores = select_softly(flat, _one_class(0.9, 0.8), linear(0.0))[2]
    np.testing.assert_allclose(scores, [0.9, 0.8], rtol=1e-6)


def test_sigma_must_be_above_zero():
    with pytest.raises(ValueError, match="sigma: expected a number above 0, got 0"):
        gaussian(0)
