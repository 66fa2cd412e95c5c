"""Who follows a training is told all of it, and cannot stop it."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fitting import STEPS, make

from detect.callbacks import Callback, Callbacks
from detect.errors import DetectError
from detect.progress import Silence
from detect.training.loop import Trainer


class Notes:
    """Writes down what it is told; raises `error` when it is told `what`."""

    def __init__(self, what: str = "", error: BaseException | None = None) -> None:
        self.what, self.error = what, error
        self.told: list[tuple[Any, ...]] = []

    def _note(self, what: str, *told: Any) -> None:
        self.told.append((what, *told))
        if what == self.what and self.error is not None:
            raise self.error

    def start(self, run: Path, recipe: Any, step: int) -> None:
        self._note("start", run.name, recipe["optimizer"]["steps"], step)

    def step(self, step: int, figures: Any) -> None:
        self._note("step", step, sorted(figures))

    def validated(self, step: int, figures: Any) -> None:
        self._note("validated", step, dict(figures))

    def end(self, step: int, finished: bool) -> None:
        self._note("end", step, finished)


class Warnings(Silence):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, line: str, /) -> None:
        self.lines.append(line)


def followed(folder: Path, *callbacks: Callback, **changes: Any) -> tuple[Trainer, list[str]]:
    trainer, warnings = make(folder, **changes), Warnings()
    trainer.call = replace(trainer.call, callbacks=Callbacks(callbacks, warnings))
    return trainer, warnings.lines


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.flatten() for p in trainer.averaged.module.parameters()])


def steps(first: int, last: int) -> list[tuple[Any, ...]]:
    return [("step", step, ["learning_rate", "loss"]) for step in range(first, last + 1)]


def test_a_callback_is_told_the_start_every_step_validations_and_the_end(tmp_path: Path) -> None:
    notes = Notes()
    trainer, warnings = followed(tmp_path / "run", notes)
    trainer.run()
    validated = [("validated", step, {"score": 0.5}) for step in (2, 4, 6)]
    assert notes.told == [
        ("start", "run", STEPS, 0),
        *steps(1, 2), validated[0], *steps(3, 4), validated[1], *steps(5, 6), validated[2],
        ("end", STEPS, True),
    ]  # fmt: skip
    assert warnings == []


@pytest.mark.parametrize("what", ["start", "step", "validated", "end"])
def test_an_error_of_a_callback_stops_nothing_and_is_told_once(tmp_path: Path, what: str) -> None:
    alone = make(tmp_path / "alone")
    alone.run()
    broken, other = Notes(what, OSError("no route\nto the server")), Notes()
    trainer, warnings = followed(tmp_path / "run", broken, other)
    trainer.run()
    assert torch.equal(weights(trainer), weights(alone))
    assert warnings == [
        f"Notes.{what} failed (OSError: no route to the server). The training goes on without it."
    ]
    assert [one[0] for one in broken.told].count(what) == 1
    assert broken.told[-1][0] == what
    assert len(other.told) == STEPS + 3 + 2


def test_ctrl_c_is_no_error_of_the_callback_it_comes_in(tmp_path: Path) -> None:
    trainer, _ = followed(tmp_path / "run", Notes("step", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        trainer.run()


def test_a_stopped_training_and_the_one_that_goes_on(tmp_path: Path) -> None:
    class Stopping(Notes):
        def step(self, step: int, figures: Any) -> None:
            super().step(step, figures)
            if step == 4:
                signal.raise_signal(signal.SIGINT)

    stopping, notes = Stopping(), Notes()
    trainer, _ = followed(tmp_path / "run", stopping)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert stopping.told[-1] == ("end", 4, False)
    resumed, _ = followed(tmp_path / "run", notes)
    resumed.resume()
    resumed.run()
    assert notes.told[:2] == [("start", "run", STEPS, 4), *steps(5, 5)]
    assert notes.told[-1] == ("end", STEPS, True)


def test_the_end_of_a_training_that_diverges_is_told(tmp_path: Path) -> None:
    notes = Notes()
    trainer, _ = followed(tmp_path / "run", notes)
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("nan"))
    with pytest.raises(DetectError, match="training diverged"):
        trainer.run()
    assert [one[0] for one in notes.told] == ["start", "end"]
    assert notes.told[-1] == ("end", 0, False)
