"""The crops of images' regions, in batches, cut once for all networks that share them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import torch

from detect.crops import batched
from detect.crops.geometry import CropMode, Windows, windows
from detect.detector.cutting import Cut, Cutter, Cutting, Look, by_opencv, by_torch, joined
from detect.detector.regions import Networks, Part, Regions, SharedCrops
from detect.images import shrink
from detect.models.cards import RegionClassifierCard
from detect.models.compiled import compiled
from detect.models.region_networks import RegionCard
from detect.structures import Image, IntArray

About = TypeVar("About")

# Crop pixels of a batch where none is asked for: 16 crops of 224 px on a CPU, where more are
# slower (benchmarks/classify.py), 512 on a GPU. Smaller crops: more of them, to a limit.
_AUTO_PIXELS = {"cpu": 16 * 224**2, "cuda": 512 * 224**2}
_AUTO_CROPS = {"cpu": 256, "cuda": 2048}
# Sizes a batch can have; more waste less on the last one (here 1/16 of a batch an image at most).
_SHAPES = 16
# Bytes of pixels that wait in a batch for more images.
_WAITING_BYTES = 2**28


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


@dataclass(frozen=True)
class Packing:
    """How crops become batches.

    `cutting` cuts them. `across`: a batch has crops of several images, so that one with few regions
    wastes nothing; it waits for the next image then. `full`: the last batch too has its full
    size, for networks compiled for that.
    """

    cutting: Cutting
    across: bool = False
    full: bool = False

    @classmethod
    def on(cls, device: torch.device) -> "Packing":
        """Return what keeps `device` busy."""
        if device.type == "cpu":
            return cls(by_opencv(device))
        return cls(by_torch(device), across=True)

    def compiled(self, device: torch.device) -> "Packing":
        """Return the same for compiled networks on `device`; what torch cuts is compiled too."""
        if device.type == "cpu":
            return replace(self, full=True)
        sample = compiled(batched.sample, dynamic=True)
        return replace(self, full=True, cutting=by_torch(device, sample))


class Group(Protocol):
    """What makes batches of the regions that some networks share, one image after the other."""

    settings: CropSettings

    def shown(self, regions: Regions[Any]) -> tuple[Image, Any]:
        """Return the image that regions are of and where they lie, which `regions` expects."""

    def add(
        self, regions: Regions[Any], image: Image, distinct: Any, size: int
    ) -> Iterator[SharedCrops]:
        """Yield the batches of `size` that these, as `shown`, fill."""

    def rest(self, size: int) -> Iterator[SharedCrops]:
        """Yield a batch of what still waits, if anything does."""


def crop_settings(cards: Sequence[RegionCard]) -> dict[int, CropSettings]:
    """Return the settings of each network, by its number in `cards`, that sees crops."""
    return {
        number: CropSettings.of(card)
        for number, card in enumerate(cards)
        if isinstance(card, RegionClassifierCard)
    }


def grouped(settings: Mapping[int, CropSettings]) -> dict[CropSettings, Networks]:
    """Return the networks, by their numbers, that share each of the `settings`."""
    return {
        one: tuple(number for number, other in settings.items() if other == one)
        for one in dict.fromkeys(settings.values())
    }


def automatic_size(settings: CropSettings, device: torch.device) -> int:
    """Return the crops of a batch that keep `device` busy."""
    most = _AUTO_PIXELS[device.type] // settings.input_size**2
    return max(1, min(_AUTO_CROPS[device.type], most))


def packed(
    images: Iterable[Regions[About]],
    groups: Mapping[CropSettings, Networks],
    packing: Packing,
    size: Callable[[CropSettings], int],
    more: Sequence[Group] = (),
) -> Iterator[Regions[About] | SharedCrops]:
    """Yield each of `images`, and the batches of its distinct crops for every one of the `groups`.

    And what the groups `more` make of it. An image comes before its batches. `size` tells how many
    crops a batch has; the last one repeats its last crop up to the next of _SHAPES sizes, or to
    the full size: oneDNN and cuDNN prepare, and keep, every convolution anew for every size of a
    batch.
    """
    crops = [_Group(settings, networks, packing) for settings, networks in groups.items()]
    every: list[Group] = [*crops, *more]
    for regions in images:
        shown = [group.shown(regions) for group in every]
        yield regions
        for group, (image, distinct) in zip(every, shown, strict=True):
            yield from group.add(regions, image, distinct, size(group.settings))
    for group in every:
        yield from group.rest(size(group.settings))


class _Group:
    """The crops that some networks share, as they wait to become a batch."""

    def __init__(self, settings: CropSettings, networks: Networks, packing: Packing) -> None:
        self.settings, self._networks, self._packing = settings, networks, packing
        self._look = Look(settings.input_size, settings.mean)
        self._waiting: list[tuple[Regions[Any], Cutter, Windows]] = []

    def shown(self, regions: Regions[Any]) -> tuple[Image, Windows]:
        """Return the image that is cut, and the distinct windows of it, which `regions` expects."""
        one, shown, factor = self.settings, regions.image, 1.0
        if one.image_side:
            shown, factor = shrink(regions.image, one.image_side)
        scaled = np.asarray(regions.boxes * np.float32(factor), np.float32)
        size = (shown.shape[0], shown.shape[1])
        every = windows(scaled, size, one.input_size, one.context, one.mode)
        distinct, places = _distinct(every)
        regions.expect(self._networks, len(distinct), places)
        return shown, distinct

    def add(
        self, regions: Regions[Any], image: Image, distinct: Windows, size: int
    ) -> Iterator[SharedCrops]:
        """Yield the batches that the `distinct` windows of `image` fill."""
        start, cutter = 0, self._packing.cutting(image, self._look) if len(distinct) else None
        while cutter is not None and start < len(distinct):
            part = distinct.take(slice(start, start + max(1, size - self._count)))
            self._waiting.append((regions, cutter, part))
            start += len(part)
            if self._count >= size:
                yield self._batch(size)
        if not self._packing.across or self._bytes > _WAITING_BYTES:
            yield from self.rest(size)

    def rest(self, size: int) -> Iterator[SharedCrops]:
        """Yield a batch of what still waits, if anything does."""
        if self._waiting:
            yield self._batch(size)

    @property
    def _count(self) -> int:
        return sum(len(part) for _, _, part in self._waiting)

    @property
    def _bytes(self) -> int:
        return sum(regions.image.nbytes for regions, _, _ in self._waiting)

    def _batch(self, size: int) -> SharedCrops:
        """Return the batch of all that waits."""
        count, start = self._count, 0
        more = max(size, count) if self._packing.full else rounded_up(count, size)
        more -= count
        parts, cuts = list[Part](), list[tuple[int, Cut]]()
        for regions, cutter, part in self._waiting:
            end = start + len(part)
            filling = more if end == count else 0
            index = np.minimum(np.arange(len(part) + filling), len(part) - 1)
            parts.append(Part(regions, slice(start, end)))
            cuts.append((len(index), cutter(part.take(index))))
            start = end
        self._waiting = []
        return SharedCrops(self._networks, count + more, tuple(parts), joined(cuts))


def rounded_up(count: int, size: int) -> int:
    """Return the smallest of _SHAPES even parts of `size` that holds `count` crops."""
    step = max(1, size // _SHAPES)
    return max(count, min(size, -(-count // step) * step))


def _distinct(every: Windows) -> tuple[Windows, IntArray]:
    """Return the windows without repetition, and the place (N,) of each of `every` among them.

    Boxes that differ by less than a pixel of a small or shrunk image show the same crop.
    """
    rows = np.concatenate([every.sources, every.targets], axis=1)
    _, first, places = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return every.take(first), np.asarray(places.reshape(-1), np.int64)
