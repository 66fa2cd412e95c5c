"""What the report says of confusions, scores and doubts, and their plots."""

import json

import numpy as np
import pytest
from PIL import Image as Pictures
from scoring import dataset, detections, random_case

from detect.evaluation.calibration import reliability
from detect.evaluation.flat import flatten_detections
from detect.evaluation.judged import judge
from detect.evaluation.thresholds import best_points
from detect.report.diagnosis import Diagnosis, diagnose
from detect.report.diagnosis_plots import MOST_CONFUSED, plot_confusion, plot_reliability
from detect.report.diagnosis_sections import diagnosis_values, doubt_values

CAT, DOG = 0, 1
LEFT, RIGHT, AWAY = (0, 0, 50, 50), (100, 0, 150, 50), (200, 100, 250, 150)
OBJECTS = {"a": [(CAT, LEFT), (DOG, RIGHT)], "b": [(CAT, LEFT)], "c": [(CAT, RIGHT, "difficult")]}
FOUND = [
    ("a", DOG, LEFT, 0.9),
    ("a", DOG, RIGHT, 0.95),
    ("b", CAT, LEFT, 0.4),
    ("b", DOG, AWAY, 0.85),
    ("c", CAT, RIGHT, 0.7),
]


def diagnosed(data, found, confident=0.8) -> Diagnosis:
    flat = flatten_detections(data, detections(found))
    return diagnose(data, flat, judge(data, flat), confident)


def test_a_case_worked_by_hand():
    """The best F1 of dog is its first detection's, 2/3 of 1 and 1; of cat 2/3 at 0.2."""
    made = diagnosed(dataset(OBJECTS), FOUND)
    assert made.points["dog"].score == pytest.approx(0.925)
    assert (made.points["dog"].precision, made.points["dog"].f1) == (1, 1)
    assert made.points["cat"].f1 == pytest.approx(2 / 3)
    assert made.confusion.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert made.confusions() == []
    assert made.calibration is not None
    assert made.calibration.counts.sum() == 4  # not the one on a difficult object
    assert [doubt.kind for doubt in made.doubts] == ["doubt-class", "doubt-unlabelled"]
    assert [doubt.oddness for doubt in made.doubts] == [0.9, 0.85]
    assert len(diagnosed(dataset(OBJECTS), FOUND, 0.9).doubts) == 1


def test_the_most_frequent_confusion_comes_first():
    objects = {name: [(CAT, LEFT), (DOG, RIGHT)] for name in "abc"}
    found = [(name, DOG, LEFT, 0.9) for name in "abc"] + [("a", CAT, RIGHT, 0.9)]
    made = diagnosed(dataset(objects), found)
    assert made.points == {}  # none is right
    assert made.confusions() == [("cat", "dog", 3, 3), ("dog", "cat", 1, 3)]
    assert diagnosis_values(made)["confusions"] == made.confusions()


def test_scores_that_are_no_probabilities_have_no_diagram():
    found = [(*one[:3], one[3] - 1) for one in FOUND]
    made = diagnosed(dataset(OBJECTS), found)
    assert made.calibration is None
    assert made.points["cat"].score == pytest.approx(-0.6)  # its only one is shown
    assert made.figures()["calibration"] is None
    assert diagnosis_values(made)["reliability"] == []


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_json_and_agree_with_the_page(seed):
    data, found = random_case(seed)
    made = diagnosed(data, found)
    figures = json.loads(json.dumps(made.figures(), allow_nan=False))
    assert figures["confusion"]["classes"] == [*data.classes, None]
    assert figures["confusion"]["matrix"] == made.confusion.tolist()
    assert len(figures["doubts"]["labels"]) == len(made.doubts)
    rows = diagnosis_values(made)["reliability"]
    assert sum(int(row[1]) for row in rows) == sum(figures["calibration"]["counts"])
    points = best_points(
        judge(data, flatten_detections(data, detections(found))).outcome,
        np.sort([one[3] for one in found])[::-1],
        data.classes,
    )
    assert figures["thresholds"] == {
        name: {"score": p.score, "f1": p.f1, "precision": p.precision, "recall": p.recall}
        for name, p in points.items()
    }


def test_labels_beyond_those_drawn_are_told_without_a_picture():
    values = doubt_values(diagnosed(dataset(OBJECTS), FOUND), 1)
    assert values["doubts"] == "2 labels"
    ((url, caption),) = values["doubts_drawn"]
    assert url is None  # these images are not there
    assert caption.endswith("is detected as dog, 0.90: its label may be of the wrong class")
    assert values["doubts_more"] == [
        "b (test): dog at (200, 100, 250, 150), score 0.85: nothing is labelled there"
    ]
    nothing = doubt_values(diagnosed(dataset(OBJECTS), []), 5)
    assert not nothing["doubts"]
    assert nothing["doubts_drawn"] == nothing["doubts_more"] == []


@pytest.mark.parametrize("count", [1, 3, MOST_CONFUSED])
def test_matrices_of_few_and_many_classes_are_drawn(tmp_path, count):
    names = [f"<$class$> {n} with a name that is very long" for n in range(count)]
    plot_confusion(tmp_path / "c.png", names, 9 * np.eye(count + 1, dtype=np.int64))
    with Pictures.open(tmp_path / "c.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
        assert max(picture.size) <= 2400
    assert (pixels == (0, 114, 178)).all(axis=2).mean() > 0.3 / (count + 1) ** 1.5
    assert pixels[:, [0, -1]].min() == 255
    with pytest.raises(ValueError, match="at most 30"):
        plot_confusion(tmp_path / "d.png", ["a"] * 31, np.zeros((32, 32), np.int64))


def test_a_diagram_of_nothing_and_of_something(tmp_path):
    plot_reliability(tmp_path / "a.png", reliability(np.zeros(0), np.zeros(0, bool)))
    some = reliability(np.linspace(0, 1, 50), np.arange(50) % 2 > 0)
    plot_reliability(tmp_path / "b.png", some)
    sizes = [len((tmp_path / f"{name}.png").read_bytes()) for name in "ab"]
    assert sizes[1] > sizes[0]
