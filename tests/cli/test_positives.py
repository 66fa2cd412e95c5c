"""`detect train-classifier --positives-from` as it is typed."""

from pathlib import Path

import numpy as np
import pytest
from builders import write_voc

from detect.cli import main
from detect.data import open_dataset
from detect.storage.proposals import write_proposals
from detect.structures import Proposals

RECIPE = """# A tiny recipe for the tests.
[model]
input_size = 32
width = 0.25
[sampling]
batch_size = 16
[optimizer]
steps = 2
[run]
precision = "float32"
"""


def call(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    assert (stop.value.code or 0) == code, output.err
    return output.err


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    root, config = write_voc(tmp_path / "voc", {"train": 4, "more": 5}, seed=1), tmp_path / "r.toml"
    config.write_text(RECIPE)
    proposals = tmp_path / "p.parquet"
    boxes = np.array([[x, y, x + 24, y + 24] for x in range(0, 100, 8) for y in range(0, 70, 8)])
    grid = [
        Proposals(sample.image_id, sample.size, boxes, np.ones(len(boxes)), ["grid"] * len(boxes))
        for sample in open_dataset(root, "train").samples
    ]
    write_proposals(proposals, grid, {"method": "test"})
    given = ("--split", "train", "--proposals", proposals, "--config", config, "--device", "cpu")
    return ["train-classifier", root, *given, "--out", tmp_path / "run"]


def test_objects_of_the_other_split_are_counted_and_trained_on(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = open_dataset(tmp_path / "voc", "more")
    labels = [label for sample in more.samples for label in sample.annotations.labels.tolist()]
    every = call(capsys, *arguments, "--positives-from", "more")
    assert f"positives of more: {len(labels)} objects in 5 images" in every
    assert (tmp_path / "run/weights/best.safetensors").is_file()
    few = ("--positives-from", "more", "--positives-per-class", 1, "--exist-ok")
    assert f"positives of more: {len(set(labels))} objects in" in call(capsys, *arguments, *few)


def test_images_of_the_training_split_itself_give_nothing(
    arguments: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    error = call(capsys, *arguments, "--positives-from", "train")
    assert "positives of train: 0 objects in 0 images" in error


def test_options_that_cannot_be(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = call(capsys, *arguments, "--positives-per-class", 5, code=2)
    assert "--positives-per-class needs --positives-from, the split they are of." in error
    error = call(capsys, *arguments, "--positives-from", "none", code=4)
    assert "--split none: neither a split of" in error
