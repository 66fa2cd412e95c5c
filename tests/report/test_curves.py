"""Curves of the report: the area under the steps is the average precision."""

import numpy as np
import pytest
from scoring import dataset, detections, random_case

from detect.evaluation.average_precision import evaluate
from detect.evaluation.flat import flatten_detections
from detect.evaluation.judged import judge
from detect.report.curves import Curve, curves_of


def under(recall, precision):
    """Area under straight lines between the corners."""
    return np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2)


def curves(data, found):
    return curves_of(judge(data, flatten_detections(data, detections(found))).outcome, data.classes)


@pytest.mark.parametrize("seed", range(4))
def test_the_area_under_the_steps_is_the_average_precision(seed):
    data, found = random_case(seed)
    scores = evaluate(data, detections(found))["voc2012"]["per_class"]
    drawn = curves(data, found)
    assert set(drawn) == set(scores)
    for name, curve in drawn.items():
        recall, precision = curve.steps()
        assert under(recall, precision) == pytest.approx(scores[name]["ap"])


def test_corners_worked_by_hand():
    # Right, wrong, right of 4: precision 1 to recall 1/4, then 2/3 to 1/2.
    data = dataset({"1": [(0, (20 * n, 0, 20 * n + 10, 10)) for n in range(4)]})
    boxes = [(0, 0, 10, 10), (0, 50, 10, 60), (20, 0, 30, 10)]
    curve = curves(data, [("1", 0, box, 0.9 - n / 10) for n, box in enumerate(boxes)])["cat"]
    recall, precision = curve.steps()
    np.testing.assert_allclose(recall, [0, 0.25, 0.25, 0.5, 0.5])
    np.testing.assert_allclose(precision, [1, 1, 2 / 3, 2 / 3, 0])
    assert curve.path(100, 30) == ("M0 30L0.0 0.0L25.0 0.0L25.0 10.0L50.0 10.0L50.0 30.0Z")


def test_nothing_found_is_a_curve_of_no_area():
    curve = curves(dataset({"1": [(0, (0, 0, 9, 9))]}), [])["cat"]
    assert [part.tolist() for part in curve.steps()] == [[0.0], [0.0]]
    assert curve.path(60, 26) == "M0 26L0.0 26.0Z"


def test_long_curves_are_thinned_and_keep_their_ends():
    boxes = [(4 * n, 0, 4 * n + 3, 10) for n in range(1500)]
    data = dataset({"1": [(0, box) for box in boxes]})
    found = [("1", 0, box, 1 - n / 4000) for n, box in enumerate(boxes)]
    # A wrong one after every right one: the envelope changes at each.
    wrong = [("1", 0, (0, 50, 5, 60), 1 - n / 4000 - 1e-5) for n in range(1500)]
    curve = curves(data, found + wrong)["cat"]
    assert len(curve.recall) <= 200
    assert curve.recall[-1] == 1
    assert isinstance(curve, Curve)
    recall, precision = curve.steps()
    ap = evaluate(data, detections(found + wrong))["voc2012"]["map"]
    assert under(recall, precision) == pytest.approx(ap, abs=0.01)
