"""Losses that stay on a GPU until somebody wants to know: to read one is to wait for it."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from detect.config import OptimizerSection
from detect.errors import DetectError

Losses = Mapping[str, float | Tensor]

# Steps on a GPU after which the losses are read at the latest, ours: a second or two.
_STEPS = 50


class UnreadLosses:
    """Whether the losses of a training are finite.

    On a CPU every step is asked, before its weights are changed. On a GPU their sum is, every 50
    steps and before anything is validated or saved; it is not finite if one of them is not.
    """

    def __init__(self, device: torch.device, optimizer: OptimizerSection) -> None:
        self._optimizer = optimizer
        self.every = _STEPS if device.type == "cuda" else 1
        self._sum: Tensor | None = None

    def add(self, losses: Mapping[str, Tensor], step: int) -> Losses:
        """Take in the losses of `step` and return them, as numbers where every step is asked.

        Raises DetectError for one that is not finite, if it is time to know.
        """
        self._sum = losses["loss"] if self._sum is None else self._sum + losses["loss"]
        if (step + 1) % self.every == 0:
            self.check(step)
        return read(losses) if self.every == 1 else losses

    def check(self, step: int) -> None:
        """Raise DetectError if a loss was not finite since the last time; `step` is the latest."""
        total = 0.0 if self._sum is None else float(self._sum)
        self._sum = None
        if not math.isfinite(total):
            raise DetectError(
                f"the loss is {total} {'at' if self.every == 1 else 'by'} step {step}: training "
                "diverged. Lower optimizer.learning_rate "
                f"(now {self._optimizer.learning_rate:g}) or lengthen optimizer.warmup_steps."
            )


def read(losses: Losses) -> dict[str, float]:
    """Return `losses` as numbers; waits for the device that has them."""
    return {name: float(value) for name, value in losses.items()}
