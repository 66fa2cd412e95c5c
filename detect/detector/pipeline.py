"""Image + Proposals -> Detections, with one network or several that share their crops.

The pipeline of R-CNN (arXiv 1311.2524, section 2.2) with GoogLeNet as the region classifier
(arXiv 1409.4842, section 8): warp every region, classify the crops, average the networks' softmax,
threshold, NMS within each class. A crop is cut once for all networks that want it the same.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from detect.detector.ahead import run_ahead
from detect.detector.batches import CropSettings, SharedCrops, batches, grouped
from detect.detector.classes import listed, shared_classes
from detect.detector.forward import Forward
from detect.detector.scoring import Score, softmax
from detect.ensemble import Combination, average
from detect.ensemble.candidates import candidates
from detect.errors import DataError
from detect.models.cards import RegionClassifierCard
from detect.models.inference import prepare_for_inference
from detect.models.region_classifier import RegionClassifier
from detect.structures import Detections, FloatArray, Image, IntArray, Proposals

_BATCHES_AHEAD = 4


class RegionScorer:
    """Classifies regions with `models` on `device` and selects the detections.

    `classes` gives the order of the labels returned, by default the first model's; it may hold
    classes the models do not know. `batch_size` and `precision` as in `forward.Forward`, `score`
    turns a network and crops into scores, `combination` says how those become detections.
    Raises DataError for models that know different classes, or classes not in `classes`;
    ValueError without a model.
    """

    def __init__(
        self,
        models: Sequence[tuple[RegionClassifier, RegionClassifierCard]],
        device: torch.device | None = None,
        *,
        classes: Sequence[str] | None = None,
        batch_size: int | None = None,
        precision: str = "auto",
        score: Score = softmax,
        combination: Combination | None = None,
    ) -> None:
        cards = [card for _, card in models]
        self.model_classes = shared_classes([card.classes for card in cards])
        self.classes = self.model_classes if classes is None else tuple(classes)
        self._labels = _places(self.model_classes, self.classes)
        self._columns = [
            np.append(_places(self.model_classes, card.classes), len(card.classes))
            for card in cards
        ]
        self.device = torch.device("cpu") if device is None else device
        self._networks = [prepare_for_inference(model).to(self.device) for model, _ in models]
        self._groups = grouped([CropSettings.of(card) for card in cards])
        self._forward, self._score = Forward(self.device, batch_size, precision), score
        self._combination = combination or Combination()

    def scores(self, image: Image, boxes: FloatArray) -> FloatArray:
        """`image` (H, W, 3), `boxes` (N, 4) -> scores (M, N, C+1) of the M networks.

        Columns are `model_classes`, then background.
        """
        return self._classify(len(boxes), self._batches(image, boxes))

    def detect(self, image: Image, proposals: Proposals) -> Detections:
        """`image` (H, W, 3) and its `proposals` -> the selected detections, best first.

        Raises DataError for proposals made on an image of another size.
        """
        _check_size(image, proposals)
        return self.selected(proposals, self.scores(image, proposals.boxes))

    def candidates(self, proposals: Proposals, scores: FloatArray) -> Detections:
        """`scores` (M, N, C+1) -> what NMS chooses from: every box of every class, best first.

        A box comes once for every class that it scores the threshold or more for.
        """
        boxes, labels, found = candidates(
            proposals.boxes, average(scores), self._combination.threshold
        )
        return Detections(proposals.image_id, boxes, self._labels[labels], found, self.classes)

    def selected(self, proposals: Proposals, scores: FloatArray) -> Detections:
        """`scores` (M, N, C+1) -> the detections, labels in the order of `classes`."""
        boxes, labels, kept = self._combination.select(proposals.boxes, scores)
        labels = self._labels[labels]
        return Detections(proposals.image_id, boxes, labels, kept, self.classes)

    def stream(
        self, pairs: Iterable[tuple[Image, Proposals]]
    ) -> Generator[tuple[Image, Detections], None, None]:
        """Yield each image of `pairs` with its detections; otherwise as `scored`."""
        with closing(self.scored(pairs)) as scored:
            for image, proposals, scores in scored:
                yield image, self.selected(proposals, scores)

    def scored(
        self, pairs: Iterable[tuple[Image, Proposals]]
    ) -> Generator[tuple[Image, Proposals, FloatArray], None, None]:
        """Yield each of `pairs` with its scores (M, N, C+1), in order, a few batches in memory.

        `pairs` is read, and crops are cut, in a thread ahead of the networks. What `selected`
        makes of the result is what `detect` returns.
        """
        with closing(run_ahead(self._parts(pairs), _BATCHES_AHEAD)) as parts:
            for image, proposals, _ in parts:
                batches = iter(lambda: next(parts)[2], None)
                yield image, proposals, self._classify(len(proposals), batches)

    def _parts(
        self, pairs: Iterable[tuple[Image, Proposals]]
    ) -> Iterator[tuple[Image, Proposals, SharedCrops | None]]:
        """Yield every pair with None, with each of its batches, and again with None."""
        for image, proposals in pairs:
            _check_size(image, proposals)
            yield image, proposals, None
            for batch in self._batches(image, proposals.boxes):
                yield image, proposals, batch
            yield image, proposals, None

    def _batches(self, image: Image, boxes: FloatArray) -> Iterator[SharedCrops]:
        """Yield the batches of every crop settings."""
        for settings, networks in self._groups.items():
            size = self._forward.size(settings)
            yield from batches(image, boxes, settings, networks, size, self.device)

    def _classify(self, count: int, batches: Iterator[SharedCrops]) -> FloatArray:
        """Classify the `batches` of an image with `count` boxes -> (M, count, C+1)."""
        shape = (len(self._networks), count, len(self.model_classes) + 1)
        found = np.empty(shape, np.float32)
        for batch in batches:
            crops = self._forward(batch, self._score_crops)
            for network, values in zip(batch.networks, crops, strict=True):
                found[network, batch.rows] = values[batch.places][:, self._columns[network]]
        return found

    def _score_crops(self, network: int, crops: Tensor) -> Tensor:
        return self._score(self._networks[network], crops)


def _places(names: Sequence[str], classes: Sequence[str]) -> IntArray:
    """Return the place in `classes` of each of `names` (N,); DataError for one not there."""
    if unknown := [name for name in names if name not in classes]:
        raise DataError(
            f"the model has classes that the data set does not have: {listed(unknown)}. The data "
            f"set has {listed(classes)}. Train a model on these classes, or name them alike."
        )
    return np.array([classes.index(name) for name in names], np.int64)


def _check_size(image: Image, proposals: Proposals) -> None:
    """Raise DataError for proposals made on an image of another size."""
    if proposals.size != image.shape[:2]:
        raise DataError(
            f"{proposals.image_id}: the image has (height, width) {image.shape[:2]}, its proposals "
            f"were made on {proposals.size}. They belong to other images: run detect propose."
        )
