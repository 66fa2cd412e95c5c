"""Top-k error and section 7's table, by hand."""

import numpy as np
import pytest

from detect.crops.multicrop import members
from detect.evaluation.multicrop import MulticropTally, shown
from detect.evaluation.top_k import ranks, top_error


def test_ranks_and_errors_by_hand() -> None:
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [1 / 3] * 3])
    places = ranks(scores, np.array([1, 2, 0, 0]))
    # Of equal scores the wrong class counts as better.
    assert places.tolist() == [1, 3, 3, 3]
    assert top_error(places, 1) == 0.75
    assert top_error(places, 2) == 0.75
    assert top_error(places, 3) == 0.0


def test_other_shapes_and_no_image_are_bugs() -> None:
    with pytest.raises(ValueError, match=r"expected \(N, C\) and \(N,\), got \(2, 3\), \(3,\)"):
        ranks(np.zeros((2, 3)), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="at least one image"):
        top_error(np.zeros(0, np.int64), 1)


def _scores(centre: list[float], others: list[float]) -> np.ndarray:
    """Return the softmax of one model on 10 crops: `centre` on the one that is alone."""
    found = np.tile(np.array(others, np.float32), (10, 1))
    found[np.searchsorted(members(10), members(1))] = centre
    return found


def test_the_table_by_hand() -> None:
    """Two models, two images of class 0 of two, 1 and 10 crops."""
    right, wrong = [0.9, 0.1], [0.2, 0.8]
    tally = MulticropTally(2, 10)
    # First image: one crop is right for the second model alone, ten for the first alone: 0.83
    # of nine times 0.9 and once 0.2, and 0.27.
    tally.add(np.stack([_scores(wrong, right), _scores(right, wrong)]), 0)
    # Second: both right on one crop, both wrong on ten.
    tally.add(np.stack([_scores(right, wrong), _scores(right, wrong)]), 0)
    rows = [(r.models, r.crops, r.cost, r.top1_error, r.top5_error) for r in tally.rows()]
    assert rows == [
        # Of four answers one is wrong.
        (1, 1, 1, 0.25, 0.0),
        # The first model is right on the first image alone, the second never.
        (1, 10, 10, 0.75, 0.0),
        # The mean of 0.2 and 0.9 is right, as is that of 0.9 and 0.9.
        (2, 1, 2, 0.0, 0.0),
        # 0.83 and 0.27 make 0.55; 0.27 twice is wrong.
        (2, 10, 20, 0.5, 0.0),
    ]


@pytest.mark.parametrize(("place", "error"), [(1, 0), (5, 0), (6, 1)])
def test_the_last_columns_are_top_5(place: int, error: float) -> None:
    tally = MulticropTally(1, 1)
    answers = np.linspace(0.8, 0.1, 8, dtype=np.float32)  # class c is in place c + 1
    tally.add(answers[None, None], place - 1)
    assert [(row.top5_error, row.top1_error) for row in tally.rows()] == [(error, place > 1)]


def test_the_table_as_text_and_relative_to_its_first_line() -> None:
    tally = MulticropTally(1, 10)
    answers = np.zeros((1, 10, 8), np.float32)
    answers[:, :, 1:] = 0.1
    answers[:, np.searchsorted(members(10), members(1)), 0] = 0.05
    tally.add(answers, 0)
    answers = np.full((1, 10, 8), 0.1, np.float32)
    answers[:, :, 0] = 0.9
    answers[:, np.searchsorted(members(10), members(1)), 0] = 0
    tally.add(answers, 0)
    rows = tally.rows()
    assert [row.top5_error for row in rows] == [1.0, 0.5]
    assert rows[1].relative == -0.5
    assert shown(rows) == [
        "models  crops   cost  top-1 error  top-5 error   to base",
        "     1      1      1     100.00 %     100.00 %      base",
        "     1     10     10      50.00 %      50.00 %  -50.00 %",
    ]
