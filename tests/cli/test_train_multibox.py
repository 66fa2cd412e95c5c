"""`detect train-multibox` through the command: outputs, exact resume, folds, refusals."""

import json
import re
import signal
from pathlib import Path

import pytest
from builders import write_voc
from commands import call
from interrupting import start_interrupted
from safetensors.torch import load_file

RECIPE = """# A tiny recipe for the tests.
batch_size = 4
[model]
input_size = 64
width = 0.25
head = "conv"
until = "4e"
[priors]
shapes = 2
[objective]
matching = "iou"
encoding = "centre"
scale = 0.1
location = "smooth_l1"
confidence = "focal"
[propose]
views = "whole"
[optimizer]
steps = 6
algorithm = "adamw"
learning_rate = 0.001
schedule = "cosine"
[run]
validate_every = 3
save_every = 2
validation_images = 2
precision = "float32"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_voc(root / "voc", {"train": 8, "val": 3}, seed=1)
    (root / "tiny.toml").write_text(RECIPE)
    return root


@pytest.fixture
def arguments(data: Path) -> list[object]:
    return [
        "train-multibox",
        data / "voc",
        "--split",
        "train",
        "--config",
        data / "tiny.toml",
        "--device",
        "cpu",
    ]


def test_a_run_leaves_weights_figures_and_what_it_was_told(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert call(*arguments, "--val-split", "val", "--out", out) == 0
    printed = capsys.readouterr()
    assert re.search(r"32 priors alone: mean IoU 0\.\d{3} with the \d+ training boxes", printed.err)
    assert "average recall 0." in printed.out
    card = json.loads((out / "weights/best.json").read_text())
    assert card["kind"] == "multibox"
    assert card["slots"] == 32
    assert 0 <= card["metrics"]["full_val_coverage_50"] <= 1
    header, *rows = (out / "results.csv").read_text().splitlines()
    assert {"location_loss", "confidence_loss", "val_average_recall"} <= set(header.split(","))
    assert [row.split(",")[0] for row in rows] == ["3", "6"]


@pytest.mark.slow
def test_a_run_interrupted_and_resumed_ends_with_the_same_weights(
    arguments: list[object], tmp_path: Path
) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert call(*arguments, "--out", whole) == 0
    stopped = start_interrupted(parted / "state.pt", signal.SIGINT, *arguments, "--out", parted)
    assert "go on with --resume" in stopped.communicate(timeout=120)[1]
    assert stopped.returncode == 1
    assert call(*arguments, "--out", parted, "--resume") == 0
    ours, theirs = (load_file(run / "weights/last.safetensors") for run in (whole, parted))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_transforms_change_the_training(arguments: list[object], tmp_path: Path) -> None:
    inverted = ["--set", 'augment.more=[{name = "InvertImg", p = 0.9}]']
    assert call(*arguments, "--out", tmp_path / "plain") == 0
    assert call(*arguments, *inverted, "--out", tmp_path / "more") == 0
    plain, more = (load_file(tmp_path / f"{n}/weights/last.safetensors") for n in ("plain", "more"))
    assert not all(plain[name].equal(more[name]) for name in plain)


def test_a_fold_is_left_out_and_noted(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments, "--leave-out", "1/2", "--out", tmp_path / "run") == 0
    assert re.search(r"left out fold 1/2: [1-7] of 8 images", capsys.readouterr().err)
    assert json.loads((tmp_path / "run/weights/best.json").read_text())["fold"] == "1/2"


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (["--leave-out", "3/2"], 2, "--leave-out 3/2: fold: expected I/N with I from 1 to N"),
        (["--set", "priors.shape=3"], 2, "unknown key priors.shape. Did you mean priors.shapes?"),
        (["--set", "priors.shapes=400"], 4, "400 shapes asked for, but the split has"),
        (
            ["--set", "model.head=fc"],
            2,
            "the recipe: objective.matching iou needs model.head conv: slots at every place.\n",
        ),
        (
            ["--set", "priors.count=100"],
            2,
            "the recipe: priors.count is of model.head fc: leave it out, or choose that head.\n",
        ),
        (
            ["--set", "propose.nms=1.5"],
            2,
            "propose.nms: needs a number above 0 and at most 1, or adaptive, got 1.5.",
        ),
        (
            ["--set", 'augment.more=[{name = "Affine"}]'],
            2,
            "--set: [[augment.more]] table 1: Affine changes more than the values of pixels",
        ),
        (["--set", "optimizer.learning_rate=1e30"], 1, "training diverged"),
        (
            ["--set", "objective.matching=prediction", "--set", "optimizer.learning_rate=1e30"],
            1,
            "training diverged. Lower optimizer.learning_rate (now 1e+30)",
        ),
        (["--resume"], 2, "--resume needs --out"),
    ],
)
def test_mistakes_are_explained(
    arguments: list[object],
    given: list[str],
    code: int,
    text: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = [] if given == ["--resume"] else ["--out", tmp_path / "run"]
    assert call(*arguments, *given, *out) == code
    assert text in capsys.readouterr().err


def test_more_priors_than_boxes_are_refused(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fc = ("model.head=fc", "objective.matching=prior_l2", "priors.count=500", "priors.shapes=4")
    changes = [word for change in fc for word in ("--set", change)]
    assert call(*arguments, *changes, "--out", tmp_path / "run") == 4
    assert "500 priors asked for, but the split has" in capsys.readouterr().err


def test_a_split_without_boxes_is_refused(
    arguments: list[object], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_voc(tmp_path / "voc", {"train": 2})
    for path in (tmp_path / "voc/Annotations").iterdir():
        path.write_text(re.sub("<object>.*</object>", "", path.read_text()))
    given = [tmp_path / "voc" if part == data / "voc" else part for part in arguments]
    assert call(*given, "--out", tmp_path / "run") == 4
    assert "split 'train' has no boxes to learn from" in capsys.readouterr().err


def test_a_validation_split_without_boxes_is_refused_before_training(
    arguments: list[object], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_voc(tmp_path / "voc", {"train": 3, "val": 2})
    for path in (tmp_path / "voc/Annotations").glob("val*"):
        path.write_text(re.sub("<object>.*</object>", "", path.read_text()))
    given = [tmp_path / "voc" if part == data / "voc" else part for part in arguments]
    assert call(*given, "--val-split", "val", "--out", tmp_path / "run") == 4
    assert "validation split val: no object to cover" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_was_given_wrong_leaves_no_run_behind(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "run")
    assert call(*arguments, "--init", "nothing", *out) == 4
    assert "nothing: no such model" in capsys.readouterr().err
    assert call(*arguments, *out) == 0
