"""What a call of any training is told besides recipe and data."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from detect.callbacks import Callbacks
from detect.progress import SILENT, Reporter
from detect.runs import RunFolder
from detect.training.distributed import ALONE, Processes


def _begun() -> None:
    """Begin nothing: it was done."""


@dataclass(frozen=True)
class Call:
    """Where and how a training runs: none of it changes the weights it ends with.

    `folder` of the run; `threads` make batches ahead; of several `processes` the first alone
    validates and writes; `reporter` is told how it goes on, `callbacks` in figures; `begin`
    prepares the folder once everything that was given has turned out to be right.
    """

    folder: RunFolder
    device: torch.device
    resume: bool = False
    threads: int = 1
    processes: Processes = ALONE
    reporter: Reporter = SILENT
    callbacks: Callbacks = field(default_factory=Callbacks)
    begin: Callable[[], None] = _begun
