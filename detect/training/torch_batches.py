"""Batches of crops for the region classifier, made by torch on the device that trains.

The images are decoded once and stay on the device, four bytes a pixel, while they fit; what a batch
shows is drawn by the same code as for OpenCV's batches (region_data.py).
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detect.config import RegionClassifierRecipe
from detect.crops.geometry import windows_in
from detect.crops.resampled import Regions, crop, packed
from detect.crops.uploads import to_device
from detect.data.augment import Changes
from detect.errors import EnvironmentProblem, option
from detect.matching import Pool
from detect.models.out_of_memory import attempt
from detect.structures import Image
from detect.training.distortions import distorted
from detect.training.image_cache import CACHE_BYTES, KeptImages
from detect.training.region_data import Drawn, RegionData, RegionDraws

# Ours: of a GPU's free memory, what images may take; the network, its gradients and the maps of a
# batch need the rest.
_SHARE = 0.25
# Ours: pixels of images that are put together to make crops of, 512 MiB.
_MOST_PIXELS = 2**27


class TorchBatches:
    """Batches of crops and labels, on `device`: each a function of the seed and the step alone."""

    def __init__(
        self,
        data: RegionData,
        recipe: RegionClassifierRecipe,
        num_classes: int,
        device: torch.device,
        limit: int | None = None,
    ) -> None:
        """Keep images up to `limit` bytes.

        By default a quarter of the memory that a GPU has free, on a CPU as much as OpenCV's
        batches keep.
        """
        self._data, self._recipe, self._device = data, recipe, device
        self._draws = RegionDraws(data, recipe, num_classes)
        kept = _room(device) if limit is None else limit
        self._images = KeptImages(recipe.crops.image_side, kept, self._uploaded)

    def make(self, step: int, rows: slice = slice(None)) -> tuple[Tensor, ...]:
        """Return crops (N, 3, S, S) uint8, channels last, and what else CropBatches does.

        Of the batch of `step`, `rows` alone. Thread-safe; a GPU is not waited for. Where memory
        runs out, the images are given back and read anew; EnvironmentProblem if that is not enough.
        """
        making = partial(self._made, self._draws.draw(step, rows))
        made = attempt(making, self._device)
        if made is None:
            self._images.give_back()
            made = attempt(making, self._device)
        if made is None:
            raise EnvironmentProblem(
                f"out of memory on {self._device} with the images of a batch. Lower "
                f"{option('batch_size')}, or let the CPU make the batches: "
                f"{option('set', 'run.batches=opencv')}."
            )
        return made

    def _made(self, drawn: Drawn) -> tuple[Tensor, ...]:
        crops = self._crops(drawn.regions, drawn.interpolations, drawn.changes)
        if self._draws.augmenter.photometric:
            shown = distorted(crops, drawn.changes.orders, drawn.changes.factors)
        else:
            shown = crops[..., :3].contiguous()
        rest = (drawn.labels, *drawn.moves)
        told = (to_device(torch.from_numpy(one), self._device) for one in rest)
        return shown.permute(0, 3, 1, 2), *told

    def _uploaded(self, image: Image) -> Tensor:
        """Return `image` on the device, (H, W) int32."""
        return to_device(torch.from_numpy(packed(image)), self._device)

    def _crops(self, regions: Pool, interpolations: list[str], changes: Changes) -> Tensor:
        """Return uint8 (N, S, S, 4), mirrored and transposed, of `regions`."""
        model = self._recipe.model
        parts, made = [], []
        for rows, images, factors in self._groups(regions.image):
            shown = self._regions(regions, rows, images, factors, changes)
            pixels = torch.cat([image.flatten() for image in images.values()])
            kinds = [interpolations[row] for row in rows.tolist()]
            made.append(crop(pixels, shown, model.input_size, model.mean, kinds))
            parts.append(rows)
        if len(made) == 1:
            return made[0]
        order = to_device(torch.from_numpy(np.argsort(np.concatenate(parts))), self._device)
        return torch.cat(made)[order]

    def _groups(
        self, numbers: NDArray[np.int32]
    ) -> Iterator[tuple[NDArray[np.intp], dict[int, Tensor], dict[int, float]]]:
        """Yield rows of `numbers` (N,), the images of these by number, and the images' factors."""
        images, factors, pixels = dict[int, Tensor](), dict[int, float](), 0
        for number in np.unique(numbers).tolist():
            image, factor = self._images.read(self._data.samples[number])
            if images and pixels + image.numel() > _MOST_PIXELS:
                yield np.flatnonzero(np.isin(numbers, list(images))), images, factors
                images, factors, pixels = {}, {}, 0
            images[number], factors[number] = image, factor
            pixels += image.numel()
        if images:
            yield np.flatnonzero(np.isin(numbers, list(images))), images, factors

    def _regions(
        self,
        regions: Pool,
        rows: NDArray[np.intp],
        images: dict[int, Tensor],
        factors: dict[int, float],
        changes: Changes,
    ) -> Regions:
        """Return where `rows` of `regions` are among the pixels of `images`, one after another."""
        crops = self._recipe.crops
        shapes = np.array([image.shape for image in images.values()])
        begins = np.cumsum(shapes.prod(axis=1)) - shapes.prod(axis=1)
        places = np.searchsorted(list(images), regions.image[rows])
        pairs = zip(regions.image[rows].tolist(), regions.box[rows].tolist(), strict=True)
        boxes = np.stack([self._data.boxes[number][box] for number, box in pairs])
        boxes = boxes * np.array(list(factors.values()), np.float32)[places, None]
        size = self._recipe.model.input_size
        shown = windows_in(boxes, shapes[places], size, crops.context, crops.mode)
        return Regions(shown, begins[places], shapes[places, 1], changes.flips[rows])


def _room(device: torch.device) -> int:
    if device.type != "cuda":
        return CACHE_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return int(_SHARE * free)
