"""The ceiling by stage: a hand-worked scene, the edges of each definition, laws."""

import numpy as np
import pytest
from scoring import SIZE, dataset, detections, random_case

from detect.errors import DataError
from detect.evaluation.average_precision import evaluate
from detect.evaluation.ceiling import STAGES, boxes_of, ceiling, proposal_ceiling
from detect.evaluation.flat import flatten_detections
from detect.structures import Proposals

CAT, DOG = 0, 1
OBJECTS = {
    "1": [(CAT, (0, 0, 100, 100)), (DOG, (200, 0, 300, 100))],
    "2": [(CAT, (0, 0, 50, 50)), (CAT, (60, 0, 110, 50))],
}
FOUND = [
    ("1", CAT, (0, 0, 100, 100), 0.9),  # right
    ("1", CAT, (0, 0, 100, 90), 0.8),  # duplicate
    ("1", CAT, (200, 0, 300, 100), 0.7),  # the dog
    ("1", DOG, (200, 0, 300, 40), 0.6),  # IoU 0.4 with the dog
    ("1", CAT, (200, 0, 300, 30), 0.5),  # IoU 0.3 with the dog
    ("1", DOG, (0, 150, 50, 200), 0.4),  # background
    ("2", CAT, (60, 0, 110, 50), 0.3),  # right
]


def stages(objects, found, iou=0.5):
    data = dataset(objects)
    return ceiling(data, flatten_detections(data, detections(found)), iou)


def proposed(objects, boxes):
    """Return the ceiling of `boxes` {image: boxes}."""
    data = dataset(objects)
    made = [Proposals(n, SIZE, b, np.zeros(len(b)), ["a"] * len(b)) for n, b in boxes.items()]
    return proposal_ceiling(data, boxes_of(data, made))


def test_a_scene_worked_by_hand():
    assert stages(OBJECTS, FOUND) == pytest.approx(
        {
            "as_found": (1 / 3 + 1 / 3 * 2 / 5) / 2,  # cats: + - - - +, of 3; dog: - -
            "perfect_nms": (1 / 3 + 1 / 3 * 2 / 4) / 2,  # cats: + - - +
            "perfect_boxes": (1 / 3 + 1 / 3 * 2 / 4 + 1) / 2,  # cats: + - - +; dog: + -
            "perfect_labels": (1 / 3 + 1 / 3 * 2 / 3 + 1) / 2,  # cats: + - +; dog: +
            "perfect_labels_and_nms": (2 / 3 + 1) / 2,
        }
    )
    assert list(stages(OBJECTS, FOUND)) == list(STAGES)


def test_perfect_boxes_move_what_touches_an_object_and_nothing_else():
    objects = {"1": [(CAT, (0, 0, 100, 100))]}
    touching = [("1", CAT, (0, 0, 100, 10), 0.9)]  # IoU 0.1
    beside = [("1", CAT, (0, 0, 100, 9), 0.9)]
    assert stages(objects, touching)["perfect_boxes"] == 1
    assert stages(objects, beside)["perfect_boxes"] == 0
    # The best-scored on the object counts, even if a worse one had the better box.
    both = [("1", CAT, (0, 0, 100, 40), 0.9), ("1", CAT, (0, 0, 100, 100), 0.8)]
    assert stages(objects, both)["as_found"] == pytest.approx(1 / 2)
    assert stages(objects, both)["perfect_boxes"] == 1


def test_perfect_nms_removes_what_has_the_iou_of_a_match_exactly():
    found = [
        ("1", CAT, (0, 0, 100, 100), 0.9),
        ("1", CAT, (0, 0, 100, 50), 0.8),  # duplicate, IoU 0.5
        ("1", CAT, (0, 0, 100, 49), 0.7),  # none: IoU 0.49
        ("2", CAT, (0, 0, 100, 100), 0.6),
    ]
    figures = stages({"1": [(CAT, (0, 0, 100, 100))], "2": [(CAT, (0, 0, 100, 100))]}, found)
    assert figures["as_found"] == pytest.approx(1 / 2 + 1 / 2 * 2 / 4)
    assert figures["perfect_nms"] == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_perfect_labels_leave_a_duplicate_that_reaches_another_class_a_duplicate():
    objects = {"1": [(CAT, (0, 0, 100, 100)), (DOG, (0, 0, 100, 100))], "2": [(CAT, (0, 0, 9, 9))]}
    found = [
        ("1", CAT, (0, 0, 100, 100), 0.9),
        ("1", CAT, (0, 0, 100, 90), 0.8),
        ("2", CAT, (0, 0, 9, 9), 0.7),
    ]
    # Cats: + - + of 2. The dog stays unfound.
    assert stages(objects, found)["perfect_labels"] == pytest.approx((1 / 2 + 1 / 2 * 2 / 3) / 2)


