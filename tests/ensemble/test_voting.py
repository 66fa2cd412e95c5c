"""Box voting by hand, and its laws."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.boxes import iou_matrix, mirror
from detect.ensemble import Combination, vote
from detect.ensemble.candidates import candidates
from detect.ensemble.selection import select
from detect.ensemble.voting import LOWEST_VOTER
from detect.structures import FloatArray

# IoU with the first: 1, 0.8, 0.5, 0.4, 0.
BOXES = np.array(
    [[0, 0, 10, 10], [0, 0, 8, 10], [0, 5, 10, 10], [6, 0, 10, 10], [50, 50, 60, 70]], np.float32
)
SCORES = np.array([0.5, 0.4, 0.1, 0.3, 0.2])
SEEDS = st.integers(0, 1000)
IOUS = st.sampled_from([0.3, 0.5, 0.7])


def _one_class(scores):
    return np.stack([scores, 1 - np.asarray(scores)], axis=-1).astype(np.float32)


def _random(seed: int, count: int = 40, classes: int = 2) -> tuple[FloatArray, FloatArray]:
    """Return boxes that overlap, and their probabilities."""
    rng = np.random.default_rng(seed)
    corners = np.round(rng.uniform(0, 20, (count, 2)), 3)
    boxes = np.concatenate([corners, corners + rng.uniform(15, 30, (count, 2))], axis=1)
    probabilities = rng.dirichlet(np.ones(classes + 1), count)
    return boxes.astype(np.float32), probabilities.astype(np.float32)


def _voted(boxes: FloatArray, probabilities: FloatArray, vote_iou: float = 0.5):
    found = select(boxes, probabilities)
    return vote(found, candidates(boxes, probabilities, LOWEST_VOTER), vote_iou)


def test_one_box_by_hand():
    # Of the first three, weights 0.5, 0.4, 0.1: y1 = 0.1 * 5, x2 = 5 + 3.2 + 1.
    moved, labels, scores = _voted(BOXES[:3], _one_class(SCORES[:3]))
    np.testing.assert_allclose(moved, [[0, 0.5, 9.2, 10]], rtol=1e-6)
    np.testing.assert_array_equal(labels, [0])
    np.testing.assert_allclose(scores, [0.5], rtol=1e-6)


def test_the_iou_itself_votes_and_less_does_not():
    found = (BOXES[:1], np.zeros(1, np.int64), SCORES[:1])
    voters = (BOXES, np.zeros(5, np.int64), SCORES)
    np.testing.assert_allclose(vote(found, voters, 0.5)[0], [[0, 0.5, 9.2, 10]], rtol=1e-6)
    np.testing.assert_allclose(vote(found, voters, 0.501)[0], [[0, 0, 8.2 / 0.9, 10]], rtol=1e-6)
    # The fourth, 0.3, as well: x1 = 1.8 / 1.3, x2 = (9.2 + 3) / 1.3.
    expected = [[1.8 / 1.3, 0.5 / 1.3, 12.2 / 1.3, 10]]
    np.testing.assert_allclose(vote(found, voters, 0.4)[0], expected, rtol=1e-6)


def test_only_the_own_class_votes():
    found = (BOXES[[0, 0]], np.array([0, 1]), SCORES[[0, 0]])
    voters = (BOXES[:3], np.array([0, 1, 0]), SCORES[:3])
    first = [0, 0.5 / 0.6, 10, 10]
    np.testing.assert_allclose(vote(found, voters, 0.5)[0], [first, [0, 0, 8, 10]], rtol=1e-6)


def test_scores_of_zero_and_below_do_not_vote_and_without_votes_a_box_stays():
    found = (BOXES[:1], np.zeros(1, np.int64), SCORES[:1])
    voters = (BOXES[:3], np.zeros(3, np.int64), np.array([-1.5, 2.0, 0.0]))
    np.testing.assert_array_equal(vote(found, voters, 0.5)[0], BOXES[1:2])
    silent = (BOXES[:3], np.zeros(3, np.int64), np.array([-1.5, -2.0, 0.0]))
    np.testing.assert_array_equal(vote(found, silent, 0.5)[0], BOXES[:1])
    nobody = tuple(column[:0] for column in voters)
    np.testing.assert_array_equal(vote(found, nobody, 0.5)[0], BOXES[:1])


def test_an_empty_box_stays_and_of_nothing_comes_nothing():
    point = np.array([[3, 3, 3, 3]], np.float32)
    moved, _, _ = _voted(point, _one_class([0.9]))
    np.testing.assert_array_equal(moved, point)
    nothing = _voted(np.zeros((0, 4), np.float32), np.zeros((0, 3), np.float32))
    assert [len(column) for column in nothing] == [0, 0, 0]


@given(seed=SEEDS, vote_iou=IOUS)
def test_labels_scores_and_order_stay(seed, vote_iou):
    boxes, probabilities = _random(seed)
    found = select(boxes, probabilities)
    moved, labels, scores = _voted(boxes, probabilities, vote_iou)
    np.testing.assert_array_equal(labels, found[1])
    np.testing.assert_array_equal(scores, found[2])
    assert (moved.shape, moved.dtype) == (found[0].shape, np.float32)


@given(seed=SEEDS)
def test_identical_boxes_give_that_box(seed):
    boxes, probabilities = _random(seed)
    same = np.repeat(boxes[:1], len(boxes), axis=0)
    moved, _, _ = _voted(same, probabilities)
    np.testing.assert_array_equal(moved, same[: len(moved)])


@given(seed=SEEDS)
def test_an_iou_of_one_gives_what_was_there(seed):
    boxes, probabilities = _random(seed)
    np.testing.assert_array_equal(
        _voted(boxes, probabilities, 1.0)[0], select(boxes, probabilities)[0]
    )


@given(seed=SEEDS, vote_iou=IOUS)
def test_a_box_is_within_those_that_voted(seed, vote_iou):
    boxes, probabilities = _random(seed)
    found = select(boxes, probabilities)
    moved, labels, _ = _voted(boxes, probabilities, vote_iou)
    for before, after, label in zip(found[0], moved, labels, strict=True):
        near = iou_matrix(before[None], boxes)[0] >= vote_iou
        voters = boxes[near & (probabilities[:, label] >= np.float32(LOWEST_VOTER))]
        assert (after >= voters.min(axis=0) - 1e-4).all()
        assert (after <= voters.max(axis=0) + 1e-4).all()
        weights = probabilities[near & (probabilities[:, label] >= LOWEST_VOTER), label]
        np.testing.assert_allclose(after, np.average(voters, 0, weights), atol=1e-4)


@given(seed=SEEDS, factor=st.sampled_from([0.25, 2.0, 64.0]), x=st.integers(-64, 64))
def test_moving_and_scaling_all_moves_and_scales_the_votes(seed, factor, x):
    boxes, probabilities = _random(seed)
    shift = np.array([x, 16, x, 16], np.float32)
    expected = _voted(boxes, probabilities)[0] * factor + shift
    # Coordinates of 24 bits are rounded when they are moved: an IoU near the limit may tip over.
    apart = np.abs(iou_matrix(boxes, boxes) - 0.5).min()
    if apart > 1e-4:
        found = _voted((boxes * np.float32(factor) + shift).astype(np.float32), probabilities)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


@given(seed=SEEDS)
def test_the_mirrored_boxes_vote_for_the_mirrored_box(seed):
    boxes, probabilities = _random(seed)
    boxes = np.round(boxes)  # Exact when mirrored.
    expected = mirror(_voted(boxes, probabilities)[0], 64)
    np.testing.assert_allclose(_voted(mirror(boxes, 64), probabilities)[0], expected, atol=1e-4)


@given(seed=SEEDS)
def test_the_order_of_the_regions_does_not_matter(seed):
    boxes, probabilities = _random(seed)
    order = np.random.default_rng(seed).permutation(len(boxes))
    for one, other in zip(
        _voted(boxes, probabilities), _voted(boxes[order], probabilities[order]), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["nms", "soft-nms"])
def test_regions_below_the_lowest_score_written_vote_too(kind):
    scores = np.array([0.5, 0.03, LOWEST_VOTER, 0.019], np.float32)
    boxes = BOXES[[0, 1, 2, 1]]
    given = {"kind": kind, "threshold": 0.1, "vote": 0.5}
    moved, _, kept = Combination(**given).select(boxes, _one_class(scores)[None])
    weights = scores[:3].astype(np.float64) / scores[:3].sum(dtype=np.float64)
    np.testing.assert_allclose(moved, [weights @ boxes[:3]], rtol=1e-6)
    np.testing.assert_allclose(kept, [0.5])


def test_twenty_thousand_boxes_of_a_class_need_little_memory():
    boxes, probabilities = _random(0, 20_000, 1)
    found = (boxes[:300], np.zeros(300, np.int64), probabilities[:300, 0].astype(np.float64))
    voters = (boxes, np.zeros(20_000, np.int64), probabilities[:, 0].astype(np.float64))
    tracemalloc.start()
    moved, _, _ = vote(found, voters, 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # All pairs at once: 6 million, 240 MB of coordinates in common.
    # In blocks as one by one.
    alone = [
        vote(tuple(column[[place]] for column in found), voters, 0.5)[0][0]
        for place in (0, 60, 299)
    ]
    np.testing.assert_allclose(moved[[0, 60, 299]], alone, rtol=1e-6)
