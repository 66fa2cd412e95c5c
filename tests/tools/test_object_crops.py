"""The objects of a detection set as a folder of classes."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_voc

from detect.data import open_dataset, read_pixels
from detect.data.labelled import open_labelled
from detect.errors import DataError
from detect.images import read_image
from detect.structures import Annotations

TOOL = Path(__file__).parents[2] / "tools/object_crops.py"
FUNCTIONS = runpy.run_path(str(TOOL))


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_object_becomes_a_picture_of_its_class(tmp_path: Path) -> None:
    data = write_voc(tmp_path / "voc", {"train": 3}, seed=1)
    done = run(data, "--split", "train", "--out", tmp_path / "objects")
    assert done.returncode == 0, done.stderr
    dataset = open_dataset(data, "train")
    found = open_labelled(tmp_path / "objects", "train")
    assert len(found) == sum(len(sample.annotations) for sample in dataset.samples)
    assert set(found.images.classes) <= set(CLASSES)
    first = dataset.samples[0]
    x1, y1, x2, y2 = first.annotations.boxes[0].astype(int).tolist()
    name = CLASSES[first.annotations.labels[0]]
    picture = read_image(tmp_path / f"objects/train/{name}/{first.image_id}-0.png")
    assert np.array_equal(picture, read_pixels(first)[y1:y2, x1:x2])
    again = run(data, "--split", "train", "--out", tmp_path / "objects")
    assert again.returncode == 1
    assert "exists already. Remove it" in again.stderr


def test_uncertain_and_small_objects_are_left_out() -> None:
    boxes = np.array([[0, 0, 20, 20], [0, 0, 20, 15], [0, 0, 20, 20], [0, 0, 20, 20]], np.float32)
    flags = {"difficult": np.array([0, 0, 1, 0]), "crowd": np.array([0, 0, 0, 1])}
    notes = Annotations(boxes, np.array([3, 2, 1, 0]), **flags)  # type: ignore[arg-type]
    assert FUNCTIONS["kept"](notes, 16)[1] == [3]
    assert FUNCTIONS["kept"](notes, 15)[1] == [3, 2]


def test_windows_reach_outward_and_stay_inside() -> None:
    boxes = np.array([[1.5, 2.5, 5.2, 6.0], [0, 0, 10, 8], [9.5, 7.5, 12, 9]], np.float32)
    assert FUNCTIONS["outward"](boxes, 0.0, (8, 10)) == [[1, 2, 6, 6], [0, 0, 10, 8], [9, 7, 10, 8]]
    assert FUNCTIONS["outward"](boxes[:1], 0.5, (8, 10)) == [[0, 0, 8, 8]]


def test_a_class_that_is_no_folder_name_is_refused() -> None:
    assert FUNCTIONS["folder_name"]("traffic light") == "traffic light"
    for name in ("a/b", "..", "a\\b"):
        with pytest.raises(DataError, match="no name for a folder"):
            FUNCTIONS["folder_name"](name)
