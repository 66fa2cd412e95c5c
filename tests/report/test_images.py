"""Which images are best and worst, by hand-worked F-scores; their pictures."""

import numpy as np
import pytest
from builders import write_voc
from PIL import Image as Pictures
from scoring import dataset, detections

from detect.data import open_dataset
from detect.errors import DataError
from detect.evaluation.flat import flatten_detections
from detect.report.images import (
    ImageVerdicts,
    best_and_worst,
    draw_images,
    jpeg_url,
    score_images,
)

CAT, DOG = 0, 1
OBJECTS = {
    "clear": [(CAT, (0, 0, 50, 50)), (DOG, (100, 0, 150, 50))],
    "half": [(CAT, (0, 0, 50, 50)), (DOG, (100, 0, 150, 50))],
    "hard": [(CAT, (0, 0, 50, 50), "difficult")],
    "empty": [],
}
FOUND = [
    ("clear", CAT, (0, 0, 50, 50), 0.9),
    ("clear", DOG, (100, 0, 150, 50), 0.5),
    ("half", CAT, (0, 0, 50, 50), 0.9),
    ("half", CAT, (0, 0, 50, 45), 0.8),  # duplicate
    ("half", DOG, (100, 0, 150, 50), 0.4),  # below the threshold
    ("hard", CAT, (0, 0, 50, 50), 0.9),  # ignored
]


def scored(found, threshold=0.5):
    data = dataset(OBJECTS)
    return score_images(data, flatten_detections(data, detections(found)), threshold)


def test_f_scores_worked_by_hand():
    scores = scored(FOUND)
    assert scores.right.tolist() == [2, 1, 0, 0]
    assert scores.wrong.tolist() == [0, 1, 0, 0]
    assert scores.missed.tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(scores.score, [1, 0.5, np.nan, np.nan])
    assert scored(FOUND, 0.4).score[1] == pytest.approx(0.8)
    assert scored([("empty", DOG, (0, 0, 9, 9), 0.9)]).score.tolist()[3] == 0


def test_images_without_anything_to_judge_are_neither_best_nor_worst():
    assert best_and_worst(scored(FOUND), 4) == ([0], [1])


def test_of_equal_images_the_fuller_one_comes_first_and_none_comes_twice():
    right = np.array([1, 3, 0, 0, 2])
    wrong = np.array([0, 0, 1, 0, 2])
    missed = np.array([0, 0, 1, 1, 0])
    scores = ImageVerdicts(right, wrong, missed)
    assert best_and_worst(scores, 2) == ([1, 0], [2, 3])
    assert best_and_worst(scores, 9) == ([1, 0, 4], [2, 3])
    assert best_and_worst(scores, 0) == ([], [])


def test_one_image_is_the_best():
    scores = ImageVerdicts(np.array([0]), np.array([1]), np.array([1]))
    assert best_and_worst(scores, 4) == ([0], [])


def test_pictures_are_written_and_returned(tmp_path):
    data = open_dataset(write_voc(tmp_path / "set"), "train")
    drawn = draw_images(data, flatten_detections(data, {}), [2, 0], tmp_path, "best")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["best-1.png", "best-2.png"]
    with Pictures.open(tmp_path / "best-1.png") as picture:
        assert picture.format == "PNG"
    assert [place for place, _ in drawn] == [2, 0]
    assert all(url.startswith("data:image/jpeg;base64,") for _, url in drawn)


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    data = open_dataset(write_voc(tmp_path / "set"), "train")
    data.samples[0].path.write_bytes(b"no image")
    found = flatten_detections(data, {})
    with pytest.raises(DataError, match="train_000"):
        draw_images(data, found, [0, 1], tmp_path, "worst")


def test_pictures_inside_the_page_are_bounded():
    import base64
    import io

    url = jpeg_url(np.zeros((900, 4000, 3), np.uint8))
    with Pictures.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as picture:
        assert picture.size == (1280, 288)
