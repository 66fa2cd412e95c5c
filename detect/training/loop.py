"""One training loop for every network: updates, averaging, validation, exact resume.

A batch is a function of the seed and the step alone, and torch's random state is set anew at
every step, so a run that was stopped and resumed ends with the weights of one that was not.
Several processes (distributed.py) each compute some rows of a batch and share the gradients.
"""

import math
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detect.config import AnyRecipe
from detect.memory import keep_freed
from detect.models.device import add_in_one_order, autocast
from detect.models.out_of_memory import attempt
from detect.models.training_state import save_state
from detect.training.call import Call
from detect.training.freezing import Frozen, check_stages
from detect.training.gradients import GradientSum, RunningStatistics
from detect.training.interrupt import StopRequest
from detect.training.optimization import WeightAverage, learning_rate, make_optimizer, set_rate
from detect.training.passes import keep_inputs
from detect.training.pieces import largest, pieces, smaller
from detect.training.resuming import read_state, say_if_trained
from detect.training.task import Batch, Task
from detect.training.unread import Losses, UnreadLosses, read


@dataclass
class Progress:
    """Where a training stands; all of it is saved.

    `most` samples are computed at a time, since memory ran out; None: the whole batch.
    """

    step: int = 0
    best: float = -math.inf
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    most: int | None = None


def train(
    model: nn.Module, task: Task, recipe: AnyRecipe, steps_per_epoch: float, call: Call
) -> None:
    """Begin, and train `model` on `task`, from the state in the folder if it is resumed.

    Raises DetectError on a loss that is not finite, EnvironmentProblem when memory does not
    suffice, DataError for another training's state and too many frozen stages, and as `call.begin`.
    """
    check_stages(model, recipe.optimizer)
    call.begin()
    trainer = Trainer(model, task, recipe, steps_per_epoch, call)
    if call.resume and trainer.interrupted:
        trainer.resume()
        say_if_trained(trainer.progress.step, recipe.optimizer.steps, call)
    trainer.run()


