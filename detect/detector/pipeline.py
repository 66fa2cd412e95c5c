"""Image + Proposals -> Detections, with one network or several that share their crops.

The pipeline of R-CNN (arXiv 1311.2524, section 2.2) with GoogLeNet as the region classifier
(arXiv 1409.4842, section 8): warp every region, classify the crops, average the networks' softmax,
threshold, NMS within each class. A crop is cut once for all networks that want it the same.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from detect.detector.ahead import run_ahead
from detect.detector.batches import CropSettings, Packing, grouped, packed
from detect.detector.classes import listed, shared_classes
from detect.detector.forward import Forward
from detect.detector.regions import Regions, SharedCrops, in_order
from detect.detector.scoring import Score, softmax
from detect.ensemble import Combination, average
from detect.ensemble.candidates import candidates
from detect.errors import DataError
from detect.models.cards import RegionClassifierCard
from detect.models.compiled import compiled, compiling
from detect.models.inference import ready_on
from detect.models.region_classifier import RegionClassifier
from detect.structures import Detections, FloatArray, Image, IntArray, Proposals

About = TypeVar("About")

_BATCHES_AHEAD = 4  # and images, that are ready before they are wanted
# Batches that a GPU has to do when the scores of an image are waited for: some 0.1 s of work, in
# which the host selects, writes and draws.
_BATCHES_BEGUN = {"cpu": 0, "cuda": 8}
# Images whose selection nobody waits for yet, and threads that select. With 20 dense classes it
# takes 0.08 s for 1,800 boxes, the crops of which a GPU can classify in 0.05 s.
_SELECTING, _THREADS = {"cpu": 0, "cuda": 4}, 4


class RegionScorer:
    """Classifies regions with `models` on `device` and selects the detections.

    `classes` gives the order of the labels returned, by default the first model's; it may hold
    classes the models do not know. `batch_size` as in `forward.Forward`, `precision` as in
    `models.device.resolve_precision`, `score` turns a network and crops into scores, `combination`
    says how those become detections, `packing` makes batches (None: as suits the device).
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
        packing: Packing | None = None,
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
        self._networks = [ready_on(self.device, model, precision) for model, _ in models]
        self._groups = grouped([CropSettings.of(card) for card in cards])
        self.packing = Packing.on(self.device) if packing is None else packing
        self._forward, self._score = Forward(self.device, batch_size), score
        self._begun = _BATCHES_BEGUN[self.device.type]
        self._combination = combination or Combination()

    def compile(self) -> None:
        """Compile the networks, and cutting on a device, before the first image comes.

        From then on all batches have their full size. EnvironmentProblem where that cannot be
        done here; then all is as it was.
        """
        before = self._networks, self.packing
        self._networks = [compiled(network, dynamic=False) for network in self._networks]
        self.packing = self.packing.compiled(self.device)
        try:
            with compiling():
                # Two sides that nothing else has: what is equal would count as the same variable.
                self.scores(
                    np.zeros((97, 131, 3), np.uint8), np.array([[3, 3, 90, 50]], np.float32)
                )
        except BaseException:
            self._networks, self.packing = before
            raise

    def scores(self, image: Image, boxes: FloatArray) -> FloatArray:
        """`image` (H, W, 3), `boxes` (N, 4) -> scores (M, N, C+1) of the M networks.

        Columns are `model_classes`, then background.
        """
        items = self._packed([Regions(image, boxes, None)])
        return next(self._table(regions) for regions in in_order(items, self._classify, 0))

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
        with closing(self.detected(pairs)) as detected:
            for image, _, _, found in detected:
                yield image, found

    def detected(
        self, pairs: Iterable[tuple[Image, Proposals]]
    ) -> Generator[tuple[Image, Proposals, FloatArray, Detections], None, None]:
        """Yield what `scored` does, with the detections `selected`: beside a GPU, in threads."""
        waiting = deque[tuple[Image, Proposals, FloatArray, Future[Detections]]]()
        with ThreadPoolExecutor(_THREADS) as pool, closing(self.scored(pairs)) as scored:
            for image, proposals, scores in scored:
                found = pool.submit(self.selected, proposals, scores)
                waiting.append((image, proposals, scores, found))
                while len(waiting) > _SELECTING[self.device.type]:
                    yield _selected(waiting.popleft())
            yield from map(_selected, waiting)

    def scored(
        self, pairs: Iterable[tuple[Image, Proposals]]
    ) -> Generator[tuple[Image, Proposals, FloatArray], None, None]:
        """Yield each of `pairs` with its scores (M, N, C+1), in order, a few batches in memory.

        `pairs` is read, and crops are cut, in a thread ahead of the networks; on a GPU some
        batches further than what is yielded. What `selected` makes of the result is what
        `detect` returns.
        """
        with closing(run_ahead(self._packed(_regions(pairs)), _BATCHES_AHEAD)) as items:
            for regions in in_order(items, self._classify, self._begun):
                yield regions.image, regions.about, self._table(regions)

    def _packed(self, images: Iterable[Regions[About]]) -> Iterator[Regions[About] | SharedCrops]:
        return packed(images, self._groups, self.packing, self._forward.size)

    def _classify(self, batch: SharedCrops) -> Tensor:
        return self._forward(batch, self._score_crops)

    def _table(self, regions: Regions[Any]) -> FloatArray:
        """Return the scores (M, N, C+1) of all networks, columns in the order of the classes."""
        shape = (len(self._networks), len(regions.boxes), len(self.model_classes) + 1)
        found = np.empty(shape, np.float32)
        for network, values in regions.values():
            found[network] = values[:, self._columns[network]]
        return found

    def _score_crops(self, network: int, crops: Tensor) -> Tensor:
        return self._score(self._networks[network], crops)


def _selected(
    one: tuple[Image, Proposals, FloatArray, "Future[Detections]"],
) -> tuple[Image, Proposals, FloatArray, Detections]:
    """Wait for the detections of an image."""
    image, proposals, scores, found = one
    return image, proposals, scores, found.result()


def _regions(
    pairs: Iterable[tuple[Image, Proposals]],
) -> Iterator[Regions[Proposals]]:
    """Yield the regions of every pair, which are on their way then; DataError as _check_size."""
    for image, proposals in pairs:
        _check_size(image, proposals)
        yield Regions(image, proposals.boxes, proposals)


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
