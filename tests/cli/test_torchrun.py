"""Trainings by two processes under torchrun: the weights of one, stopped and killed ones too.

Variant `paper`, which has no batch normalisation, and no dropout: nothing else should differ.
"""

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from builders import write_voc
from class_sets import write_class_folders
from commands import call
from safetensors.torch import load_file
from torchrunning import run_together

PRETRAIN = """# A tiny recipe for the tests.
batch_size = 7
[model]
variant = "paper"
input_size = 32
width = 0.25
dropout = 0
auxiliary_dropout = 0
[optimizer]
steps = 24
learning_rate = 0.001
[run]
validate_every = 12
save_every = 3
precision = "float32"
"""
REGION_CLASSIFIER = """# A tiny recipe for the tests.
[model]
variant = "paper"
input_size = 32
width = 0.25
dropout = 0
[sampling]
batch_size = 7
[regression]
kind = "classwise"
grid = 2
[optimizer]
steps = 40
learning_rate = 0.001
auxiliary_weight = 0
[run]
save_every = 3
precision = "float32"
"""
MULTIBOX = """# A tiny recipe for the tests.
batch_size = 3
[model]
variant = "paper"
input_size = 32
width = 0.25
[priors]
count = 6
[optimizer]
steps = 4
learning_rate = 0.001
[run]
precision = "float32"
"""


def check_same(run: Path, other: Path) -> None:
    """Compare the averaged weights, and those that training would go on with."""
    ours, theirs = (load_file(path / "weights/last.safetensors") for path in (run, other))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
    states = [torch.load(path / "state.pt", weights_only=True)["model"] for path in (run, other)]
    torch.testing.assert_close(*states, rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_class_folders(root / "classes", {"train": 5, "val": 2})
    write_voc(root / "voc", {"train": 5}, seed=1)
    recipes = {"pretrain": PRETRAIN, "region-classifier": REGION_CLASSIFIER, "multibox": MULTIBOX}
    for name, text in recipes.items():
        (root / f"{name}.toml").write_text(text)
    voc = ("propose", root / "voc", "--split", "train", "--workers", 1)
    assert call(*voc, "--out", root / "train.parquet") == 0
    return root


@pytest.fixture(scope="module")
def pretraining(data: Path) -> list[object]:
    given = ("--split", "train", "--val-split", "val", "--config", data / "pretrain.toml")
    return ["pretrain", data / "classes", *given, "--device", "cpu"]


@pytest.fixture(scope="module")
def alone(pretraining: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    assert call(*pretraining, "--out", out) == 0
    return out


def test_two_processes_reach_the_weights_of_one(
    pretraining: list[object], alone: Path, tmp_path: Path
) -> None:
    done = run_together(*pretraining, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    check_same(tmp_path / "run", alone)
    # The first process alone speaks, validates and writes.
    assert done.stdout.count("top-1 error") == 1
    assert done.stderr.count("train: 15 images of 3 classes") == 1
    assert json.loads((tmp_path / "run/environment.json").read_text())["processes"] == 2
    rows = [(run / "results.csv").read_text().splitlines() for run in (tmp_path / "run", alone)]
    for together, single in zip(*(lines[1:] for lines in rows), strict=True):
        ours, theirs = ([float(cell) for cell in line.split(",")] for line in (together, single))
        # All but the minutes: losses and errors are those of the whole batch.
        assert ours[:1] + ours[2:] == pytest.approx(theirs[:1] + theirs[2:], rel=1e-3)


@pytest.mark.slow
def test_after_a_worker_was_killed_the_rest_is_kept_and_resumed(
    pretraining: list[object], alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    killed = run_together(
        *pretraining, "--out", out, watched=out / "state.pt", number=signal.SIGKILL
    )
    assert killed.returncode != 0
    assert "another process of this training is gone" in killed.stderr
    assert not (out / "weights/best.safetensors").exists()
    assert call(*pretraining, "--out", out, "--resume") == 0
    check_same(out, alone)


@pytest.mark.slow
def test_a_batch_too_small_for_all_leaves_an_earlier_run_as_it_is(
    pretraining: list[object], alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(alone, out)
    given = (*pretraining, "--out", out, "--exist-ok", "--batch-size", 2)
    refused = run_together(*given, processes=3)
    assert refused.returncode != 0
    assert "a batch of 2 for 3 processes leaves some without a sample" in refused.stderr
    check_same(out, alone)
    assert (out / "config.toml").read_text() == (alone / "config.toml").read_text()


@pytest.mark.slow
def test_train_classifier_stops_together_and_one_process_goes_on(
    data: Path, tmp_path: Path
) -> None:
    given = ("--split", "train", "--proposals", data / "train.parquet", "--device", "cpu")
    arguments = [
        "train-classifier",
        data / "voc",
        *given,
        "--config",
        data / "region-classifier.toml",
    ]
    out = tmp_path / "run"
    stopped = run_together(
        *arguments,
        "--out",
        out,
        watched=out / "state.pt",
        number=signal.SIGINT,
        whom="torchrun",
    )
    assert stopped.returncode != 0
    assert stopped.stderr.count("go on with --resume") == 2
    assert call(*arguments, "--out", out, "--resume") == 0
    assert call(*arguments, "--out", tmp_path / "whole") == 0
    check_same(out, tmp_path / "whole")


@pytest.mark.slow
def test_train_multibox_by_two_processes(data: Path, tmp_path: Path) -> None:
    given = ("--split", "train", "--device", "cpu", "--config", data / "multibox.toml")
    arguments = ["train-multibox", data / "voc", *given]
    done = run_together(*arguments, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert call(*arguments, "--out", tmp_path / "whole") == 0
    check_same(tmp_path / "run", tmp_path / "whole")
