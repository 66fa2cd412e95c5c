"""Batches of crops through networks, smaller ones where memory runs out."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from detect.detector.batches import CropSettings, automatic_size
from detect.detector.regions import SharedCrops
from detect.errors import EnvironmentProblem, option
from detect.models.out_of_memory import attempt

# The number of a network and crops (n, 3, S, S), 0..255, on the device -> values (n, K).
Compute = Callable[[int, Tensor], Tensor]


class Forward:
    """Runs networks on crops on `device`.

    `batch_size` crops at a time, None chooses; halved whenever memory runs out.
    """

    def __init__(self, device: torch.device, batch_size: int | None = None) -> None:
        self._device = device
        self._batch_size, self._largest = batch_size, batch_size

    def size(self, settings: CropSettings) -> int:
        """Return how many crops of `settings` a batch takes from now on."""
        size = self._batch_size or automatic_size(settings, self._device)
        return min(size, self._largest or size)

    def __call__(self, batch: SharedCrops, compute: Compute) -> Tensor:
        """Return what `compute` makes of the crops (networks, crops, K), float32, on the device.

        A GPU may still be at it. Raises EnvironmentProblem where memory is too small for one crop.
        """
        parts, start, size = list[Tensor](), 0, batch.count
        while start < batch.count:
            size = min(size, self._largest or size)
            piece = slice(start, min(start + size, batch.count))
            found = attempt(partial(self._run, batch, piece, compute), self._device)
            if found is None:
                size = self._halve(piece.stop - start)
            else:
                parts.append(found)
                start = piece.stop
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    @torch.inference_mode()
    def _run(self, batch: SharedCrops, piece: slice, compute: Compute) -> Tensor:
        """Return the values of the crops of `piece`."""
        crops = batch.cut(piece)
        return torch.stack([compute(network, crops) for network in batch.networks]).float()

    def _halve(self, tried: int) -> int:
        """Return half of the `tried` crops, from now on the most; EnvironmentProblem at one."""
        if tried == 1:
            raise EnvironmentProblem(
                f"out of memory on {self._device} with one crop at a time. Close other programs, "
                f"use fewer {option('model')}, or another {option('device')}."
            )
        self._largest = tried // 2
        return self._largest
