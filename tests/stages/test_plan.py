"""Planning from Python: typed costs, nothing printed, errors in Python's spelling."""

from pathlib import Path

import pytest
from builders import write_voc
from proposing import propose_randomly

from detect.costs.stage_costs import RunFigures, TrainingFigures
from detect.data import open_dataset
from detect.errors import UsageError
from detect.stages import PlanOptions, plan

RECIPE = """
[model]
input_size = 32
width = 0.25
[sampling]
batch_size = 4
[optimizer]
steps = 500
[run]
precision = "float32"
"""


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def track(self, items, total, what, /):
        return iter(items)

    def say(self, line: str, /) -> None:
        self.lines.append(line)

    warn = say


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """Write two images, their regions and a recipe; return the options that name them."""
    voc = write_voc(tmp_path / "voc", {"train": 2})
    propose_randomly(open_dataset(voc, "train"), tmp_path / "train.parquet", 30)
    (tmp_path / "small.toml").write_text(RECIPE)
    names = {"data": "voc", "config": "small.toml", "proposals": "train.parquet"}
    return {"split": "train", **{name: str(tmp_path / file) for name, file in names.items()}}


def test_a_plan_is_costs_of_commands(
    given: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    listener = Listener()
    result = plan(PlanOptions(**given, device="cpu", ensemble=2), listener)
    assert (result.images, result.device.split(",")[0]) == ({"train": 2}, "cpu")
    training, running = result.stages
    assert (training.command, running.command) == ("train-classifier", "run")
    assert isinstance(training.figures, TrainingFigures)
    assert (training.figures.networks, training.figures.steps) == (2, 1000)
    assert isinstance(running.figures, RunFigures)
    assert (running.figures.images, running.figures.regions_per_image) == (2, 30)
    assert result.total.seconds == training.seconds + running.seconds
    assert listener.lines == [
        "timing steps of small.toml ...",
        "timing regions with small.toml ...",
    ]
    assert capsys.readouterr() == ("", "")


def test_an_option_that_means_nothing_is_named_as_an_argument(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"^workers: all regions are stored"):
        plan(PlanOptions(**given, workers=2))
