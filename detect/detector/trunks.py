"""The regions of images in the maps of one trunk, in batches, as crops of pixels come."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detect.crops.uploads import to_device
from detect.detector.batches import CropSettings, Packing, rounded_up
from detect.detector.regions import Part, Regions, SharedCrops
from detect.models.region_networks import RegionCard
from detect.models.shared import CROP, SharedNetwork
from detect.models.shared_card import SharedCard
from detect.proposals.views import to_fractions, warp
from detect.structures import FloatArray, Image, IntArray


def trunk_numbers(cards: Sequence[RegionCard]) -> tuple[int, ...]:
    """Return the places in `cards` of networks of one trunk."""
    return tuple(number for number, card in enumerate(cards) if isinstance(card, SharedCard))


def trunk_groups(
    networks: Sequence[Any], numbers: Sequence[int], packing: Packing
) -> list["TrunkGroup"]:
    """Return what makes batches for each of `networks` that is among the `numbers`."""
    return [TrunkGroup(number, networks[number], packing) for number in numbers]


class TrunkGroup:
    """Makes batches of regions for `network` number so and so: its trunk sees an image once.

    An image's regions are batches of their own.
    """

    def __init__(self, number: int, network: SharedNetwork, packing: Packing) -> None:
        self._networks, self._network, self._packing = (number,), network, packing
        mean = tuple(network.mean.tolist())
        # What decides how many crops a batch has; they cost as much memory.
        self.settings = CropSettings(CROP, 0.0, "warp", 0, mean)

    def shown(self, regions: Regions[Any]) -> tuple[Image, FloatArray]:
        """Return the image as the trunk sees it, and the boxes (N, 4) as fractions of it."""
        height, width = regions.image.shape[:2]
        regions.expect(self._networks, len(regions.boxes), np.arange(len(regions.boxes)))
        design = self._network.design
        sides = (design.input_size, design.input_height)
        shown = warp(regions.image, (0, 0, width, height), sides)
        return shown, to_fractions(regions.boxes, (0, 0, width, height))

    def add(
        self, regions: Regions[Any], image: Image, distinct: FloatArray, size: int
    ) -> Iterator[SharedCrops]:
        """Yield the regions `distinct` (N, 4) of `image`, as `shown`, `size` at a time."""
        maps = _Maps(self._network, image)
        for start in range(0, len(distinct), size):
            count = min(size, len(distinct) - start)
            filled = size if self._packing.full else rounded_up(count, size)
            rows = np.minimum(np.arange(start, start + filled), len(distinct) - 1)
            part = Part(regions, slice(0, count))
            yield SharedCrops(self._networks, filled, (part,), maps.cutter(distinct, rows))

    def rest(self, size: int) -> Iterator[SharedCrops]:
        """Yield nothing: no region waits for another image."""
        yield from ()


class _Maps:
    """The maps of an `image` (H, W, 3), computed when its first regions are cut."""

    def __init__(self, network: SharedNetwork, image: Image) -> None:
        self._network, self._image = network, image
        self._found: Tensor | None = None

    def cutter(self, boxes: FloatArray, rows: IntArray) -> Any:
        """Return what cuts a slice of the `rows` of `boxes` (N, 4): a Cut of (n, C, 5, 5)."""

        def cut(piece: slice) -> Tensor:
            maps = self._maps()
            shown = to_device(torch.from_numpy(boxes[rows[piece]]), maps.device)
            return self._network.regions(maps, shown, shown.new_zeros(len(shown)).long())

        return cut

    def _maps(self) -> Tensor:
        if self._found is None:
            device = self._network.priors.device
            image = to_device(torch.from_numpy(self._image), device)
            self._found = self._network.trunk(image[None].permute(0, 3, 1, 2))
        return self._found
