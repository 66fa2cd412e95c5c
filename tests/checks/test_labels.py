"""Labels that detections contradict."""

import numpy as np
from checking import CLASSES, said, seen

from detect.checks.labels import check_labels
from detect.structures import Detections

CAT, DOG = 0, 1
LEFT, RIGHT = (0, 0, 50, 50), (100, 0, 150, 50)


def of(truth, *found, **flags):
    boxes, labels = [box for _, box in truth], [label for label, _ in truth]
    detections = Detections(
        "a",
        np.array([box for _, box, _ in found], np.float32).reshape(-1, 4),
        np.array([label for label, _, _ in found], np.int64),
        np.array([score for _, _, score in found], np.float64),
        CLASSES,
    )
    return said(check_labels(seen(boxes, labels, **flags), detections, 0.8))


def test_detections_that_agree_give_nothing():
    truth = [(CAT, LEFT), (DOG, RIGHT)]
    assert of(truth, (CAT, (2, 0, 50, 50), 0.9), (DOG, RIGHT, 0.3)) == []
    assert of([]) == []


def test_a_sure_detection_where_nothing_is_labelled():
    assert of([(CAT, LEFT)], (CAT, LEFT, 0.9), (DOG, RIGHT, 0.85), (DOG, RIGHT, 0.79)) == [
        ("doubt-unlabelled", "a (train): dog at (100, 0, 150, 50), score 0.85")
    ]


def test_one_in_a_crowd_region_is_no_doubt():
    crowd = [(CAT, (0, 0, 200, 100))]
    assert of(crowd, (CAT, (10, 10, 30, 30), 0.9), crowd=[True]) == []


def test_an_object_detected_as_another_class():
    assert of([(CAT, LEFT)], (DOG, LEFT, 0.9)) == [
        ("doubt-class", "a (train): object 1 (cat) is detected as dog, 0.90")
    ]
    assert of([(CAT, LEFT)], (DOG, LEFT, 0.9), (CAT, LEFT, 0.85)) == []
    assert of([(CAT, LEFT)], (DOG, LEFT, 0.7)) == []


def test_a_detection_that_is_right_about_a_neighbour_is_no_doubt():
    near = (0, 0, 50, 40)
    assert of([(CAT, LEFT), (DOG, near)], (DOG, near, 0.9)) == []


def test_an_object_that_nothing_overlaps():
    assert of([(CAT, LEFT)], (CAT, (0, 0, 50, 20), 0.9)) == [
        ("doubt-nothing", "a (train): object 1 (cat)")
    ]
    assert of([(CAT, LEFT)], difficult=[True]) == []
