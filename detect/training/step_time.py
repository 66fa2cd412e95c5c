"""How long a step of a training takes on this machine, and how much memory: measured on a few."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from detect.config import AnyRecipe
from detect.memory import available_memory, peak_memory
from detect.models.crop_time import Peak, finish, forget_peaks, peaks
from detect.training.call import Call
from detect.training.loop import Trainer
from detect.training.task import Task

# All ours: seconds for the timed steps of one training, and the most of them; samples of the
# first attempt, the share of free memory that the second one may take.
_SECONDS, _STEPS = 8.0, 12
_FEW, _SHARE = 4, 0.5
# The first step prepares every convolution; on a GPU more have batches that were made meanwhile.
_FEWEST_STEPS, _UNCOUNTED = 3, 1 / 3


@dataclass(frozen=True)
class StepTime:
    """A step of a training: `seconds`, and its most memory in bytes, of a `batch` of samples.

    Measured on `steps` steps of `samples` each, and where these are fewer, scaled to the batch.
    `disk` bytes of the run folder.
    """

    seconds: float
    batch: int
    samples: int
    steps: int
    peak: Peak
    disk: int


@dataclass(frozen=True)
class Timed:
    """The `seconds` of each step, of `samples` each, and the most memory, bytes."""

    samples: int
    seconds: list[float]
    peak: Peak


def time_steps(
    network: nn.Module,
    make_task: Callable[[int], Task],
    batch: int,
    recipe: AnyRecipe,
    call: Call,
) -> StepTime:
    """Train `network` for a few steps on the task that `make_task` makes of a batch size.

    First with a few samples; then with as many of `batch` as eight seconds and half of the free
    memory allow. Leaves weights/last and state.pt in `call.folder`. Raises EnvironmentProblem
    where memory does not suffice for one sample.
    """
    # Weights that hardly move cannot diverge.
    calm = recipe.optimizer.model_copy(update={"learning_rate": 1e-12})
    recipe = recipe.model_copy(update={"optimizer": calm, "seed": 0})

    def timed(samples: int, steps: int) -> Timed:
        forget_peaks(call.device)
        task = make_task(samples)
        trainer = Trainer(network, task, recipe, steps_per_epoch=1.0, call=call)
        seconds = _seconds(trainer, steps)
        trainer.save()
        return Timed(samples, seconds, peaks(call.device))

    forget_peaks(call.device)
    before = peak_memory()  # what is held now, not what earlier work took
    few = timed(min(_FEW, batch), _FEWEST_STEPS)
    size = min(batch, max(2 * _FEW, _room(few, before, call.device)))
    most = timed(size, _STEPS)
    return scaled(few, most, batch, _disk(call))


def _seconds(trainer: Trainer, most: int) -> list[float]:
    """Do at most `most` steps, and return the seconds of those that count."""
    stamps = [time.perf_counter()]
    with closing(trainer.batches(0, most)) as batches:
        for step, batch in batches:
            trainer.step(step, batch)
            finish(trainer.device)
            stamps.append(time.perf_counter())
            if len(stamps) > _FEWEST_STEPS and stamps[-1] > stamps[0] + _SECONDS:
                break
    seconds: list[float] = np.diff(stamps).tolist()
    return seconds[max(1, int(len(seconds) * _UNCOUNTED)) :]


def _room(few: Timed, before: int, device: torch.device) -> int:
    """Return the samples a step for which there is time, and memory on a CPU.

    A GPU that runs out of memory only goes on in smaller pieces.
    """
    # Its fastest step: one that waited for another program says nothing of the network.
    in_time = int(_SECONDS / _FEWEST_STEPS / min(few.seconds) * few.samples)
    taken = few.peak.memory - before
    if device.type == "cuda" or taken <= 0:
        return in_time
    free, _ = available_memory()
    return min(in_time, int(_SHARE * free / taken * few.samples))


def scaled(few: Timed, most: Timed, batch: int, disk: int) -> StepTime:
    """Return what a step of `batch` samples takes, by two measurements of no more.

    Seconds in proportion to the samples; memory on the line through both.
    """
    share = batch / most.samples
    pairs = zip(few.peak, most.peak, strict=True)
    between, beyond = most.samples - few.samples, batch - most.samples
    grown = [
        high + (max(0, high - low) * beyond // between if between else 0) for low, high in pairs
    ]
    seconds = float(np.mean(most.seconds)) * share
    return StepTime(seconds, batch, most.samples, len(most.seconds), Peak(*grown), disk)


def _disk(call: Call) -> int:
    """Return the bytes of a finished run folder: weights/best is as large as weights/last."""
    weights = call.folder.weights("last")
    sizes = [path.stat().st_size for path in (weights, weights.with_suffix(".json"))]
    return call.folder.state.stat().st_size + 2 * sum(sizes)
