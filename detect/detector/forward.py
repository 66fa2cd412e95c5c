"""Batches of crops through networks: precision, and smaller batches where memory runs out."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from detect.detector.batches import CropSettings, SharedCrops, automatic_size
from detect.errors import DetectError, EnvironmentProblem, option
from detect.models.device import autocast
from detect.models.out_of_memory import attempt
from detect.structures import FloatArray

# The number of a network and crops (n, 3, S, S), 0..255, on the device -> values (n, K).
Compute = Callable[[int, Tensor], Tensor]


class Forward:
    """Runs networks on crops on `device`, `precision` as in `models.device.autocast`.

    `batch_size` crops at a time, None chooses; halved whenever memory runs out.
    """

    def __init__(
        self, device: torch.device, batch_size: int | None = None, precision: str = "auto"
    ) -> None:
        self._device, self._precision = device, precision
        self._batch_size, self._largest = batch_size, batch_size

    def size(self, settings: CropSettings) -> int:
        """Return how many crops of `settings` a batch takes from now on."""
        size = self._batch_size or automatic_size(settings, self._device)
        return min(size, self._largest or size)

    def __call__(self, batch: SharedCrops, compute: Compute) -> FloatArray:
        """Return what `compute` makes of the crops (networks, crops, K), float32.

        Raises DetectError for values that are not finite, EnvironmentProblem where memory is too
        small for one crop.
        """
        parts, start, size = [], 0, batch.count
        while start < batch.count:
            size = min(size, self._largest or size)
            piece = slice(start, min(start + size, batch.count))
            found = attempt(partial(self._run, batch, piece, compute), self._device)
            if found is None:
                size = self._halve(piece.stop - start)
            else:
                parts.append(found)
                start = piece.stop
        return _finite(np.concatenate(parts, axis=1))

    @torch.inference_mode()
    def _run(self, batch: SharedCrops, piece: slice, compute: Compute) -> FloatArray:
        """Return the values of the crops of `piece`."""
        crops = batch.cut(piece).to(self._device)
        with autocast(self._device, self._precision):
            values = [compute(network, crops) for network in batch.networks]
        return np.asarray(torch.stack(values).float().cpu().numpy())

    def _halve(self, tried: int) -> int:
        """Return half of the `tried` crops, from now on the most; EnvironmentProblem at one."""
        if tried == 1:
            raise EnvironmentProblem(
                f"out of memory on {self._device} with one crop at a time. Close other programs, "
                f"use fewer {option('model')}, or another {option('device')}."
            )
        self._largest = tried // 2
        return self._largest


def _finite(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise DetectError(
            "a network gives values that are not finite. Its weights are broken; if training "
            f"ended well, try {option('precision', 'float32')}."
        )
    return values
