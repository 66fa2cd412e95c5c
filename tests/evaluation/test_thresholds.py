"""From which score a class is shown: hand-worked cases, and the best of all that there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import Found, dataset, detections, random_case

from detect.evaluation import voc
from detect.evaluation.flat import flatten_detections, flatten_truth
from detect.evaluation.thresholds import best_thresholds
from detect.structures import Dataset

BOX, OTHER, AWAY = (0, 0, 50, 50), (100, 0, 150, 50), (200, 100, 250, 150)


def thresholds(data: Dataset, found: list[Found]) -> dict[str, float]:
    return best_thresholds(data, flatten_detections(data, detections(found)))


def test_the_best_f1_is_between_the_last_right_one_and_the_next() -> None:
    data = dataset({"a": [(0, BOX), (0, OTHER)]})
    found = [("a", 0, BOX, 0.9), ("a", 0, OTHER, 0.6), ("a", 0, AWAY, 0.2)]
    assert thresholds(data, found) == {"cat": pytest.approx(0.4), "dog": 0.5}


def test_a_wrong_one_above_costs_less_than_an_object_missed() -> None:
    # Shown from 0.3: P 2/3, R 1, F1 0.8; from 0.9: P 1, R 1/2, F1 2/3.
    data = dataset({"a": [(0, BOX), (0, OTHER)]})
    found = [("a", 0, BOX, 0.9), ("a", 0, AWAY, 0.6), ("a", 0, OTHER, 0.3)]
    assert thresholds(data, found)["cat"] == pytest.approx(0.15)


def test_a_class_never_found_is_shown_from_a_half() -> None:
    data = dataset({"a": [(0, BOX)]})
    assert thresholds(data, [("a", 0, AWAY, 0.9)]) == {"cat": 0.5, "dog": 0.5}


def test_scores_below_zero_are_no_higher_than_they_are() -> None:
    data = dataset({"a": [(0, BOX)]})
    assert thresholds(data, [("a", 0, BOX, -0.3)])["cat"] == -0.3


def _f1(data: Dataset, found: list[Found], label: int, threshold: float) -> float:
    """Return the F1 of what scores `threshold` or more, counted anew."""
    shown = [one for one in found if one[1] == label and one[3] >= threshold]
    flat = flatten_detections(data, detections(shown))
    outcome = voc.judge(flatten_truth(data), flat, len(data.classes), 0.5)
    right, counted = outcome.hits.sum(), (~outcome.ignored).sum()
    return float(2 * right / max(1, counted + outcome.positives[label]))


@given(seed=st.integers(0, 50))
def test_no_other_threshold_has_a_higher_f1(seed: int) -> None:
    data, found = random_case(seed)
    found = [(*one[:3], round(one[3], 1)) for one in found]  # equal scores among them
    for label, (_, chosen) in enumerate(thresholds(data, found).items()):
        best = max((_f1(data, found, label, one[3]) for one in found), default=0.0)
        if best > 0:
            np.testing.assert_allclose(_f1(data, found, label, chosen), best)
