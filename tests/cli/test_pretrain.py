"""`detect pretrain` and `detect classify`: outputs, resume, what starts from it, refusals."""

import json
import signal
from pathlib import Path

import pytest
from builders import write_voc
from class_sets import write_class_folders
from commands import call
from interrupting import start_interrupted
from safetensors.torch import load_file

RECIPE = """# A tiny recipe for the tests.
batch_size = 6
[model]
input_size = 32
width = 0.25
[optimizer]
steps = 6
[run]
validate_every = 3
save_every = 2
validation_images = 4
precision = "float32"
"""
FINE_TUNING = """# A tiny recipe for the tests.
{batch}
[model]
input_size = 32
width = 0.25
{priors}
[optimizer]
steps = 1
[run]
precision = "float32"
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_class_folders(root / "classes", {"train": 4, "val": 2})
    (root / "tiny.toml").write_text(RECIPE)
    return root


@pytest.fixture(scope="module")
def arguments(data: Path) -> list[object]:
    config = ("--config", data / "tiny.toml", "--device", "cpu")
    return ["pretrain", data / "classes", "--split", "train", *config]


@pytest.fixture(scope="module")
def run(arguments: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    assert call(*arguments, "--val-split", "val", "--out", out) == 0
    return out


def test_a_run_leaves_weights_figures_and_what_it_was_told(run: Path) -> None:
    card = json.loads((run / "weights/best.json").read_text())
    assert card["kind"] == "image-classifier"
    assert card["classes"] == ["circle", "square", "triangle"]
    assert 0 <= card["metrics"]["full_val_top1_error"] <= 1
    assert card["metrics"]["full_val_top5_error"] == 0
    header, *rows = (run / "results.csv").read_text().splitlines()
    expected = {"loss", "main_loss", "val_accuracy", "val_top1_error", "val_top5_error"}
    assert expected <= set(header.split(","))
    assert [row.split(",")[0] for row in rows] == ["3", "6"]


@pytest.mark.slow
def test_a_run_interrupted_and_resumed_ends_with_the_same_weights(
    arguments: list[object], run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "parted"
    given = (*arguments, "--val-split", "val", "--out", out)
    stopped = start_interrupted(out / "state.pt", signal.SIGINT, *given)
    assert "go on with --resume" in stopped.communicate(timeout=120)[1]
    assert call(*given, "--resume") == 0
    ours, theirs = (load_file(path / "weights/last.safetensors") for path in (run, out))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_transforms_change_the_training(arguments: list[object], run: Path, tmp_path: Path) -> None:
    inverted = ("--set", 'augment.more=[{name = "InvertImg", p = 0.9}]')
    assert call(*arguments, *inverted, "--out", tmp_path / "more") == 0
    plain, more = (
        load_file(path / "weights/last.safetensors") for path in (run, tmp_path / "more")
    )
    assert not all(plain[name].equal(more[name]) for name in plain)


def test_train_classifier_and_train_multibox_start_from_it(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voc = write_voc(tmp_path / "voc", {"train": 3}, seed=1)
    proposals = tmp_path / "train.parquet"
    assert call("propose", voc, "--split", "train", "--out", proposals, "--workers", 1) == 0
    common = ("--split", "train", "--init", run, "--device", "cpu")
    classifier, multibox = tmp_path / "classifier.toml", tmp_path / "multibox.toml"
    classifier.write_text(FINE_TUNING.format(batch="", priors="[sampling]\nbatch_size = 4"))
    multibox.write_text(FINE_TUNING.format(batch="batch_size = 2", priors="[priors]\ncount = 3"))
    trained = ("--config", classifier, "--proposals", proposals, "--out", tmp_path / "a")
    assert call("train-classifier", voc, *common, *trained) == 0
    # Everything but the classifiers of other classes: fc and those on 4a and 4d.
    assert "57 of 64 layers copied; new: aux1.conv, aux1.fc1" in capsys.readouterr().err
    trained = ("--config", multibox, "--out", tmp_path / "b")
    assert call("train-multibox", voc, *common, *trained) == 0
    assert "57 of 57 layers copied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (["--set", "patches.areas=[0.1,1]"], 2, "unknown key patches.areas. Did you mean patches."),
        (["--set", "patches.area=[0.5,0.1]"], 2, "area needs 0 < low <= high <= 1"),
        (["--set", 'augment.more=[{name = "Blr"}]'], 2, "no transform 'Blr'. Did you mean Blur"),
        (["--split", "vla"], 4, "--split vla: no split of"),
        (["--set", "optimizer.learning_rate=1e30"], 1, "training diverged"),
        (["--batch-size", "1"], 2, "--batch-size 1: expected auto or a number from 2 up"),
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
    assert call(*arguments, *given, "--out", tmp_path / "run") == code
    assert text in capsys.readouterr().err


def test_a_broken_image_stops_the_training_or_is_left_out(
    arguments: list[object], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_class_folders(tmp_path / "classes", {"train": 3})
    (broken / "train/circle/2.png").write_bytes(b"broken")
    given = [broken if part == data / "classes" else part for part in arguments]
    assert call(*given, "--out", tmp_path / "run") == 4
    assert "train/circle/2.png: not an image" in capsys.readouterr().err
    assert call(*given, "--out", tmp_path / "run2", "--skip-bad") == 0
    printed = capsys.readouterr().err
    assert "images left out (--skip-bad): 1." in printed
    assert "train: 8 images of 3 classes" in printed


def test_classify_measures_as_the_validation_did(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--split", "val", "--model", run, "--precision", "float32", "--device", "cpu")
    out = tmp_path / "table.json"
    assert call("classify", data / "classes", *given, "--crops", "144", "--json", out) == 0
    table = json.loads(out.read_text())
    assert table["images"] == 6
    rows = [(row["models"], row["crops"], row["cost"]) for row in table["table"]]
    assert rows == [(1, 1, 1), (1, 10, 10), (1, 144, 144)]
    metrics = json.loads((run / "weights/best.json").read_text())["metrics"]
    assert table["table"][0]["top1_error"] == metrics["full_val_top1_error"]
    printed = capsys.readouterr().out.splitlines()
    assert " ".join(printed[0].split()) == "models crops cost top-1 error top-5 error to base"
    assert printed[-1] == "6 images of split val"


def test_classify_averages_models(run: Path, data: Path, tmp_path: Path) -> None:
    last = run / "weights/last.safetensors"
    given = ("--split", "val", "--model", run, "--model", last, "--crops", "10", "--device", "cpu")
    out = tmp_path / "table.json"
    assert call("classify", data / "classes", *given, "--json", out) == 0
    rows = [(row["models"], row["crops"]) for row in json.loads(out.read_text())["table"]]
    assert rows == [(1, 1), (1, 10), (2, 1), (2, 10)]


def test_classify_answers_for_images(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = data / "classes/val/square/1.png"
    out = tmp_path / "answers.json"
    assert call("classify", image, "--model", run, "--device", "cpu", "--json", out) == 0
    answer = json.loads(out.read_text())["images"]["1"]
    assert sum(answer.values()) == pytest.approx(1)
    assert list(answer.values()) == sorted(answer.values(), reverse=True)
    best, score = next(iter(answer.items()))
    assert capsys.readouterr().out.startswith(f"1: {best} {score:.3f}, ")


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (["--crops", "12"], 2, "'12' is not one of '1', '10', '144'"),
        (["--batch-size", "0"], 2, "--batch-size 0: expected auto or a number from 1 up"),
        (["--split", "vla"], 4, "--split vla: no split of"),
        (["--model", "nothing"], 4, "nothing: no such model"),
    ],
)
def test_classify_explains_mistakes(
    run: Path,
    data: Path,
    given: list[str],
    code: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    split = [] if "--split" in given else ["--split", "val"]
    arguments = (data / "classes", "--model", run, "--device", "cpu", *split)
    assert call("classify", *arguments, *given) == code
    assert text in capsys.readouterr().err


def test_classify_refuses_classes_that_the_model_does_not_know(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_class_folders(tmp_path / "classes", {"val": 1})
    (other / "val/circle").rename(other / "val/circles")
    assert call("classify", other, "--split", "val", "--model", run, "--device", "cpu") == 4
    expected = "images of 'circles', which the model does not know; nearest: circle"
    assert expected in capsys.readouterr().err


def test_classify_leaves_broken_images_out(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_class_folders(tmp_path / "classes", {"val": 2})
    (broken / "val/circle/2.png").write_bytes(b"broken")
    given = ("classify", broken, "--split", "val", "--model", run, "--device", "cpu")
    assert call(*given) == 4
    assert "val/circle/2.png: not an image" in capsys.readouterr().err
    assert call(*given, "--skip-bad") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "5 images of split val"
    assert "images left out (--skip-bad): 1." in printed.err
