"""The confusion matrix: a hand-worked case, Ultralytics' answers, laws."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scoring import dataset, detections, random_case

from detect.data import open_annotations
from detect.evaluation.confusion import confusion_matrix
from detect.evaluation.flat import FlatDetections, flatten_detections
from detect.storage.detections import read_columns
from detect.structures import Dataset

GOLDEN = Path(__file__).parents[1] / "golden"
CAT, DOG = 0, 1
LEFT, RIGHT, AWAY = (0, 0, 50, 50), (100, 0, 150, 50), (200, 100, 250, 150)


def matrix(data, found, thresholds=None):
    known = thresholds or dict.fromkeys(data.classes, 0.5)
    return confusion_matrix(data, flatten_detections(data, detections(found)), known).tolist()


def test_a_case_worked_by_hand():
    data = dataset(
        {
            "a": [(CAT, LEFT), (DOG, RIGHT)],
            "b": [(CAT, LEFT), (CAT, RIGHT)],
            "c": [(DOG, AWAY)],
        }
    )
    found = [
        ("a", DOG, LEFT, 0.9),  # a cat taken for a dog
        ("a", CAT, LEFT, 0.8),  # too late: a duplicate, though right
        ("a", DOG, (100, 0, 150, 45), 0.7),
        ("b", CAT, LEFT, 0.9),
        ("b", CAT, (100, 0, 150, 20), 0.9),  # IoU 0.4
        ("b", CAT, RIGHT, 0.4),  # below its score
    ]
    #                                cat dog background
    assert matrix(data, found) == [[1, 1, 1], [0, 1, 1], [2, 0, 0]]


def test_each_class_has_its_own_score():
    data = dataset({"a": [(CAT, LEFT), (DOG, RIGHT)]})
    found = [("a", CAT, LEFT, 0.4), ("a", DOG, RIGHT, 0.4)]
    assert matrix(data, found, {"cat": 0.4, "dog": 0.41}) == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_one_whose_object_is_taken_goes_to_the_next():
    near = (0, 0, 50, 40)
    data = dataset({"a": [(CAT, LEFT), (DOG, near)]})
    found = [("a", CAT, LEFT, 0.9), ("a", CAT, LEFT, 0.8)]
    assert matrix(data, found) == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_difficult_objects_and_crowds_are_in_no_row():
    data = dataset({"a": [(CAT, LEFT, "difficult"), (DOG, (100, 0, 200, 100), "crowd")]})
    found = [("a", DOG, LEFT, 0.9), ("a", CAT, (110, 10, 120, 20), 0.9), ("a", CAT, AWAY, 0.9)]
    assert matrix(data, found) == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("case", ["voc40", "tiny120"])
def test_it_is_that_of_ultralytics(case):
    expected = json.loads((GOLDEN / case / "confusion.json").read_text())
    data = without_difficult(open_annotations(GOLDEN / case / "gt.json"))
    found = FlatDetections(*read_columns(GOLDEN / case / "detections.json", data))
    labels = (found.labels + np.arange(len(found)) % 3) % len(data.classes)
    thresholds = dict.fromkeys(data.classes, expected["score"])
    made = confusion_matrix(data, replace(found, labels=labels), thresholds)
    np.testing.assert_array_equal(made, expected["matrix"])


def without_difficult(data: Dataset) -> Dataset:
    """Return `data` with every object an ordinary one."""
    samples = (
        replace(one, annotations=replace(one.annotations, difficult=np.zeros(len(one.annotations))))
        for one in data.samples
    )
    return replace(data, samples=tuple(samples))


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_the_objects_and_columns_the_detections(seed):
    data, found = random_case(seed)
    thresholds = dict.fromkeys(data.classes, 0.3)
    plain = without_difficult(data)
    made = np.array(matrix(plain, found, thresholds))
    labels = np.concatenate([one.annotations.labels for one in data.samples])
    shown = np.array([label for _, label, _, score in found if score >= 0.3])
    count = len(data.classes)
    np.testing.assert_array_equal(made[:-1].sum(1), np.bincount(labels, minlength=count))
    np.testing.assert_array_equal(made[:, :-1].sum(0), np.bincount(shown, minlength=count))
    hard = sum(int(one.annotations.difficult.sum()) for one in data.samples)
    assert np.array(matrix(data, found, thresholds))[:-1].sum() == len(labels) - hard


def test_nothing_found_and_nothing_there():
    assert matrix(dataset({"a": [(CAT, LEFT)]}), []) == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert matrix(dataset({"a": []}), [("a", DOG, LEFT, 0.9)]) == [[0] * 3, [0] * 3, [0, 1, 0]]
