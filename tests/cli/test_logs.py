"""`--log`: figures of a training for TensorBoard and MLflow, which a resumed one goes on with."""

import signal
import sys
import time
from pathlib import Path

import pytest
from class_sets import write_class_folders
from commands import call
from extras import needs_mlflow, needs_tensorboard
from interrupting import start_interrupted

from detect.errors import UsageError
from detect.stages import pretrain

RECIPE = """batch_size = 6
seed = 3
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


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_class_folders(root / "classes", {"train": 4, "val": 2})
    (root / "tiny.toml").write_text(RECIPE)
    return root


@pytest.fixture
def arguments(root):
    splits = ("--split", "train", "--val-split", "val")
    return ["pretrain", root / "classes", *splits, "--config", root / "tiny.toml"]


def _scalars(folder):
    """Return step -> value of every tag, as TensorBoard shows them, and the texts' tags."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    tags = found.Tags()
    values = {tag: [(one.step, one.value) for one in found.Scalars(tag)] for tag in tags["scalars"]}
    return values, tags["tensors"]


def _killed_later(arguments, out, log):
    """Train until the state of step 2 is there, and kill the process."""
    process = start_interrupted(
        out / "state.pt", signal.SIGKILL, *arguments, "--log", log, "--out", out
    )
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    # TensorBoard reads its files in the order of the seconds that their names begin with.
    time.sleep(1.1)


@needs_tensorboard
def test_tensorboard_shows_every_step_once_after_a_kill(arguments, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert call(*arguments, "--log", "tensorboard", "--out", whole) == 0
    values, texts = _scalars(whole / "tensorboard")
    assert texts == ["recipe/text_summary"]
    assert [step for step, _ in values["train/loss"]] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in values["validation/val_accuracy"]] == [3, 6]
    assert "train/learning_rate" in values
    _killed_later(arguments, killed, "tensorboard")
    again = ("--log", "tensorboard", "--out", killed, "--resume")
    assert call(*arguments, *again) == 0
    assert _scalars(killed / "tensorboard")[0] == values


@needs_tensorboard
def test_a_new_training_in_the_same_folder_has_a_new_log(arguments, tmp_path):
    out = tmp_path / "run"
    assert call(*arguments, "--log", "tensorboard", "--out", out) == 0
    (earlier,) = (out / "tensorboard").iterdir()
    again = ("--log", "tensorboard", "--out", out, "--exist-ok", "--set", "optimizer.steps=3")
    assert call(*arguments, *again) == 0
    assert earlier.name not in [path.name for path in (out / "tensorboard").iterdir()]
    assert [step for step, _ in _scalars(out / "tensorboard")[0]["train/loss"]] == [1, 2, 3]
    assert call(*arguments, "--out", out, "--exist-ok") == 0
    assert not (out / "tensorboard").exists()


@pytest.mark.slow
@needs_mlflow
def test_mlflow_goes_on_in_the_same_run(arguments, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    out = tmp_path / "run"
    _killed_later(arguments, out, "mlflow")
    assert call(*arguments, "--log", "mlflow", "--out", out, "--resume") == 0
    client, run = _only_run(out / "mlflow")
    assert run.info.status == "FINISHED"
    assert (run.info.run_name, run.data.params["optimizer.steps"]) == ("run", "6")
    history = client.get_metric_history(run.info.run_id, "train.loss")
    assert {one.step for one in history} == {1, 2, 3, 4, 5, 6}
    # What was done twice is the same.
    assert len({(one.step, one.value) for one in history}) == 6
    scored = client.get_metric_history(run.info.run_id, "validation.val_accuracy")
    assert {one.step for one in scored} == {3, 6}


def _only_run(folder):
    from mlflow import MlflowClient

    client = MlflowClient(folder.resolve().as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("detect").experiment_id])
    return client, run


@needs_mlflow
def test_a_server_that_cannot_be_reached_stops_nothing(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert call(*arguments, "--log", "mlflow", "--out", tmp_path / "run") == 0
    error = capsys.readouterr().err
    assert error.count("Warning: MLflow.start failed (MlflowException: ") == 1
    assert "The training goes on without it." in error


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_without_the_package_nothing_is_begun(arguments, tmp_path, capsys, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    assert call(*arguments, "--log", name, "--out", tmp_path / "run") == 3
    expected = f"Error: {name}: not installed. Install what the extra {name} brings: pip install"
    assert capsys.readouterr().err.startswith(expected)
    assert not (tmp_path / "run").exists()


class Steps:
    """Counts the steps of trainings."""

    def __init__(self):
        self.runs, self.steps = [], []

    def start(self, run, recipe, step):
        self.runs.append((run.name, recipe["seed"], step))

    def step(self, step, figures):
        self.steps.append(step)

    def validated(self, step, figures):
        """Take no note of it."""

    def end(self, step, finished):
        self.steps.append(finished)


def test_from_python_any_object_follows(root, tmp_path):
    steps = Steps()
    told = {"split": "train", "config": root / "tiny.toml", "seed": 5}
    pretrain(root / "classes", out=tmp_path / "run", log=steps, **told)
    assert steps.runs == [("run", 5, 0)]
    assert steps.steps == [1, 2, 3, 4, 5, 6, True]
    expected = "expected tensorboard or mlflow, or an object with the methods of"
    for wrong in ("wandb", [Path], Steps, 3):
        with pytest.raises(UsageError, match=f"^log=.*: {expected}"):
            pretrain(root / "classes", out=tmp_path / "b", log=wrong, **told)
    with pytest.raises(UsageError, match="mlflow is given twice"):
        pretrain(root / "classes", out=tmp_path / "b", log=["mlflow", steps, "mlflow"], **told)
