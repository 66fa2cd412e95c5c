"""What a call of any training is told besides recipe and data, and how it runs to its end."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from detect.config import OptimizerSection, RunSection
from detect.runs import RunFolder
from detect.training.distributed import ALONE, Processes
from detect.training.loop import Settings, Task, Trainer
from detect.training.tracking import Track, untracked


def _silent(line: str) -> None:
    """Say nothing."""


def _begun() -> None:
    """Begin nothing: it was done."""


@dataclass(frozen=True)
class Call:
    """Where and how a training runs: none of it changes the weights it ends with.

    `folder` of the run; `threads` make batches ahead; of several `processes` the first alone
    writes; `show` takes lines for people; `track` shows progress over steps and samples; `begin`
    prepares the folder once everything that was given has turned out to be right.
    """

    folder: RunFolder
    device: torch.device
    resume: bool = False
    threads: int = 1
    processes: Processes = ALONE
    show: Callable[[str], None] = _silent
    track: Track = untracked
    begin: Callable[[], None] = _begun

    def train(
        self,
        network: nn.Module,
        task: Task,
        optimizer: OptimizerSection,
        run: RunSection,
        seed: int,
        steps_per_epoch: float,
    ) -> None:
        """Begin, and train `network` on `task`, from the state in the folder if it is resumed.

        Raises DetectError on a loss that is not finite, EnvironmentProblem when memory does not
        suffice, DataError for a state that cannot be read, and what `begin` does.
        """
        self.begin()
        settings = Settings(optimizer, run, seed, steps_per_epoch, self.threads, self.processes)
        where = (self.folder, self.device)
        trainer = Trainer(network, task, settings, *where, self.show, self.track)
        if self.resume and trainer.interrupted:
            trainer.resume()
        trainer.run()
