"""TIDE's error types by hand-worked scenes and by a slow loop over its definitions."""

from collections import Counter

import numpy as np
import pytest
from scoring import dataset, detections, inclusive_iou, random_case, slow_voc

from detect.errors import DataError
from detect.evaluation.average_precision import evaluate
from detect.evaluation.error_types import TYPES, WRONG, error_report
from detect.evaluation.flat import flatten_detections

CAT, DOG = 0, 1
# Image 1 has one of each; image 2 a cat that nothing comes near and one that is found last.
OBJECTS = {
    "1": [(CAT, (0, 0, 100, 100)), (DOG, (200, 0, 300, 100))],
    "2": [(CAT, (0, 0, 50, 50)), (CAT, (60, 0, 110, 50))],
}
FOUND = [
    ("1", CAT, (0, 0, 100, 100), 0.9),  # right
    ("1", CAT, (0, 0, 100, 90), 0.8),  # duplicate, IoU 0.9
    ("1", CAT, (200, 0, 300, 100), 0.7),  # classification: it is the dog
    ("1", DOG, (200, 0, 300, 40), 0.6),  # localisation, IoU 0.4
    ("1", CAT, (200, 0, 300, 30), 0.5),  # both: IoU 0.3 with the dog
    ("1", DOG, (0, 150, 50, 200), 0.4),  # background
    ("2", CAT, (60, 0, 110, 50), 0.3),  # right
]


def report(objects, found, **options):
    data = dataset(objects)
    return error_report(data, flatten_detections(data, detections(found)), **options)


def test_a_scene_with_one_mistake_of_each_type():
    # Cats, best first: right, wrong, wrong, wrong, right, of 3: AP 1/3 + 1/3 * 2/5 = 7/15; dog 0.
    figures = report(OBJECTS, FOUND)
    base = 7 / 30
    assert figures["map"] == pytest.approx(base)
    assert {name: entry["count"] for name, entry in figures["types"].items()} == dict.fromkeys(
        TYPES, 1
    )
    assert figures["types"]["background"]["shown"] == 0
    assert figures["types"]["both"]["shown"] == 1
    expected = {
        # the dog is right at once: AP 1; cats lose one of three wrong ones: 1/3 + 1/3 * 2/4
        "classification": (1 / 2 + 1) / 2,
        "localisation": (7 / 15 + 1) / 2,
        "both": 1 / 4,
        "duplicate": 1 / 4,
        "background": base,  # behind everything
        "missed": (1 / 2 + 1 / 2 * 2 / 5) / 2,  # two cats left to find
    }
    remedied = {name: entry["map"] for name, entry in figures["types"].items()}
    assert remedied == pytest.approx(expected)
    costs = {name: entry["cost"] for name, entry in figures["types"].items()}
    assert costs == pytest.approx({name: value - base for name, value in expected.items()})


def test_of_two_mistakes_on_one_object_the_best_scored_is_repaired_and_the_other_goes():
    objects = {"1": [(CAT, (0, 0, 100, 100)), (CAT, (200, 0, 250, 50))]}
    found = [
        ("1", CAT, (0, 0, 100, 40), 0.9),
        ("1", CAT, (0, 60, 100, 100), 0.8),
        ("1", CAT, (200, 0, 250, 50), 0.7),
    ]
    # As found: wrong, wrong, right of 2: 1/2 * 1/3. Remedied: right, right.
    figures = report(objects, found)
    assert figures["map"] == pytest.approx(1 / 6)
    assert figures["types"]["localisation"]["map"] == pytest.approx(1)
    assert figures["types"]["missed"]["count"] == 0


def test_a_mistake_on_an_object_found_already_only_goes():
    objects = {"1": [(CAT, (0, 0, 100, 100))], "2": [(DOG, (0, 0, 100, 100))]}
    found = [
        ("1", DOG, (0, 0, 100, 100), 0.9),
        ("1", CAT, (0, 0, 100, 90), 0.8),
        ("2", DOG, (0, 0, 100, 100), 0.7),
    ]
    # Dogs: wrong, right of 1: 1/2. A cat found twice would not be right.
    figures = report(objects, found)
    assert figures["map"] == pytest.approx(3 / 4)
    assert figures["types"]["classification"] == pytest.approx(
        {"count": 1, "shown": 1, "map": 1, "cost": 1 / 4}
    )


@pytest.mark.parametrize(
    ("label", "box", "kind"),
    [
        (CAT, (0, 0, 100, 50), "duplicate"),  # IoU 0.5 exactly
        (CAT, (0, 0, 100, 49), "localisation"),
        (CAT, (0, 0, 100, 10), "localisation"),  # IoU 0.1 exactly
        (CAT, (0, 0, 100, 9), "background"),
        (DOG, (0, 0, 100, 50), "classification"),
        (DOG, (0, 0, 100, 49), "both"),
        (DOG, (0, 0, 100, 9), "background"),
    ],
)
def test_the_bounds_between_the_types(label, box, kind):
    found = [("1", CAT, (0, 0, 100, 100), 0.9), ("1", label, box, 0.8)]
    figures = report({"1": [(CAT, (0, 0, 100, 100))]}, found)
    assert [name for name in WRONG if figures["types"][name]["count"]] == [kind]


def test_wrong_place_of_the_own_class_goes_before_wrong_class():
    # TIDE's code looks for localisation first: IoU 0.3 with the cat, 0.6 with the dog.
    objects = {"1": [(CAT, (0, 0, 100, 30)), (DOG, (0, 0, 100, 60))]}
    figures = report(objects, [("1", CAT, (0, 0, 100, 100), 0.9)])
    assert figures["types"]["localisation"]["count"] == 1
    assert figures["types"]["missed"]["count"] == 1  # the dog


