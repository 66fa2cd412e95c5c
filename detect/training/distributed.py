"""Several processes that train one network together, as torchrun starts them.

Every process makes its rows of the same global batch, and the loop averages the gradients over
all rows: the network is the one that a single process would train, to float tolerance. What is
not: with batch normalisation the statistics of a batch are each process's own (the usual
practice; the running ones are averaged), dropout draws other masks, and MultiBox's focal
confidence is divided by each process's own matched slots.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed

from detect.errors import EnvironmentProblem, UsageError, option
from detect.models.device import choose_device

Value = TypeVar("Value")

# How long a process waits for the others: longer than the first one validates.
_PATIENCE = timedelta(hours=12)


@dataclass(frozen=True)
class Processes:
    """Where this process stands among the `count` that train together: `rank` from 0."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes, validates and speaks."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there are no others."""
        return self.count == 1

    def rows(self, size: int) -> slice:
        """Return this process's rows of a batch of `size`; all of it if there are no others.

        The rows of all processes are the batch, in order, none twice. Raises UsageError, in every
        process, for a batch that leaves one without any.
        """
        if size < self.count:
            raise UsageError(
                f"a batch of {size} for {self.count} processes leaves some without a sample. "
                f"Raise {option('batch_size')}, or start fewer processes."
            )
        return slice(size * self.rank // self.count, size * (self.rank + 1) // self.count)

    def add(self, values: Tensor) -> None:
        """Replace `values` by their sum over all processes; EnvironmentProblem if one is gone."""
        if not self.alone:
            with _others_needed():
                distributed.all_reduce(values)

    def any(self, flag: bool, device: torch.device) -> bool:
        """Tell whether `flag` is set in any process."""
        return self.total(int(flag), device) > 0

    def total(self, count: int, device: torch.device) -> int:
        """Return the sum of `count` over all processes."""
        if self.alone:
            return count
        counts = torch.tensor([count], device=device)
        self.add(counts)
        return int(counts.item())

    def from_first(self, compute: Callable[[], Value]) -> Value:
        """Return what `compute` returns in the first process, which alone calls it."""
        if self.alone:
            return compute()
        values = [compute() if self.first else None]
        with _others_needed():
            distributed.broadcast_object_list(values)
        return values[0]  # type: ignore[return-value]


ALONE = Processes()


@contextmanager
def joined(device_name: str) -> Iterator[tuple[Processes, torch.device]]:
    """Join the processes that torchrun started, over gloo on CPUs and nccl on GPUs.

    Yields where this one stands, and its device: with "auto" or "cuda" a GPU of its own. Without
    torchrun it is alone. Raises as choose_device, and UsageError for one GPU named for all.
    """
    count = int(os.environ["WORLD_SIZE"]) if distributed.is_torchelastic_launched() else 1
    if count == 1:
        yield ALONE, choose_device(device_name)
        return
    device = _own_device(device_name, int(os.environ["LOCAL_RANK"]))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    yield Processes(distributed.get_rank(), count), device
    with _others_needed():
        distributed.barrier()  # torchrun gives up on processes that end long before the others.
    distributed.destroy_process_group()


def _own_device(name: str, local_rank: int) -> torch.device:
    """Return the device of the process `local_rank` of this machine."""
    if name.startswith("cuda:"):
        raise UsageError(
            f"{option('device', name)}: under torchrun every process needs a GPU of its own. Give "
            "auto or cuda, and choose GPUs with CUDA_VISIBLE_DEVICES."
        )
    device = choose_device(name)
    return choose_device(f"cuda:{local_rank}") if device.type == "cuda" else device


@contextmanager
def _others_needed() -> Iterator[None]:
    """Turn the failure of a collective operation into an error that says what to do."""
    try:
        yield
    except RuntimeError as error:  # torch.distributed's errors are of this kind.
        raise EnvironmentProblem(
            "another process of this training is gone: its own error stands above, if it could "
            f"say one. What was saved is kept: the same command with {option('resume')} goes on."
        ) from error
