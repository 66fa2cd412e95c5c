"""`pretrain` called from Python."""

import json
from pathlib import Path

import pytest
import torch
from class_sets import write_class_folders
from recipes import TINY_PRETRAIN

from detect.errors import UsageError
from detect.stages import PretrainOptions, PretrainResult, pretrain


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    write_class_folders(tmp_path / "classes", {"train": 2, "val": 1})
    (tmp_path / "r.toml").write_text(TINY_PRETRAIN)
    data, config = str(tmp_path / "classes"), str(tmp_path / "r.toml")
    return {"data": data, "split": "train", "config": config, "device": torch.device("cpu")}


def test_weights_and_errors_come_back_and_nothing_is_said(given, tmp_path, capfd):
    out = tmp_path / "run"
    result = pretrain(PretrainOptions(**given, val_split="val", out=str(out), seed=3))
    assert isinstance(result, PretrainResult)
    assert result.weights == out / "weights/best.safetensors"
    card = json.loads(result.weights.with_suffix(".json").read_text())
    assert result.top1_error == card["metrics"]["full_val_top1_error"]
    assert result.top5_error == card["metrics"]["full_val_top5_error"]
    assert "seed = 3\n" in (out / "config.toml").read_text()
    assert capfd.readouterr() == ("", "")


def test_errors_name_arguments(given):
    with pytest.raises(UsageError, match=r"^batch_size=1: expected auto or a number from 2 up\."):
        PretrainOptions(**given, batch_size=1)
    with pytest.raises(UsageError, match=r"^resume needs out, the folder of the interrupted run"):
        pretrain(PretrainOptions(**given, resume=True))
    with pytest.raises(UsageError, match=r"^set=optimizer.steps: expected NAME=VALUE"):
        pretrain(PretrainOptions(**given, set="optimizer.steps"))
