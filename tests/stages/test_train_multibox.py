"""`train_multibox` called from Python."""

import tomllib
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from builders import write_voc
from recipes import TINY_MULTIBOX

from detect.errors import UsageError
from detect.models.checkpoints import load_model
from detect.models.kinds import MULTIBOX
from detect.progress import Silence
from detect.stages import TrainMultiboxOptions, TrainMultiboxResult, train_multibox

TABLES = tomllib.loads(TINY_MULTIBOX)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    write_voc(tmp_path / "voc", {"train": 5, "val": 2}, seed=1)
    (tmp_path / "r.toml").write_text(TINY_MULTIBOX)
    data, config = str(tmp_path / "voc"), str(tmp_path / "r.toml")
    return {"data": data, "split": "train", "config": config, "device": "cpu"}


def test_weights_and_coverage_come_back_and_nothing_is_said(given, tmp_path, capfd):
    out = tmp_path / "run"
    result = train_multibox(TrainMultiboxOptions(**given, val_split="val", out=str(out)))
    assert isinstance(result, TrainMultiboxResult)
    assert result.weights == out / "weights/best.safetensors"
    metrics = load_model(result.weights, MULTIBOX)[1].metrics
    assert result.average_recall == metrics["full_val_average_recall"]
    assert result.coverage_50 == metrics["full_val_coverage_50"]
    assert result.coverage_70 == metrics["full_val_coverage_70"]
    assert capfd.readouterr() == ("", "")


def test_a_reporter_is_told_what_is_left_out(given, tmp_path):
    class Listener(Silence):
        def say(self, line: str, /) -> None:
            said.append(line)

    said: list[str] = []
    options = TrainMultiboxOptions(**given, leave_out="1/2", out=tmp_path / "run")
    assert train_multibox(options, Listener()).average_recall is None
    assert said[0].startswith("left out fold 1/2: ")


def test_an_error_names_the_argument(given):
    with pytest.raises(UsageError, match=r"^leave_out=3/2: fold: expected I/N with I from 1 to N"):
        TrainMultiboxOptions(**given, leave_out="3/2")


def test_a_recipe_is_a_file_or_what_it_holds(given, tmp_path):
    tables = tomllib.loads(TINY_MULTIBOX)
    before = deepcopy(tables)
    for name, config in (("file", given["config"]), ("tables", tables)):
        train_multibox(**{**given, "config": config}, set="seed=3", out=tmp_path / name)
    assert tables == before
    written, same = (tmp_path / name / "config.toml" for name in ("file", "tables"))
    assert written.read_text() == same.read_text()
    assert "seed = 3" in same.read_text()


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"optimizer": {"stepz": 3}}, "unknown key optimizer.stepz. Did you mean optimizer.steps?"),
        (3, "config=3: expected a path."),
        ({1: 2}, "config: 1: Keys should be strings, got 1."),
        ({**TABLES, "augment": 3}, "config: augment: expected a table, got 3."),
        (
            {**TABLES, "augment": {"more": [{"name": "Blur", "blur_limit": (3, 5)}]}},
            "config: augment.more.0.blur_limit: expected text, a number, true, false, a list or a "
            "table, as in TOML, got (3, 5).",
        ),
        (
            {**TABLES, "augment": {"more": [{"name": "Blur", "p": np.float32(0.5)}]}},
            "config: augment.more.0.p: expected text, a number, true, false, a list or a table",
        ),
        (
            TABLES | {"augment": {"more": [{"name": "Bluur"}]}},
            "config: [[augment.more]] table 1: albumentations 2.0.8 has no transform",
        ),
    ],
)
def test_a_wrong_recipe_is_the_arguments_fault(given, config, text):
    with pytest.raises(UsageError) as caught:
        train_multibox(**{**given, "config": config})
    assert text in str(caught.value)
