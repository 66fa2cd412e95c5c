"""The budget adviser against trying every combination, and against hand-worked cases."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import SIZE, dataset

from detect.errors import DataError
from detect.evaluation.budget import NEVER, Ranks, advise, cheapest, first_ranks
from detect.structures import IntArray, Proposals

SQUARE = (0, 0, 100, 100)
AWAY = (150, 0, 250, 100)


def proposals(name: str, boxes: list[tuple[float, ...]], sources: list[str]) -> Proposals:
    return Proposals(name, SIZE, boxes, np.zeros(len(boxes)), sources)


def test_ranks_count_from_one_within_the_source() -> None:
    data = dataset({"1": [(0, SQUARE), (1, AWAY), (0, (0, 0, 300, 200), "crowd")], "2": []})
    boxes = [AWAY, (0, 0, 100, 45), (0, 0, 100, 60), SQUARE, AWAY]
    made = [
        proposals("1", boxes, ["search", "multibox", "multibox", "search", "search"]),
        proposals("2", [SQUARE], ["search"]),
    ]
    ranks = first_ranks(data, made, 0.5)
    assert ranks.sources == ("multibox", "search")
    assert ranks.first.tolist() == [[2, 2], [NEVER, 1]]
    assert ranks.counts.tolist() == [[2, 3], [0, 1]]
    assert first_ranks(data, made, 0.4).first[0, 0] == 1
    assert first_ranks(data, made, 0.6).first[0, 0] == 2  # the second box's IoU exactly
    assert first_ranks(data, made, 0.61).first[0, 0] == NEVER


def test_difficult_objects_are_to_be_covered_too() -> None:
    data = dataset({"1": [(0, SQUARE, "difficult"), (0, AWAY)]})
    assert len(first_ranks(data, [proposals("1", [], [])]).first) == 2


def test_ranks_of_other_images_are_refused() -> None:
    data = dataset({"1": [(0, SQUARE)]})
    with pytest.raises(ValueError, match="expected image '1', got '2'"):
        first_ranks(data, [proposals("2", [], [])])
    with pytest.raises(ValueError, match="shorter than"):
        first_ranks(data, [])


def test_a_split_without_objects_is_refused() -> None:
    with pytest.raises(DataError, match="split 'test' has no objects to cover"):
        first_ranks(dataset({"1": []}), [proposals("1", [SQUARE], ["a"])])


# Four objects in two images; the second image has two boxes of the second source.
FIRST = np.array([[1, NEVER], [5, 2], [NEVER, 1], [9, 4]])
COUNTS = np.array([[10, 10], [10, 2]])


@pytest.mark.parametrize(
    ("target", "taken"),
    [
        (0.25, [0, 1]),  # 2 boxes, as [1, 0]
        (0.5, [0, 2]),  # 4 boxes, as [1, 1]
        (0.75, [0, 4]),  # 4 + 2, as [1, 2]
        (1.0, [1, 4]),  # 2 + 4 + 2
        (0.01, [0, 1]),
    ],
)
def test_hand_worked_advice(target: float, taken: list[int]) -> None:
    found = cheapest(FIRST, COUNTS, target)
    assert found is not None
    assert found.tolist() == taken


def test_advice_says_what_is_taken_of_each_source() -> None:
    assert advise(Ranks(("multibox", "search"), FIRST, COUNTS), 1.0) == {
        "target": 1.0,
        "reached": True,
        "coverage": 1.0,
        "boxes_per_image": 4.0,
        "sources": {
            "multibox": {"first": 1, "boxes_per_image": 1.0},
            "search": {"first": 4, "boxes_per_image": 3.0},
        },
    }


def test_a_target_out_of_reach_gets_the_figures_of_all_boxes() -> None:
    advice = advise(Ranks(("search",), FIRST[:, 1:], COUNTS[:, 1:]), 0.9)
    assert advice["reached"] is False
    assert advice["coverage"] == 0.75
    assert advice["boxes_per_image"] == 6.0
    assert advice["sources"] == {"search": {"first": 10, "boxes_per_image": 6.0}}


def test_no_boxes_at_all_reach_nothing() -> None:
    ranks = first_ranks(dataset({"1": [(0, SQUARE)]}), [proposals("1", [], [])])
    assert advise(ranks, 0.1) == {
        "target": 0.1,
        "reached": False,
        "coverage": 0.0,
        "boxes_per_image": 0.0,
        "sources": {},
    }


def test_targets_that_are_no_binary_fractions_are_not_overshot() -> None:
    ranks = np.arange(1, 101)[:, None]
    for hundredths in range(1, 101):
        taken = cheapest(ranks, np.array([[100]]), hundredths / 100)
        assert taken is not None
        assert taken.tolist() == [hundredths]


@st.composite
def cases(draw: st.DrawFn, sources: int) -> tuple[IntArray, IntArray, float]:
    """Return ranks of 1 to 8 objects in 1 to 3 images, whose counts allow them, and a target."""
    counts = np.array(
        draw(st.lists(st.tuples(*[st.integers(0, 5)] * sources), min_size=1, max_size=3))
    )
    places = draw(st.lists(st.integers(0, len(counts) - 1), min_size=1, max_size=8))
    first = np.full((len(places), sources), NEVER)
    for row, place in enumerate(places):
        for column, count in enumerate(counts[place].tolist()):
            rank = draw(st.integers(0, count))
            first[row, column] = rank or NEVER
    return first, counts, draw(st.integers(1, 20)) / 20


def total(counts: IntArray, taken: IntArray | tuple[int, ...]) -> int:
    return int(np.minimum(counts, taken).sum())


def by_trial(first: IntArray, counts: IntArray, target: float) -> int | None:
    """Return the total of the cheapest combination of all there are."""
    reaching = [
        total(counts, taken)
        for taken in product(range(6), repeat=first.shape[1])
        if (first <= taken).any(axis=1).mean() >= target - 1e-9
    ]
    return min(reaching, default=None)


@given(case=st.one_of(cases(1), cases(2)))
def test_one_and_two_sources_are_exact(case: tuple[IntArray, IntArray, float]) -> None:
    first, counts, target = case
    taken = cheapest(first, counts, target)
    best = by_trial(first, counts, target)
    if taken is None:
        assert best is None
    else:
        assert (first <= taken).any(axis=1).mean() >= target - 1e-9
        assert total(counts, taken) == best


@given(case=cases(3))
def test_of_three_sources_no_two_can_be_bettered(case: tuple[IntArray, IntArray, float]) -> None:
    first, counts, target = case
    taken = cheapest(first, counts, target)
    best = by_trial(first, counts, target)
    if taken is None:
        assert best is None
        return
    assert best is not None
    assert (first <= taken).any(axis=1).mean() >= target - 1e-9
    assert best <= total(counts, taken) <= total(counts, counts.max(axis=0))
    for kept in range(3):
        for one, other in product(range(6), repeat=2):
            rival = np.insert([one, other], kept, taken[kept])
            if (first <= rival).any(axis=1).mean() >= target - 1e-9:
                assert total(counts, rival) >= total(counts, taken)
