"""`train-classifier` with `run.batches`: what makes the batches is noted, and goes on."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from builders import write_voc
from commands import call
from interrupting import start_interrupted
from proposing import propose_randomly
from recipes import TINY_REGION_CLASSIFIER
from safetensors.torch import load_file

from detect.data import open_dataset

TORCH = ("--set", "run.batches=torch")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_voc(root / "voc", {"train": 6}, seed=1)
    propose_randomly(open_dataset(root / "voc", "train"), root / "train.parquet", 60)
    (root / "tiny.toml").write_text(TINY_REGION_CLASSIFIER)
    return root


@pytest.fixture
def arguments(data: Path) -> list[object]:
    given = ("--split", "train", "--proposals", data / "train.parquet")
    rest = ("--config", data / "tiny.toml", "--device", "cpu")
    steps = ("--set", "optimizer.steps=16", "--set", "run.save_every=2")
    return ["train-classifier", data / "voc", *given, *rest, *steps]


def weights(run: Path) -> dict[str, object]:
    return {name: one.tolist() for name, one in load_file(run / "weights/last.safetensors").items()}


def noted(run: Path) -> object:
    return json.loads((run / "environment.json").read_text())["batches"]


@pytest.mark.slow
def test_by_torch_killed_and_resumed_it_ends_with_the_same_weights(
    arguments: list[object], tmp_path: Path
) -> None:
    whole, killed, other = (tmp_path / name for name in ("whole", "killed", "opencv"))
    assert call(*arguments, *TORCH, "--threads", 2, "--out", whole) == 0
    assert call(*arguments, "--out", other) == 0
    command = [*arguments, *TORCH, "--out", killed]
    process = start_interrupted(killed / "state.pt", signal.SIGKILL, *command)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert call(*command, "--resume") == 0
    assert weights(killed) == weights(whole)
    assert weights(other) != weights(whole)
    assert [noted(run) for run in (whole, killed, other)] == ["torch", "torch", "opencv"]
    assert 'batches = "torch"' in (whole / "config.toml").read_text()
    assert "batches" not in (other / "config.toml").read_text()


@pytest.mark.slow
def test_what_was_begun_by_torch_goes_on_so_on_a_cpu(
    arguments: list[object], tmp_path: Path
) -> None:
    whole, begun = tmp_path / "whole", tmp_path / "begun"
    assert call(*arguments, *TORCH, "--out", whole) == 0
    # As a GPU leaves it, whose auto is torch: the recipe says nothing, the environment does.
    process = start_interrupted(
        begun / "state.pt", signal.SIGKILL, *arguments, *TORCH, "--out", begun
    )
    process.communicate(timeout=120)
    config = (begun / "config.toml").read_text().replace('batches = "torch"\n', "")
    (begun / "config.toml").write_text(config)
    assert call(*arguments, "--out", begun, "--resume") == 0
    assert weights(begun) == weights(whole)


def test_a_note_that_was_edited_is_refused(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert call(*arguments, "--out", out) == 0
    kept = tmp_path / "kept"
    shutil.copytree(out, kept)
    environment = json.loads((out / "environment.json").read_text())
    (out / "environment.json").write_text(json.dumps({**environment, "batches": "numpy"}))
    assert call(*arguments, "--out", out, "--resume") == 4
    assert "batches: expected opencv or torch, got 'numpy'" in capsys.readouterr().err
    assert weights(out) == weights(kept)


def test_torch_with_transforms_is_refused_before_anything_is_written(
    arguments: list[object], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = '[[augment.more]]\nname = "Blur"\n'
    (data / "more.toml").write_text(TINY_REGION_CLASSIFIER + more)
    command = [*arguments, "--config", data / "more.toml", "--out", tmp_path / "run"]
    assert call(*command, *TORCH) == 2
    error = capsys.readouterr().err
    assert 'run.batches = "torch" and [[augment.more]] do not go together' in error
    text = TINY_REGION_CLASSIFIER.replace("[run]", '[run]\nbatches = "torch"')
    (data / "more.toml").write_text(text + more)
    assert call(*command) == 4
    assert not (tmp_path / "run").exists()
