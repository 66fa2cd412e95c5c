"""Who is told how a training goes on, in figures: a protocol, and what keeps a training safe of it.

Unlike progress.py, which is for people who watch. What a callback does decides nothing, and what
it raises stops nothing: a tracking server that goes away must not cost a night of training.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from detect.progress import SILENT, Reporter

Figures = Mapping[str, float]


@runtime_checkable
class Callback(Protocol):
    """Follows trainings, one after the other; a step counts when it is done, from 1."""

    def start(self, run: Path, recipe: Mapping[str, Any], step: int, /) -> None:
        """Take note of a training in the folder `run`; `step` were done before: 0, or resumed."""

    def step(self, step: int, figures: Figures, /) -> None:
        """Take the losses and the learning rate of `step`: of every one on a CPU, 50th on a GPU."""

    def validated(self, step: int, figures: Figures, /) -> None:
        """Take what the averaged model scores on the validation split after `step`."""

    def end(self, step: int, finished: bool, /) -> None:
        """Take note that the training ended after `step`: `finished`, or stopped by whatever."""


class Callbacks:
    """Tells each of `callbacks`; one that raises an error is told nothing more of this training.

    `reporter` is warned of it.
    """

    def __init__(self, callbacks: Sequence[Callback] = (), reporter: Reporter = SILENT) -> None:
        self._following = list(callbacks)
        self._reporter = reporter

    @contextmanager
    def following(self, run: Path, recipe: Mapping[str, Any], step: int) -> Iterator["Following"]:
        """Tell the start of a training and, whatever happens within, its end."""
        self._tell("start", run, recipe, step)
        following = Following(self._tell, step)
        try:
            yield following
        finally:
            self._tell("end", following.done, following.finished)

    def _tell(self, what: str, *told: Any) -> None:
        for one in list(self._following):
            try:
                getattr(one, what)(*told)
            except Exception as error:
                self._following.remove(one)
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                self._reporter.warn(
                    f"{type(one).__name__}.{what} failed ({reason}). The training goes on without "
                    "it."
                )


class Following:
    """What the callbacks of one training are told while it runs; `done` steps of it are."""

    def __init__(self, tell: Any, done: int) -> None:
        self._tell, self.done, self.finished = tell, done, False

    def step(self, step: int, figures: Figures) -> None:
        """Tell the `figures` of `step`."""
        self._tell("step", step, dict(figures))

    def validated(self, step: int, figures: Figures) -> None:
        """Tell what the model scores after `step`."""
        self._tell("validated", step, dict(figures))
