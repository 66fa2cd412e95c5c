"""What cuts crops: OpenCV in the host's memory, or torch on the device that the image went to."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from detect.crops import batched, opencv
from detect.crops.batched import as_rows, chunk_size, fill_tensor
from detect.crops.geometry import Windows
from detect.crops.uploads import to_device
from detect.models.out_of_memory import attempt
from detect.structures import Image

# A slice of some crops -> those crops (n, S, S, 3), 0..255, on the device.
Cut = Callable[[slice], Tensor]
# The windows of some crops -> what cuts them, or has.
Cutter = Callable[[Windows], Cut]
# As batched.sample.
Sample = Callable[[Tensor, Tensor, Tensor, Tensor], None]


class Look(NamedTuple):
    """What all crops of a network have in common: their side, px, and the colour outside."""

    side: int
    mean: tuple[float, float, float]


# An image and the look of its crops -> what cuts them.
Cutting = Callable[[Image, Look], Cutter]


def by_opencv(device: torch.device) -> Cutting:
    """Return what cuts at once, in the host's memory; the crops go to `device` when used."""

    def cutting(image: Image, look: Look) -> Cutter:
        def cutter(shown: Windows) -> Cut:
            crops = torch.from_numpy(opencv.crop(image, shown, look.side, look.mean))
            return lambda piece: crops[piece].to(device)

        return cutter

    return cutting


def by_torch(device: torch.device, sample: Sample = batched.sample) -> Cutting:
    """Return what uploads an image at once and cuts on `device` when the crops are used.

    Without waiting for the device. An image that it has no room for is cut by OpenCV.
    """

    def cutting(image: Image, look: Look) -> Cutter:
        pixels = attempt(lambda: to_device(torch.tensor(image), device), device)
        if pixels is None:
            return by_opencv(device)(image, look)
        return _Sampling(pixels.permute(2, 0, 1), look, sample).cutter

    return cutting


class _Sampling:
    """Cuts crops from `image` (3, H, W) where it is, so many at once."""

    def __init__(self, image: Tensor, look: Look, sample: Sample) -> None:
        self._image, self._side, self._sample = image, look.side, sample
        self._colour = fill_tensor(look.mean, image.device)

    def cutter(self, shown: Windows) -> Cut:
        bounds = to_device(torch.from_numpy(as_rows(shown)), self._image.device)
        return lambda piece: self._cut(bounds[piece])

    def _cut(self, bounds: Tensor) -> Tensor:
        crops = torch.empty((len(bounds), self._side, self._side, 3), device=bounds.device)
        step = chunk_size(self._side, bounds.device)
        for start in range(0, len(bounds), step):
            part = slice(start, start + step)
            self._sample(self._image, bounds[part], self._colour, crops[part])
        return crops


def joined(cuts: Sequence[tuple[int, Cut]]) -> Cut:
    """Return what cuts from several, each of so many crops, as (n, 3, S, S), channels last."""

    def cut(piece: slice) -> Tensor:
        found, start = list[Tensor](), 0
        for count, one in cuts:
            first, last = max(piece.start - start, 0), min(piece.stop - start, count)
            if first < last:
                found.append(one(slice(first, last)))
            start += count
        crops = found[0] if len(found) == 1 else torch.cat(found)
        return crops.permute(0, 3, 1, 2)

    return cut