def test_perfect_labels_remove_background_and_let_the_best_score_of_an_object_count():
    objects = {"1": [(CAT, (0, 0, 100, 100))], "2": [(CAT, (0, 0, 100, 100))]}
    found = [
        ("1", DOG, (0, 0, 100, 90), 0.9),  # becomes the cat of image 1, before the one below
        ("1", CAT, (0, 0, 100, 40), 0.8),  # background by R-CNN's rule: gone
        ("2", CAT, (0, 0, 100, 100), 0.7),
        ("2", CAT, (0, 0, 100, 90), 0.6),  # duplicate: stays
        ("1", CAT, (0, 0, 100, 100), 0.5),
    ]
    # Now cats: + + -. As found: - + - +, of 2: 1/2 * 1/2 + 1/2 * 1/2.
    assert stages(objects, found)["as_found"] == pytest.approx(1 / 2)
    assert stages(objects, found)["perfect_labels"] == pytest.approx(1)


def test_difficult_objects_stay_out_of_every_stage():
    objects = {"1": [(CAT, (0, 0, 50, 50)), (DOG, (100, 0, 200, 100), "difficult")]}
    found = [
        ("1", CAT, (100, 0, 200, 100), 0.9),  # on the difficult dog, wrong
        ("1", DOG, (100, 0, 200, 40), 0.8),
        ("1", CAT, (0, 0, 50, 50), 0.7),
    ]
    figures = stages(objects, found)
    assert figures == pytest.approx(
        {
            "as_found": 1 / 2,
            "perfect_nms": 1 / 2,
            "perfect_boxes": 1 / 2,
            "perfect_labels": 1,
            "perfect_labels_and_nms": 1,
        }
    )


def test_proposals_reach_the_mean_recall_of_a_class():
    boxes = {"1": [(200, 0, 300, 100), (0, 0, 100, 49)], "2": [(0, 0, 50, 50)]}
    assert proposed(OBJECTS, boxes) == pytest.approx((1 / 3 + 1) / 2)
    assert proposed(OBJECTS, {}) == 0
    half = {"1": [(0, 0, 100, 50)]}  # IoU 0.5 with the first cat of three
    assert proposed(OBJECTS, half) == pytest.approx(1 / 3 / 2)


def test_a_difficult_object_that_is_reached_is_none_that_counts():
    cats = {"1": [(CAT, (0, 0, 50, 50)), (CAT, (100, 0, 200, 100), "difficult")]}
    assert proposed(cats, {"1": [(100, 0, 200, 100)]}) == 0
    assert proposed(cats, {"1": [(0, 0, 50, 50)]}) == 1


def test_a_box_stands_for_one_object_of_a_class_and_the_largest_matching_counts():
    # The first box reaches both cats and fits the first one best; the second only the first.
    cats = {"1": [(CAT, (0, 0, 100, 100)), (CAT, (0, 20, 100, 120))]}
    wide, narrow = (0, 5, 100, 105), (0, 0, 100, 60)
    assert proposed(cats, {"1": [wide]}) == pytest.approx(1 / 2)
    assert proposed(cats, {"1": [narrow]}) == pytest.approx(1 / 2)
    assert proposed(cats, {"1": [wide, narrow]}) == 1
    both = {"1": [(CAT, (0, 0, 100, 100)), (DOG, (0, 0, 100, 100))]}
    assert proposed(both, {"1": [wide]}) == 1


def test_nothing_found():
    assert set(stages(OBJECTS, []).values()) == {0.0}


@pytest.mark.parametrize("seed", range(6))
def test_no_stage_is_below_what_was_found(seed):
    data, found = random_case(seed)
    rng = np.random.default_rng(seed)
    found = [(n, int(rng.integers(4)), b, s) if rng.uniform() < 0.3 else (n, label, b, s)
             for n, label, b, s in found]  # fmt: skip
    flat = flatten_detections(data, detections(found))
    figures = ceiling(data, flat)
    assert figures["as_found"] == evaluate(data, flat)["voc2012"]["map"]
    assert min(figures.values()) == figures["as_found"]
    assert figures["perfect_labels"] <= figures["perfect_labels_and_nms"] + 1e-12


def test_splits_without_objects_say_so():
    data = dataset({"1": [(CAT, (0, 0, 9, 9), "difficult")]})
    with pytest.raises(DataError, match="split 'test' has no object that counts by voc2012"):
        proposal_ceiling(data, [])
