"""Images -> the softmax of several networks on 1, 10 or 144 crops of each (section 7).

The paper (arXiv 1409.4842) averages the softmax over crops and networks; here it comes crop by
crop, so that one pass serves every average.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from detect.crops.multicrop import cut
from detect.detector.ahead import run_ahead
from detect.detector.batches import CropSettings, automatic_size
from detect.detector.classes import shared_classes
from detect.errors import DetectError, EnvironmentProblem, option
from detect.models.cards import ImageClassifierCard
from detect.models.device import autocast
from detect.models.image_classifier import ImageClassifier
from detect.models.inference import prepare_for_inference
from detect.models.out_of_memory import attempt
from detect.structures import FloatArray, Image

# The crops of several images by input size, (images * crops, S, S, 3) each.
_Crops = dict[int, NDArray[np.uint8]]
_GROUPS_AHEAD = 2
# The images of a batch wait for each other, whole.
_CROPS_AT_ONCE = 256


class ImageScorer:
    """Scores images with `models` on `device`, `crops` (1, 10 or 144) of each.

    `batch_size` crops at a time, None chooses; halved whenever memory runs out. `precision` as in
    `models.device.autocast`. `classes` are the first model's. Raises DataError for models that
    know different classes, ValueError without a model.
    """

    def __init__(
        self,
        models: Sequence[tuple[ImageClassifier, ImageClassifierCard]],
        device: torch.device,
        *,
        crops: int = 1,
        batch_size: int | None = None,
        precision: str = "auto",
    ) -> None:
        self._cards = [card for _, card in models]
        self.classes = shared_classes([card.classes for card in self._cards])
        self._columns = [
            [card.classes.index(name) for name in self.classes] for card in self._cards
        ]
        self._networks = [prepare_for_inference(model).to(device) for model, _ in models]
        self._device, self._crops, self._precision = device, crops, precision
        self._batch = batch_size or min(_automatic(card, device) for card in self._cards)

    def stream(self, images: Iterable[Image]) -> Generator[FloatArray, None, None]:
        """Yield softmax (M networks, crops, C) of each image, in order; columns are `classes`.

        `images` is read, and crops are cut, in a thread ahead of the networks.
        """
        with closing(run_ahead(self._cut(images), _GROUPS_AHEAD)) as groups:
            for crops in groups:
                found = np.stack([self._network(number, crops) for number in self._numbers()])
                shape = (len(found), -1, self._crops, len(self.classes))
                yield from found.reshape(shape).swapaxes(0, 1)

    def _numbers(self) -> range:
        return range(len(self._networks))

    def _cut(self, images: Iterable[Image]) -> Iterator[_Crops]:
        """Yield the crops of as many images at a time as fill a batch."""
        sizes = {card.input_size for card in self._cards}
        group: list[Image] = []
        for image in images:
            group.append(image)
            if len(group) * self._crops >= self._batch:
                yield self._cut_group(group, sizes)
                group = []
        if group:
            yield self._cut_group(group, sizes)

    def _cut_group(self, group: list[Image], sizes: set[int]) -> _Crops:
        cuts = {side: [cut(image, side, self._crops) for image in group] for side in sizes}
        return {side: np.concatenate(parts) for side, parts in cuts.items()}

    def _network(self, number: int, crops: _Crops) -> FloatArray:
        """Return softmax (N, C) of one network on all crops; halve batches out of memory."""
        own = crops[self._cards[number].input_size]
        parts, start = [], 0
        while start < len(own):
            piece = own[start : start + self._batch]
            part = attempt(partial(self._forward, self._networks[number], piece), self._device)
            if part is None:
                self._halve()
            else:
                parts.append(part)
                start += len(part)
        found = np.concatenate(parts)[:, self._columns[number]]
        if not np.isfinite(found).all():
            raise DetectError(
                f"model {number + 1} gives scores that are not finite. Its weights are broken; if "
                f"training ended well, try {option('precision', 'float32')}."
            )
        return found

    @torch.inference_mode()
    def _forward(self, network: nn.Module, crops: NDArray[np.uint8]) -> FloatArray:
        batch = torch.from_numpy(crops).permute(0, 3, 1, 2).to(self._device)
        with autocast(self._device, self._precision):
            logits = network(batch)
        return np.asarray(logits.float().softmax(dim=1).cpu().numpy())

    def _halve(self) -> None:
        if self._batch == 1:
            raise EnvironmentProblem(
                f"out of memory on {self._device} with one crop at a time. Close other programs, "
                f"use fewer {option('model')}, or another {option('device')}."
            )
        self._batch //= 2


def _automatic(card: ImageClassifierCard, device: torch.device) -> int:
    size = automatic_size(CropSettings(card.input_size, 0.0, "warp", 0, card.mean), device)
    return min(_CROPS_AT_ONCE, size)