def test_difficult_objects_and_crowds_are_no_mistakes_and_never_missed():
    objects = {
        "1": [
            (CAT, (0, 0, 50, 50)),
            (CAT, (100, 0, 150, 50), "difficult"),
            (DOG, (200, 0, 300, 100), "crowd"),
        ]
    }
    found = [("1", CAT, (100, 0, 150, 50), 0.9), ("1", DOG, (210, 10, 220, 20), 0.8)]
    figures = report(objects, found)
    assert {name: e["count"] for name, e in figures["types"].items() if e["count"]} == {"missed": 1}


def test_a_box_that_a_crowd_region_covers_too_little_is_background():
    """IoU and coverage 0.4: too little to be ignored, and no object to be placed better on."""
    objects = {"1": [(CAT, (0, 0, 100, 40), "crowd"), (CAT, (200, 0, 250, 50))]}
    figures = report(objects, [("1", CAT, (0, 0, 100, 100), 0.9)])
    counts = {name: e["count"] for name, e in figures["types"].items() if e["count"]}
    assert counts == {"background": 1, "missed": 1}


def test_an_object_that_a_mistake_of_class_points_at_is_not_missed():
    figures = report({"1": [(DOG, (0, 0, 100, 100))]}, [("1", CAT, (0, 0, 100, 60), 0.9)])
    counts = {name: e["count"] for name, e in figures["types"].items() if e["count"]}
    assert counts == {"classification": 1}


def test_without_detections_everything_is_missed_and_costs_everything():
    figures = report(OBJECTS, [])
    assert figures["map"] == 0
    assert figures["types"]["missed"] == {"count": 4, "shown": 4, "map": 1.0, "cost": 1.0}
    assert all(figures["types"][name] == {"count": 0, "shown": 0, "map": 0.0, "cost": 0.0}
               for name in WRONG)  # fmt: skip


def test_a_class_that_is_missed_altogether_stays_in_the_mean():
    found = [("1", CAT, (0, 0, 100, 100), 0.9)]
    objects = {"1": OBJECTS["1"], "2": [(CAT, (0, 0, 9, 9))]}
    # Cats: 1 of 2 found; with the other not asked for 1; dog missed: 0, then 1.
    figures = report(objects, found)
    assert figures["map"] == pytest.approx(1 / 4)
    assert figures["types"]["missed"]["map"] == pytest.approx(1)
    # Behind a wrong one the cat's is 1/2; the dog's 1 is still half of the mean.
    late = report(objects, [("1", CAT, (0, 150, 50, 200), 0.95), *found])
    assert late["types"]["missed"]["map"] == pytest.approx((1 / 2 + 1) / 2)


def test_objects_that_do_not_count_cannot_be_scored():
    with pytest.raises(DataError, match="split 'test' has no object that counts by voc2012"):
        report({"1": [(CAT, (0, 0, 9, 9), "difficult")]}, [])


def test_an_iou_below_touching_is_a_callers_mistake():
    with pytest.raises(ValueError, match=r"expected an IoU of 0\.1 or more, got 0\.05"):
        report(OBJECTS, FOUND, iou=0.05)


def slow_types(data, found):
    """Return TIDE's type of every wrong detection by loops over the definitions, as a count."""
    notes = {sample.image_id: sample.annotations for sample in data.samples}
    kinds: Counter[str] = Counter()
    for label in range(len(data.classes)):
        outcome, _ = slow_voc(data, found, label)
        ranked = sorted((f for f in found if f[1] == label), key=lambda f: -f[3])
        for verdict, (name, _, box, _) in zip(outcome, ranked, strict=True):
            if verdict != 0:
                continue
            own, other = [0.0], [0.0]
            for target, of in zip(notes[name].boxes.tolist(), notes[name].labels, strict=True):
                (own if of == label else other).append(inclusive_iou(box, tuple(target)))
            if max(own) >= 0.5:
                kinds["duplicate"] += 1
            elif max(own) >= 0.1:
                kinds["localisation"] += 1
            elif max(other) >= 0.5:
                kinds["classification"] += 1
            else:
                kinds["both" if max(other) >= 0.1 else "background"] += 1
    return kinds


@pytest.mark.parametrize("seed", range(6))
def test_crowded_random_scenes_by_a_slow_loop(seed):
    data, found = random_case(seed)
    shuffled = np.random.default_rng(seed).permutation(len(data.classes)).tolist()
    found = [(name, shuffled[label] if score > 0.6 else label, box, score)
             for name, label, box, score in found]  # fmt: skip
    flat = flatten_detections(data, detections(found))
    # In the order of the file, for ties.
    in_file = [one for name in detections(found) for one in found if one[0] == name]
    expected = slow_types(data, in_file)
    figures = error_report(data, flat)
    assert {name: figures["types"][name]["count"] for name in WRONG} == {
        name: expected[name] for name in WRONG
    }
    assert figures["map"] == evaluate(data, flat)["voc2012"]["map"]
    for name in ("localisation", "classification", "both", "duplicate", "background"):
        assert figures["types"][name]["cost"] >= 0


def test_types_do_not_depend_on_the_order_of_the_file():
    data, found = random_case(3, whole=False)
    flat = flatten_detections(data, detections(found))
    turned = flat.take(np.arange(len(flat))[::-1])
    assert error_report(data, flat) == error_report(data, turned)
