"""The crops of an image's regions, in batches, cut once for all networks that share them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from detect.crops import batched, opencv
from detect.crops.geometry import CropMode, Windows, windows
from detect.images import shrink
from detect.models.cards import RegionClassifierCard
from detect.structures import FloatArray, Image, IntArray

# Crop pixels of a batch where none is asked for: 16 crops of 224 px on a CPU, where more are
# slower (benchmarks/classify.py), 256 on a GPU. Smaller crops: more of them, to a limit.
_AUTO_PIXELS = {"cpu": 16 * 224**2, "cuda": 256 * 224**2}
_AUTO_CROPS = 256
# Sizes a batch can have; more waste less on the last one (here 1/16 of a batch an image at most).
_SHAPES = 16

Cut = Callable[[slice], Tensor]


@dataclass(frozen=True)
class CropSettings:
    """What makes two networks' crops the same; fields as in RegionClassifierCard."""

    input_size: int
    context: float
    mode: CropMode
    image_side: int
    mean: tuple[float, float, float]

    @classmethod
    def of(cls, card: RegionClassifierCard) -> "CropSettings":
        """Return the settings of the network with `card`."""
        mode = cast(CropMode, card.crop_mode)
        return cls(card.input_size, card.context, mode, card.image_side, card.mean)


@dataclass(frozen=True, eq=False)
class SharedCrops:
    """Crops on their way to the `networks` (their indices) that share them.

    `cut` returns those of a slice as (n, 3, S, S), 0..255; `places` (R,) says which of the
    `count` crops each of the boxes `rows` (R,) shows.
    """

    networks: tuple[int, ...]
    count: int
    rows: IntArray
    places: IntArray
    cut: Cut


def grouped(settings: Sequence[CropSettings]) -> dict[CropSettings, tuple[int, ...]]:
    """Return the indices of the networks that share each of the `settings`."""
    return {
        one: tuple(index for index, other in enumerate(settings) if other == one)
        for one in dict.fromkeys(settings)
    }


def automatic_size(settings: CropSettings, device: torch.device) -> int:
    """Return the crops of a batch that keep `device` busy."""
    return max(1, min(_AUTO_CROPS, _AUTO_PIXELS[device.type] // settings.input_size**2))


def batches(
    image: Image,
    boxes: FloatArray,
    settings: CropSettings,
    networks: tuple[int, ...],
    size: int,
    device: torch.device,
) -> Iterator[SharedCrops]:
    """Yield the distinct crops of `boxes` (N, 4) of `image` (H, W, 3), `size` at a time.

    The last batch repeats its last crop up to the next of _SHAPES sizes: oneDNN and cuDNN
    prepare, and keep, every convolution anew for every size of a batch.
    """
    shown, factor = image, 1.0
    if settings.image_side:
        shown, factor = shrink(image, settings.image_side)
    scaled = np.asarray(boxes * np.float32(factor), np.float32)
    shape = (settings.input_size, settings.context, settings.mode)
    distinct, places = _distinct(windows(scaled, (shown.shape[0], shown.shape[1]), *shape))
    cutter = _cutter(shown, settings, device)
    for start in range(0, len(distinct), size):
        index = np.arange(start, start + _rounded_up(min(size, len(distinct) - start), size))
        part = distinct.take(np.minimum(index, len(distinct) - 1))
        rows = np.flatnonzero((places >= start) & (places < start + len(part)))
        yield SharedCrops(networks, len(part), rows, places[rows] - start, cutter(part))


def _rounded_up(count: int, size: int) -> int:
    """Return the smallest of _SHAPES even parts of `size` that holds `count` crops."""
    step = max(1, size // _SHAPES)
    return min(size, -(-count // step) * step)


def _distinct(every: Windows) -> tuple[Windows, IntArray]:
    """Return the windows without repetition, and the place (N,) of each of `every` among them.

    Boxes that differ by less than a pixel of a small or shrunk image show the same crop.
    """
    rows = np.concatenate([every.sources, every.targets], axis=1)
    _, first, places = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return every.take(first), np.asarray(places.reshape(-1), np.int64)


def _cutter(image: Image, settings: CropSettings, device: torch.device) -> Callable[[Windows], Cut]:
    """Return what turns windows into crops: at once on a CPU, when they are used on a GPU."""
    side, mean = settings.input_size, settings.mean
    if device.type == "cpu":
        return lambda part: _ready(opencv.crop(image, part, side, mean))
    uploaded = torch.tensor(image).to(device).permute(2, 0, 1)
    return lambda part: lambda piece: batched.crop(uploaded, part.take(piece), side, mean)


def _ready(crops: Image) -> Cut:
    """`crops` (N, S, S, 3) -> slices of them as (n, 3, S, S), channels last without a copy."""
    tensor = torch.from_numpy(crops).permute(0, 3, 1, 2)
    return lambda piece: tensor[piece]
