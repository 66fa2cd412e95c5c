"""Image + Proposals -> Detections, with one network or several that share their crops.

The pipeline of R-CNN (arXiv 1311.2524, section 2.2) with GoogLeNet as the region classifier
(arXiv 1409.4842, section 8): warp every region, classify the crops, average the networks' softmax,
threshold, NMS within each class. A crop is cut once for all networks that want it the same; those
of one trunk (models/shared.py) cut regions out of the maps of the image. Where the networks move
boxes, every region is moved before anything is selected.
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
from detect.detector.batches import Packing, crop_settings, grouped, packed
from detect.detector.classes import places, shared_classes, shared_regression
from detect.detector.forward import Forward
from detect.detector.localised import Localised, begun, check_size
from detect.detector.outputs import RegionOutputs
from detect.detector.regions import Regions, SharedCrops, in_order
from detect.detector.scoring import Score, softmax
from detect.detector.selecting import selection_on
from detect.detector.trunks import trunk_groups, trunk_numbers
from detect.ensemble import Combination, average
from detect.ensemble.candidates import candidates
from detect.ensemble.rounds import Rounds
from detect.errors import DataError, option
from detect.models.compiled import compiled, compiling
from detect.models.exported.network import EngineNetwork
from detect.models.inference import ready_on
from detect.models.region_networks import RegionCard, RegionNetwork
from detect.storage.scores_card import Deltas
from detect.structures import Detections, FloatArray, Image, Proposals

About = TypeVar("About")

_BATCHES_AHEAD = 4  # and images, that are ready before they are wanted
# Batches that a GPU has to do when the scores of an image are waited for: some 0.1 s of work, in
# which the host selects, writes and draws.
_BATCHES_BEGUN = {"cpu": 0, "cuda": 8}
# Images whose selection nobody waits for yet, and threads that wait for it.
_SELECTING, _THREADS = {"cpu": 0, "cuda": 4}, 4


class RegionScorer:
    """Classifies regions with `models` on `device` and selects the detections.

    `classes` gives the order of the labels returned, by default the first model's; it may hold
    classes the models do not know. `batch_size` as in `forward.Forward`, `precision` as in
    `models.device.resolve_precision`, `score` turns a network and crops into scores, `combination`
    says how those become detections, `packing` makes batches (None: as suits the device); without
    `regression` no box is moved; `rounds` of moving, None: one. `moves` is how boxes are moved:
    "off", "agnostic" or "classwise".
    Raises DataError for models that know different classes or do not all move boxes alike, for
    several rounds of those that move none, or classes not in `classes`; ValueError without a model.
    """

    def __init__(
        self,
        models: Sequence[tuple[RegionNetwork | EngineNetwork, RegionCard]],
        device: torch.device | None = None,
        *,
        classes: Sequence[str] | None = None,
        batch_size: int | None = None,
        precision: str = "auto",
        score: Score = softmax,
        regression: bool = True,
        combination: Combination | None = None,
        rounds: Rounds | None = None,
        packing: Packing | None = None,
    ) -> None:
        cards = [card for _, card in models]
        self.model_classes = shared_classes([card.classes for card in cards])
        self.classes = self.model_classes if classes is None else tuple(classes)
        self._labels = places(self.model_classes, self.classes)
        self._columns = [
            np.append(places(self.model_classes, card.classes), len(card.classes)) for card in cards
        ]
        self.moves: Deltas = shared_regression(cards) if regression else "off"
        self.device = torch.device("cpu") if device is None else device
        # Another engine has a network ready, in a precision of its own.
        self._networks = [
            model if isinstance(model, EngineNetwork) else ready_on(self.device, model, precision)
            for model, _ in models
        ]
        self._groups = grouped(crop_settings(cards))
        self._trunks = trunk_numbers(cards)
        self.packing = Packing.on(self.device) if packing is None else packing
        self._forward, self._score = Forward(self.device, batch_size), score
        self._begun = _BATCHES_BEGUN[self.device.type]
        self._combination = combination or Combination()
        self._select = selection_on(self.device, self._combination)
        self.rounds = rounds or Rounds()
        if self.rounds.count > 1 and self.moves == "off":
            raise DataError(
                f"{option('rounds', self.rounds.count)}: the models move no boxes, so there is "
                "nothing to look at again. Leave it out, or train models that do."
            )

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
                self.outputs(
                    np.zeros((97, 131, 3), np.uint8), np.array([[3, 3, 90, 50]], np.float32)
                )
        except BaseException:
            self._networks, self.packing = before
            raise

    def outputs(self, image: Image, boxes: FloatArray) -> RegionOutputs:
        """`image` (H, W, 3), `boxes` (N, 4) -> what the M networks say of them.

        Columns are `model_classes`, then background.
        """
        items = self._packed([Regions(image, boxes, None)])
        return next(self._outputs(regions) for regions in in_order(items, self._classify, 0))

    def detect(self, image: Image, proposals: Proposals) -> Detections:
        """`image` (H, W, 3) and its `proposals` -> the selected detections, best first.

        Raises DataError for proposals made on an image of another size.
        """
        found = self.localised(image, proposals)
        return self.selected(found.proposals, found.outputs)

    def localised(self, image: Image, proposals: Proposals) -> Localised:
        """`image` (H, W, 3) and its `proposals` -> the regions of all rounds.

        Raises DataError for proposals made on an image of another size.
        """
        check_size(image, proposals)
        found = Localised(proposals, self.outputs(image, proposals.boxes))
        for _ in range(1, self.rounds.count):
            boxes = found.best(self.rounds.again)
            found = found.another(boxes, self.outputs(image, boxes))
        return found

    def candidates(self, proposals: Proposals, outputs: RegionOutputs) -> Detections:
        """Return what NMS chooses from: boxes, moved, once a class above the threshold."""
        boxes, labels, found = candidates(
            outputs.moved(proposals), average(outputs.scores), self._combination.threshold
        )
        return Detections(proposals.image_id, boxes, self._labels[labels], found, self.classes)

    def selected(self, proposals: Proposals, outputs: RegionOutputs) -> Detections:
        """Return the detections among the `proposals`, labels in the order of `classes`."""
        boxes, labels, kept = self._select(outputs.moved(proposals), outputs.scores)
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
    ) -> Generator[tuple[Image, Proposals, RegionOutputs, Detections], None, None]:
        """Yield what `scored` does, with the detections `selected`: beside a GPU, in threads."""
        waiting = deque[tuple[Image, Proposals, RegionOutputs, Future[Detections]]]()
        with ThreadPoolExecutor(_THREADS) as pool, closing(self.scored(pairs)) as scored:
            for image, proposals, outputs in scored:
                found = pool.submit(self.selected, proposals, outputs)
                waiting.append((image, proposals, outputs, found))
                while len(waiting) > _SELECTING[self.device.type]:
                    yield _selected(waiting.popleft())
            yield from map(_selected, waiting)

    def scored(
        self, pairs: Iterable[tuple[Image, Proposals]]
    ) -> Generator[tuple[Image, Proposals, RegionOutputs], None, None]:
        """Yield each of `pairs` with what the networks say, in order, a few batches in memory.

        Behind the proposals come the regions of later rounds. `pairs` is read, and crops are cut,
        in a thread ahead of the networks; on a GPU some batches further than what is yielded. What
        `selected` makes of the result is what `detect` returns.
        """
        with closing(run_ahead(self._packed(begun(pairs)), _BATCHES_AHEAD)) as items:
            found = (
                (one.image, Localised(one.about, self._outputs(one)))
                for one in in_order(items, self._classify, self._begun)
            )
            for _ in range(1, self.rounds.count):
                found = self._again(found)
            for image, one in found:
                yield image, one.proposals, one.outputs

    def _again(
        self, found: Iterator[tuple[Image, Localised]]
    ) -> Generator[tuple[Image, Localised], None, None]:
        """Yield the images with one more round, whose batches may hold crops of several."""
        regions = (Regions(image, one.best(self.rounds.again), one) for image, one in found)
        # A GPU has the earlier round's batches to do meanwhile: one begun here is enough.
        for one in in_order(self._packed(regions), self._classify, min(1, self._begun)):
            yield one.image, one.about.another(one.boxes, self._outputs(one))

    def _packed(self, images: Iterable[Regions[About]]) -> Iterator[Regions[About] | SharedCrops]:
        trunks = trunk_groups(self._networks, self._trunks, self.packing)
        return packed(images, self._groups, self.packing, self._forward.size, trunks)

    def _classify(self, batch: SharedCrops) -> Tensor:
        return self._forward(batch, self._score_crops)

    def _outputs(self, regions: Regions[Any]) -> RegionOutputs:
        """Return what all networks say, columns in the order of the classes."""
        count, classes = len(regions.boxes), len(self.model_classes)
        scores = np.empty((len(self._networks), count, classes + 1), np.float32)
        deltas = None
        if self.moves != "off":
            kinds = classes if self.moves == "classwise" else 1
            deltas = np.empty((len(self._networks), count, kinds, 4), np.float32)
        for network, values in regions.values():
            columns = self._columns[network]
            scores[network] = values[:, columns]
            if deltas is not None:
                own = values[:, classes + 1 :].reshape(count, -1, 4)
                deltas[network] = own[:, columns[:-1]] if own.shape[1] > 1 else own
        return RegionOutputs(scores, deltas)

    def _score_crops(self, network: int, crops: Tensor) -> Tensor:
        values = self._score(self._networks[network], crops)
        # Networks of several kinds may score together while none of them moves a box.
        return values[:, : len(self.model_classes) + 1] if self.moves == "off" else values


def _selected(
    one: tuple[Image, Proposals, RegionOutputs, "Future[Detections]"],
) -> tuple[Image, Proposals, RegionOutputs, Detections]:
    """Wait for the detections of an image."""
    image, proposals, outputs, found = one
    return image, proposals, outputs, found.result()
