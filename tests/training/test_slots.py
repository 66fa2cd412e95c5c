"""Which slot stands for which object: against brute force, and by hand."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detect.training.slots import assign_slots, one_to_one, squared_distances

NONE = np.zeros((0, 4), np.float32)


@given(
    arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(4, 5)), elements=st.floats(-9, 9))
)
def test_one_to_one_is_the_least_sum(costs: np.ndarray):
    slots = one_to_one(costs)
    assert len(set(slots.tolist())) == len(costs)
    every = permutations(range(costs.shape[1]), len(costs))
    least = min(sum(costs[row, column] for row, column in enumerate(chosen)) for chosen in every)
    assert np.isclose(costs[np.arange(len(costs)), slots].sum(), least)


def test_objects_beyond_the_slots_go_without():
    slots = one_to_one(np.array([[1.0, 5.0], [9.0, 9.0], [5.0, 1.0]]))
    assert slots.tolist() == [0, -1, 1]


def test_distances_are_sums_of_squares():
    boxes = np.array([[0.1, 0.2, 0.5, 0.6]], np.float32)
    priors = np.array([[0.1, 0.2, 0.5, 0.9], [0.0, 0.0, 0.5, 0.6]], np.float32)
    np.testing.assert_allclose(squared_distances(boxes, priors), [[0.09, 0.05]], rtol=1e-5)


PRIORS = np.array(
    [[0, 0, 0.4, 0.4], [0.05, 0, 0.45, 0.4], [0.5, 0.5, 0.9, 0.9], [0.3, 0.3, 0.6, 0.6]], np.float32
)
BOXES = np.array([[0, 0, 0.4, 0.4], [0.52, 0.52, 0.7, 0.7]], np.float32)


def test_with_costs_each_object_has_one_slot():
    found = assign_slots(BOXES, NONE, PRIORS, squared_distances(BOXES, PRIORS))
    assert found.truths.tolist() == [0, -1, 1, -1]
    assert not found.ignored.any()


def test_without_costs_every_near_slot_and_the_best_one():
    found = assign_slots(BOXES, NONE, PRIORS, None, positive_iou=0.5)
    # The second object reaches 0.5 with none: its best, prior 2, stands for it in any case.
    assert found.truths.tolist() == [0, 0, 1, -1]


def test_a_slot_stands_for_the_object_it_overlaps_most():
    objects = np.array([[0, 0, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9]], np.float32)
    priors = np.concatenate([PRIORS, [[0.52, 0.5, 0.92, 0.9]]]).astype(np.float32)
    assert assign_slots(objects, NONE, priors, None).truths.tolist() == [0, 0, 1, -1, 1]


def test_slots_name_their_objects_where_others_go_without():
    costs = np.array([[9.0, 9.0], [5.0, 1.0], [1.0, 5.0]])
    found = assign_slots(np.tile(BOXES[:1], (3, 1)), NONE, PRIORS[:2], costs)
    assert found.truths.tolist() == [2, 1]


def test_a_slot_is_near_from_an_iou_of_one_half_on():
    halves = np.array([[0, 0, 1, 1], [0, 0, 1, 0.5], [0, 0, 1, 0.4375]], np.float32)
    found = assign_slots(halves[:1], NONE, halves, None)
    assert found.truths.tolist() == [0, 0, -1]


def test_unmatched_slots_close_to_an_object_are_ignored():
    found = assign_slots(BOXES, NONE, PRIORS, squared_distances(BOXES, PRIORS), ignore_iou=0.15)
    assert found.ignored.tolist() == [False, True, False, False]
    halves = np.array([[0, 0, 1, 1], [0, 0, 1, 0.5]], np.float32)
    for ignore_iou, ignored in ((0.5, False), (0.49, True)):  # above it, not at it
        found = assign_slots(halves[:1], NONE, halves, np.array([[0.0, 1.0]]), 0.5, ignore_iou)
        assert found.ignored.tolist() == [False, ignored]


def test_slots_half_in_a_crowd_are_ignored():
    crowd = np.array([[0.2, 0.0, 0.6, 1.0]], np.float32)
    found = assign_slots(NONE, crowd, PRIORS, None)
    assert found.truths.tolist() == [-1] * 4
    assert found.ignored.tolist() == [True, True, False, True]
    crowd[0, 0] = 0.24  # leaves 40 % of the first, 52.5 % of the second
    assert assign_slots(NONE, crowd, PRIORS, None).ignored.tolist() == [False, True, False, True]


def test_a_window_without_objects_is_background():
    found = assign_slots(NONE, NONE, PRIORS, None, ignore_iou=0.4)
    assert (found.truths == -1).all()
    assert not found.ignored.any()
