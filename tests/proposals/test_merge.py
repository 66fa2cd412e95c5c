"""Joining two sources: which boxes stay, in which order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.boxes import iou_matrix
from detect.proposals.merge import merge
from detect.structures import Proposals


def _proposals(boxes: list[list[float]], source: str, image_id: str = "a") -> Proposals:
    count = len(boxes)
    scores = np.linspace(1, 0.1, count)
    return Proposals(image_id, (100, 100), np.array(boxes), scores, np.full(count, source))


def test_near_duplicates_of_the_second_source_go() -> None:
    first = _proposals([[0, 0, 100, 100], [10, 10, 20, 20]], "selective-search")
    # IoU with the first box: 0.96, 0.95 (not above) and 0; the last two overlap at 1
    second = _proposals(
        [[0, 0, 100, 96], [0, 0, 100, 95], [50, 50, 60, 60], [50, 50, 60, 60]], "multibox"
    )
    merged = merge(first, second)
    np.testing.assert_array_equal(merged.boxes, np.concatenate([first.boxes, second.boxes[1:]]))
    assert merged.sources.tolist() == ["selective-search"] * 2 + ["multibox"] * 3
    np.testing.assert_array_equal(merged.scores, np.concatenate([first.scores, second.scores[1:]]))


def test_empty_sources() -> None:
    some, none = _proposals([[0, 0, 5, 5]], "one"), _proposals([], "two")
    for merged in (merge(some, none), merge(none, some)):
        np.testing.assert_array_equal(merged.boxes, some.boxes)
        assert merged.sources.tolist() == ["one"]
    assert len(merge(none, none)) == 0


def test_two_images_do_not_merge() -> None:
    with pytest.raises(ValueError, match=r"proposals of two images: a \(100, 100\), b"):
        merge(_proposals([], "one"), _proposals([], "two", image_id="b"))


corner = st.integers(0, 12)
boxes = st.lists(
    st.tuples(corner, corner, st.integers(1, 12), st.integers(1, 12)).map(
        lambda t: [t[0], t[1], t[0] + t[2], t[1] + t[3]]
    ),
    max_size=8,
)


@given(boxes, boxes, st.floats(0.1, 0.95))
def test_the_first_stays_and_nothing_new_covers_it(
    one: list[list[float]], two: list[list[float]], iou: float
) -> None:
    first, second = _proposals(one, "one"), _proposals(two, "two")
    merged = merge(first, second, iou)
    np.testing.assert_array_equal(merged.boxes[: len(one)], first.boxes)
    overlaps = iou_matrix(merged.boxes[len(one) :], first.boxes)
    assert (overlaps <= iou).all()
    gone = len(two) - (len(merged) - len(one))
    assert gone == (iou_matrix(second.boxes, first.boxes) > iou).any(axis=1).sum()
