"""Which regions are looked at again, worked by hand."""

import numpy as np
import pytest

from detect.ensemble.rounds import Rounds, moved_best
from detect.structures import FloatArray

BOXES: FloatArray = np.array([[0, 0, 9, 9], [10, 0, 19, 9], [20, 0, 29, 9]], np.float32)
# Of one network, two classes and background: the second region is the best, by class 1.
SCORES = np.array([[[0.3, 0.2, 0.5], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]]], np.float32)


def test_the_best_regions_go_on_from_where_they_moved_to() -> None:
    moved = BOXES + 1
    np.testing.assert_array_equal(moved_best(BOXES, moved, SCORES, 2), moved[[1, 2]])
    np.testing.assert_array_equal(moved_best(BOXES, moved, SCORES, 9), moved[[1, 2, 0]])


def test_background_makes_no_region_good() -> None:
    scores = SCORES[:, :, [2, 1, 0]]  # the first region's class 0 has now 0.5, as the third's 0.1
    np.testing.assert_array_equal(moved_best(BOXES, BOXES + 1, scores, 1), BOXES[[1]] + 1)
    sure = np.array([[[0.0, 0.0, 1.0], [0.2, 0.1, 0.7], [0.1, 0.1, 0.8]]], np.float32)
    np.testing.assert_array_equal(moved_best(BOXES, BOXES + 1, sure, 2), BOXES[[1, 2]] + 1)


def test_of_a_box_a_class_the_best_classs_goes_on() -> None:
    moved = np.stack([BOXES + 1, BOXES + 2], axis=1)
    expected = np.stack([BOXES[1] + 2, BOXES[2] + 1, BOXES[0] + 1])
    np.testing.assert_array_equal(moved_best(BOXES, moved, SCORES, 3), expected)


def test_networks_are_averaged() -> None:
    other = np.array([[[0.9, 0.0, 0.1], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]], np.float32)
    both = np.concatenate([SCORES, other])
    np.testing.assert_array_equal(moved_best(BOXES, BOXES + 1, both, 1), BOXES[[0]] + 1)


def test_a_region_that_stays_is_not_looked_at_again() -> None:
    moved = BOXES + np.array([[0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], np.float32)
    np.testing.assert_array_equal(moved_best(BOXES, moved, SCORES, 3), moved[[2, 0]])
    assert moved_best(BOXES, BOXES, SCORES, 3).shape == (0, 4)
    assert moved_best(BOXES[:0], BOXES[:0], SCORES[:, :0], 3).shape == (0, 4)


def test_the_order_of_the_regions_does_not_matter() -> None:
    scores = np.full((1, 3, 3), 0.25, np.float32)
    turn = [2, 0, 1]
    expected = moved_best(BOXES, BOXES + 1, scores, 2)
    np.testing.assert_array_equal(
        moved_best(BOXES[turn], BOXES[turn] + 1, scores[:, turn], 2), expected
    )


def test_later_rounds_have_as_many_regions_as_there_are() -> None:
    assert Rounds().later(2000) == 0
    assert Rounds(3, 100).later(2000) == 200
    assert Rounds(3, 100).later(30.5) == 61


@pytest.mark.parametrize("numbers", [(0, 5), (2, 0)])
def test_rounds_that_are_none_are_a_callers_mistake(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected rounds from 1, of 1 region or more"):
        Rounds(*numbers)
