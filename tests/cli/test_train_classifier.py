"""`detect train-classifier` through the command: outputs, exact resume, refusals."""

import json
import signal
from pathlib import Path

import pytest
from builders import write_voc
from commands import call
from interrupting import start_interrupted
from killing import contents
from safetensors.torch import load_file

RECIPE = """# A tiny recipe for the tests.
[model]
input_size = 32
width = 0.25
[sampling]
batch_size = 16
[optimizer]
steps = 8
schedule = "cosine"
[run]
validate_every = 4
save_every = 3
validation_images = 2
precision = "float32"
"""


TRANSFORMS = """
[[augment.more]]
name = "GaussNoise"
std_range = [0.05, 0.15]
[[augment.more]]
name = "MotionBlur"
[[augment.more]]
name = "CLAHE"
[[augment.more]]
name = "RandomShadow"
[[augment.more]]
name = "ImageCompression"
quality_range = [20, 60]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_voc(root / "voc", {"train": 5, "val": 2}, seed=1)
    (root / "tiny.toml").write_text(RECIPE)
    for split in ("train", "val"):
        out = root / f"{split}.parquet"
        assert call("propose", root / "voc", "--split", split, "--out", out, "--workers", 1) == 0
    return root


@pytest.fixture
def arguments(data: Path) -> list[object]:
    proposals, config = data / "train.parquet", data / "tiny.toml"
    given = ("--split", "train", "--proposals", proposals, "--config", config, "--device", "cpu")
    return ["train-classifier", data / "voc", *given]


@pytest.fixture
def validating(data: Path) -> list[object]:
    return ["--val-split", "val", "--val-proposals", data / "val.parquet"]


def test_a_run_leaves_weights_figures_and_what_it_was_told(
    arguments: list[object],
    validating: list[object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    assert call(*arguments, *validating, "--out", out) == 0
    names = {path.name for path in out.iterdir()}
    assert {"config.toml", "environment.json", "results.csv", "log.txt", "weights"} <= names
    card = json.loads((out / "weights/best.json").read_text())
    assert card["classes"] == ["circle", "square", "triangle"]
    assert 0 <= card["metrics"]["full_val_map"] <= 1
    assert "mAP" in capsys.readouterr().out
    header, *rows = (out / "results.csv").read_text().splitlines()
    assert header.split(",")[:2] == ["step", "minutes"]
    assert "val_map" in header
    assert [row.split(",")[0] for row in rows] == ["4", "8"]


def test_without_validation_best_is_the_final_average(
    arguments: list[object], tmp_path: Path
) -> None:
    assert call(*arguments, "--out", tmp_path / "run") == 0
    best, last = (
        load_file(tmp_path / f"run/weights/{name}.safetensors") for name in ("best", "last")
    )
    assert all(best[name].equal(last[name]) for name in last)


def test_more_threads_end_with_the_same_weights(arguments: list[object], tmp_path: Path) -> None:
    for threads in (1, 3):
        assert call(*arguments, "--threads", threads, "--out", tmp_path / str(threads)) == 0
    one, three = (load_file(tmp_path / f"{n}/weights/last.safetensors") for n in (1, 3))
    assert all(one[name].equal(three[name]) for name in one)


def test_killed_and_resumed_it_ends_with_the_same_weights(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = [*arguments, "--set", "optimizer.steps=24"]  # the signal has time to come
    assert call(*arguments, "--out", whole) == 0
    command = [str(value) for value in (*arguments, "--out", killed)]
    process = start_interrupted(killed / "state.pt", signal.SIGKILL, *command)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert not list(killed.rglob("*.partial"))
    assert call(*arguments, "--out", killed, "--resume") == 0
    one, other = (load_file(run / "weights/last.safetensors") for run in (whole, killed))
    assert all(one[name].equal(other[name]) for name in one)
    capsys.readouterr()
    assert call(*arguments, "--out", killed, "--resume") == 0
    assert (
        f"already complete: {killed}, all 24 steps were trained by an earlier command; nothing to "
        "do. To train anew: --exist-ok in place of --resume.\n"
    ) in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["agnostic", "classwise"])
def test_what_moves_boxes_is_killed_and_resumed_to_the_same_weights(
    arguments: list[object], data: Path, tmp_path: Path, kind: str
) -> None:
    moving = f'\n[regression]\nkind = "{kind}"\ngrid = 2\n[augment]\nvertical_mirror = true\n'
    (data / "moving.toml").write_text(RECIPE + moving + "transpose = true\n")
    arguments = [*arguments, "--config", data / "moving.toml"]  # the last one counts
    arguments += ["--set", "optimizer.steps=16", "--set", "run.save_every=1"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert call(*arguments, "--out", whole) == 0
    process = start_interrupted(killed / "state.pt", signal.SIGKILL, *arguments, "--out", killed)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert call(*arguments, "--out", killed, "--resume") == 0
    one, again = (load_file(run / "weights/last.safetensors") for run in (whole, killed))
    assert all(one[name].equal(again[name]) for name in one)
    assert one["regression.fc.weight"].shape == (4 * (3 if kind == "classwise" else 1), 4 * 208)
    assert not one["regression.std"].equal(one["regression.std"].new_ones(4))
    assert "box_loss" in (whole / "results.csv").read_text().splitlines()[0]


@pytest.mark.slow
def test_with_transforms_killed_and_resumed_it_ends_with_the_same_weights(
    arguments: list[object], data: Path, tmp_path: Path
) -> None:
    (data / "transforms.toml").write_text(RECIPE + TRANSFORMS)
    arguments = [*arguments, "--config", data / "transforms.toml"]  # the last one counts
    arguments += ["--threads", 2, "--set", "optimizer.steps=12", "--set", "run.save_every=1"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert call(*arguments, "--out", whole) == 0
    assert call(*arguments, "--set", "augment.more=[]", "--out", tmp_path / "plain") == 0
    process = start_interrupted(killed / "state.pt", signal.SIGKILL, *arguments, "--out", killed)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert call(*arguments, "--out", killed, "--resume") == 0
    runs = (whole, killed, tmp_path / "plain")
    one, again, plain = (load_file(run / "weights/last.safetensors") for run in runs)
    assert all(one[name].equal(again[name]) for name in one)
    assert not all(one[name].equal(plain[name]) for name in one)


def test_a_transform_that_does_not_fit_is_refused_before_anything_is_written(
    arguments: list[object], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "spatial.toml").write_text(f'{RECIPE}[[augment.more]]\nname = "Rotate"\n')
    spatial = [*arguments, "--config", data / "spatial.toml", "--out", tmp_path / "run"]
    assert call(*spatial) == 4
    expected = "spatial.toml: [[augment.more]] table 1: Rotate changes more than the values of"
    assert expected in capsys.readouterr().err
    assert call(*spatial, "--set", 'augment.more=[{name = "Blur", size = 3}]') == 2
    assert "Error: --set: [[augment.more]] table 1: Blur has no argument 'size'" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


def test_interrupted_it_says_how_to_go_on(arguments: list[object], tmp_path: Path) -> None:
    command = [str(value) for value in (*arguments, "--out", tmp_path / "run")]
    command += ["--set", "optimizer.steps=100000", "--set", "run.save_every=5"]
    process = start_interrupted(tmp_path / "run/state.pt", signal.SIGINT, *command)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == (
        "Error: stopped. What was finished is kept: go on with --resume."
    )


def test_resuming_another_recipe_is_refused(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert call(*arguments, "--out", out) == 0
    assert call(*arguments, "--out", out, "--resume", "--set", "optimizer.steps=9") == 4
    assert "it has 'steps = 8', now 'steps = 9'" in capsys.readouterr().err


def test_a_folder_to_begin_with_that_is_no_run_is_told_before_anything_is_read(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments, "--out", tmp_path / "run", "--init", tmp_path) == 4
    told = capsys.readouterr().err
    assert "no model: this folder has no weights/best.safetensors" in told
    assert "matching proposals" not in told
    assert not (tmp_path / "run").exists()


def test_weights_of_another_run_begin_a_training_with_their_normalisation(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = ["--set", "model.mean=[100.0, 110.0, 120.0]", "--set", "optimizer.steps=1"]
    assert call(*arguments, "--out", tmp_path / "first", *grey) == 0
    again = ["--init", tmp_path / "first", "--set", "optimizer.steps=1"]
    assert call(*arguments, "--out", tmp_path / "second", *again) == 0
    assert "layers copied" in capsys.readouterr().err
    card = json.loads((tmp_path / "second/weights/best.json").read_text())
    assert card["mean"] == [100.0, 110.0, 120.0]


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--val-split", "val"], 2, "--val-split and --val-proposals go together"),
        (["--resume"], 2, "--resume needs --out"),
        (["--batch-size", "some"], 2, "--batch-size some: expected auto or a number"),
        (["--set", "optimizer.stpes=1"], 2, "Did you mean optimizer.steps?"),
        (["--set", "classes=[cube]"], 4, "no class 'cube'"),
        (["--init", "none.pth"], 4, "none.pth"),
        (["--device", "tpu"], 2, "--device tpu"),
    ],
)
def test_what_is_refused(
    arguments: list[object],
    extra: list[str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*arguments, *extra) == code
    errors = capsys.readouterr().err
    assert message in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_an_earlier_run_stays_until_the_new_one_is_trained(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert call(*arguments, "--out", out) == 0
    earlier = contents(out)
    few = ("--set", "optimizer.steps=4", "--set", "run.save_every=1")
    diverging = ("--set", "optimizer.learning_rate=1e30", "--set", "optimizer.warmup_steps=0")
    assert call(*arguments, *few, *diverging, "--out", out, "--exist-ok") == 1
    assert "training diverged" in capsys.readouterr().err
    assert contents(out) == earlier
    assert call(*arguments, *few, "--out", out, "--resume") == 4  # It goes on with the new one.
    assert "it has 'learning_rate = 1e+30', now" in capsys.readouterr().err
    assert call(*arguments, *few, "--out", out, "--exist-ok") == 0
    assert str(out / "weights/best.safetensors") in capsys.readouterr().out
    assert "steps = 4" in (out / "config.toml").read_text()
    assert contents(out).keys() == earlier.keys()
    assert not (out / ".unfinished").exists()


def test_an_earlier_run_is_not_written_over(
    arguments: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/notes.txt").write_text("keep")
    assert call(*arguments, "--out", tmp_path / "run") == 2
    assert "exists already" in capsys.readouterr().err