class Trainer:
    """Trains `model` on `task`; after `run`, `averaged.module` is the result."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        recipe: AnyRecipe,
        steps_per_epoch: float,
        call: Call,
    ) -> None:
        self.model = model.to(call.device).to(memory_format=torch.channels_last)
        self.task, self.recipe, self.steps_per_epoch = task, recipe, steps_per_epoch
        self.call, self.folder, self.reporter = call, call.folder, call.reporter
        self.device, self.processes = call.device, call.processes
        add_in_one_order(self.device)
        if self.device.type == "cpu":
            keep_freed()
        if not self.processes.alone:  # Random draws may differ between kinds of processors.
            weights = {name: value.cpu() for name, value in self.model.state_dict().items()}
            self.model.load_state_dict(self.processes.from_first(lambda: weights))
        keep_inputs(self.model)
        self.frozen = Frozen(self.model, recipe.optimizer)
        self.optimizer = make_optimizer(self.model, recipe.optimizer)
        self.averaged = WeightAverage(self.model, recipe.optimizer.averaging)
        self.shared = GradientSum(self.model, self.processes)
        self.statistics = RunningStatistics(self.model)
        self.unread = UnreadLosses(self.device, recipe.optimizer)
        self.progress = Progress()

    @property
    def interrupted(self) -> bool:
        """Whether the run folder holds a state to resume from."""
        return self.processes.from_first(self.folder.state.exists)

    def resume(self) -> None:
        """Take up the state saved in the run folder; DataError if it is not of this training."""
        about = (self.model, self.averaged, self.optimizer, self.recipe.optimizer.steps)
        state = self.processes.from_first(lambda: read_state(self.folder.state, *about))
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])

    def run(self) -> None:
        """Train to the last step; on Ctrl-C finish the step, save and raise KeyboardInterrupt."""
        steps, every = self.recipe.optimizer.steps, self.recipe.run
        first, before, start = self.progress.step, self.progress.seconds, time.monotonic()
        made = self.batches(first, steps)
        batches = self.reporter.track(made, steps - first, "steps of training")
        told = self.call.callbacks.following(self.folder.path, self.recipe.model_dump(), first)
        with StopRequest() as stop, told as self.following:
            for step, batch in batches:
                losses = self.step(step, batch)
                self.progress.step = self.following.done = step + 1
                self.progress.seconds = before + time.monotonic() - start
                if (step + 1) % self.unread.every == 0:
                    self.following.step(step + 1, read(losses))
                if (step + 1) % every.validate_every == 0 or step + 1 == steps:
                    self._validate(losses)
                stopping = self.processes.any(stop.asked, self.device)
                if stopping or (step + 1) % every.save_every == 0 or step + 1 == steps:
                    self.unread.check(step)
                    self.save()
                if stopping:
                    raise KeyboardInterrupt
            self.following.finished = True

    def batches(self, first: int, steps: int) -> Generator[tuple[int, Batch], None, None]:
        """Yield (step, batch); batches are made ahead in threads, in order of step."""
        ahead = 2 * self.call.threads
        waiting: list[Future[Batch]] = []
        with ThreadPoolExecutor(self.call.threads) as pool:
            for step in range(first, steps):
                last = min(step + ahead, steps)
                waiting += [
                    pool.submit(self._batch, later) for later in range(step + len(waiting), last)
                ]
                try:
                    yield step, waiting.pop(0).result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise

    def _batch(self, step: int) -> Batch:
        """Return the batch of `step`, in memory that a GPU takes it from without a wait."""
        if self.device.type != "cuda":
            return self.task.batch(step, self.processes)
        with torch.cuda.device(self.device):  # A thread begins on the first GPU.
            made = self.task.batch(step, self.processes)
            return tuple(one if one.is_cuda else one.pin_memory() for one in made)

    def step(self, step: int, batch: Batch) -> Losses:
        """Do one update and return the losses; in smaller pieces when memory runs out."""
        rate = learning_rate(self.recipe.optimizer, step, self.steps_per_epoch)
        set_rate(self.optimizer, rate)
        total = self.processes.total(len(batch[0]), self.device)
        losses = self.shared.add(self._in_memory(step, batch, total), len(batch[0]) / total)
        known = self.unread.add(losses, step)
        self.optimizer.step()
        self.averaged.update_parameters(self.model)
        return {"learning_rate": rate, **known}

    def _seed(self, step: int) -> int:
        """Return what dropout of `step` is seeded with; torch uses its lower 32 bits on CPUs."""
        # The golden ratio of 2**32 keeps the processes far apart.
        return self.recipe.seed * 1_000_003 + step + self.processes.rank * 0x9E3779B1

    def _in_memory(self, step: int, batch: Batch, total: int) -> dict[str, Tensor]:
        """Do what `_gradients` does, in smaller pieces whenever memory runs out."""
        rows = len(batch[0])
        self.statistics.keep()
        while True:
            torch.manual_seed(self._seed(step))
            most = self.progress.most or rows
            losses = attempt(partial(self._gradients, batch, total, most), self.device)
            if losses is not None:
                return losses
            # Batch norms that the attempt has passed have moved their running statistics.
            self.statistics.restore()
            most = self.progress.most = smaller(rows, most, self.device)
            count = largest(rows, most)
            self.reporter.say(f"out of memory: going on with {count} samples at a time")

    def _gradients(self, batch: Batch, total: int, most: int) -> dict[str, Tensor]:
        """Accumulate the gradient of `batch`, `most` samples at a time; return the losses.

        They are this process's part of the means over the `total` samples of all processes.
        """
        self.optimizer.zero_grad()
        sums = dict[str, Tensor]()
        for piece in pieces(batch, most):
            share = len(piece[0]) / total
            moved = tuple(tensor.to(self.device, non_blocking=True) for tensor in piece)
            with self.frozen.training(), autocast(self.device, self.recipe.run.precision):
                losses = self.task.losses(self.model, moved)
            (losses["loss"] * share).backward()  # type: ignore[no-untyped-call]
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + share * value.detach().double()  # as Python adds
        return sums

    def _validate(self, losses: Losses) -> None:
        """Measure the averaged model, write a row of results.csv, keep the best."""
        self.unread.check(self.progress.step - 1)
        if not self.processes.first:
            return
        progress = self.progress
        figures = self.task.validate(self.averaged.module)
        self.following.validated(progress.step, figures)
        row = {"step": progress.step, "minutes": round(progress.seconds / 60, 2)}
        progress.rows.append({**row, **read(losses), **figures})
        self.folder.write_results(progress.rows)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in progress.rows[-1].items())
        self.folder.log(shown)
        self.reporter.say(shown)
        score = next(iter(figures.values()), math.inf)
        if score > progress.best or not figures:
            progress.best = score
            self.task.save(self.averaged.module, "best", figures)

    def save(self) -> None:
        """Write weights/last and then state.pt, the file that --resume reads."""
        if not self.processes.first:
            return
        self.task.save(self.averaged.module, "last", {})
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        save_state(self.folder.state, state)
