"""Train a detector of one trunk: proposing, classifying and moving boxes from the same maps.

Jointly, several images a step: Fast R-CNN (arXiv 1504.08083, section 2.3) with MultiBox's objective
(arXiv 1312.2249) beside its two. Where no proposals are stored, regions come from the boxes that
the network itself proposes, through which no gradient flows, as in Faster R-CNN's approximate
joint training (arXiv 1506.01497, section 3.2).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from detect.config import SharedRecipe
from detect.data import read_pixels
from detect.detector import RegionScorer
from detect.evaluation.average_precision import evaluate
from detect.matching import IGNORED
from detect.models.checkpoints import load_model, save_model
from detect.models.kinds import SHARED
from detect.models.shared import SharedNetwork
from detect.models.shared_card import SharedCard
from detect.progress import Track, untracked
from detect.proposals.multibox import MultiBoxProposer
from detect.proposals.multibox.network import best_first, suppress
from detect.runs import RunFolder
from detect.storage.proposals import ProposalFile
from detect.structures import Annotations, Dataset, FloatArray, Image, Proposals
from detect.training.call import Call
from detect.training.distributed import ALONE, Processes
from detect.training.loop import train
from detect.training.losses import box_loss
from detect.training.multibox_loss import WindowTruth, multibox_losses
from detect.training.shared_data import SharedBatches, SharedData, unpack
from detect.training.shared_network import build_shared, delta_statistics
from detect.training.shared_regions import DrawnRegions, RegionDrawer
from detect.training.task import Batch
from detect.training.validation import check_scorable, sampled


class SharedTask:
    """What the loop needs to know to train a SharedNetwork (loop.Task).

    `validation` a split and its proposals: None are the network's own.
    """

    def __init__(
        self,
        recipe: SharedRecipe,
        data: SharedData,
        classes: tuple[str, ...],
        folder: RunFolder,
        device: torch.device,
        validation: tuple[Dataset, ProposalFile | None] | None,
    ) -> None:
        self.recipe, self.classes, self.folder = recipe, classes, folder
        self.device, self.validation = device, validation
        self._own = not data.proposed
        self._batches = SharedBatches(data, recipe)
        self._drawer = RegionDrawer(recipe, len(classes))

    def batch(self, step: int, processes: Processes = ALONE) -> Batch:
        """Return images (N, 3, H, W) uint8, channels last, and what SharedBatches has of them."""
        images, *rest = self._batches.make(step, processes.rows(self.recipe.batch_size))
        return torch.from_numpy(images).permute(0, 3, 1, 2), *map(torch.from_numpy, rest)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return what is minimised and its terms: of proposing, of classes and of moving boxes."""
        images, packed, proposed, seeds = batch
        network = cast(SharedNetwork, model)
        truths = unpack(packed.cpu().numpy())
        maps = network.trunk(images)
        offsets, logits = network.proposed(maps)
        proposing = multibox_losses(
            network, offsets, logits, list(map(_window, truths)), self.recipe.objective
        )
        boxes = [*proposed.cpu().numpy()]
        if self._own:
            boxes = self._proposed(network.decode(offsets.detach()), logits.detach())
        generators = map(np.random.default_rng, seeds.tolist())
        drawn = list(map(self._drawer.draw, generators, boxes, truths))
        classes, moves = _region_losses(network, maps, drawn)
        told = self.recipe.objective.weight, self.recipe.regression.weight
        total = told[0] * proposing["loss"] + classes + told[1] * moves
        terms = {name: proposing[name] for name in ("location_loss", "confidence_loss")}
        return {"loss": total, "class_loss": classes, "box_loss": moves, **terms}

    def _proposed(self, boxes: Tensor, logits: Tensor) -> list[FloatArray]:
        """Return the best of `boxes` (N, K, 4) of each image, as the finished network proposes."""
        told, found = self.recipe.propose, list[FloatArray]()
        pairs = zip(boxes.clamp(0, 1).cpu().numpy(), logits.cpu().numpy(), strict=True)
        for own, scores in pairs:
            order = best_first(own, scores)[: told.per_view]
            found.append(own[order][suppress(own[order], told.nms_iou, told.boxes)])
        return found

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return mAP (voc2012, IoU 0.5) on the fixed sample of the validation split."""
        if self.validation is None:
            return {}
        sample = sampled(self.validation[0], self.recipe.run.validation_images)
        return {"val_map": self.score(model, sample)["map"]}

    def score(self, model: nn.Module, dataset: Dataset, track: Track = untracked) -> dict[str, Any]:
        """Return voc2012's result of `model` on `dataset`, shaped as `detect eval --map`'s."""
        training = model.training
        network, card = cast(SharedNetwork, model), self.card(cast(SharedNetwork, model), {})
        how = (self.device, self.recipe.run.precision)
        scorer = RegionScorer([(network, card)], how[0], precision=how[1])
        regions = self._regions(MultiBoxProposer(network, card, *how))
        samples = track(dataset.samples, len(dataset), "validating")
        pairs = _pairs(((read_pixels(one), one.image_id) for one in samples), regions)
        found = {one.named_id: one for _, one in scorer.stream(pairs)}
        model.train(training)
        scores: dict[str, Any] = evaluate(dataset, found, "voc2012")["voc2012"]
        return scores

    def _regions(self, own: MultiBoxProposer) -> Callable[[Image, str], Proposals]:
        """Return what gives the regions of an image of the validation split."""
        stored = None if self.validation is None else self.validation[1]
        return own if stored is None else lambda image, name: stored.read(name, image.shape[:2])

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        """Write weights/`name` and its card."""
        network = cast(SharedNetwork, model)
        save_model(self.folder.weights(name), network, self.card(network, figures))

    def card(self, model: SharedNetwork, metrics: dict[str, Any]) -> SharedCard:
        """Return the card of `model`, trained by this recipe."""
        design, propose = model.design, self.recipe.propose
        mean, std = model.normalisation
        return SharedCard(
            variant=design.variant,
            width=design.width,
            classes=self.classes,
            input_size=design.input_size,
            input_height=design.input_height,
            mean=cast(tuple[float, float, float], mean),
            std=cast(tuple[float, float, float], std),
            slots=design.slots,
            levels=design.levels,
            shapes=design.shapes,
            encoding=design.coder.kind,
            scale=design.coder.scale,
            per_view=propose.per_view,
            nms=propose.nms_iou,
            boxes=propose.boxes,
            regression=design.regression.kind,
            regression_maps=design.regression.maps,
            regression_grid=design.regression.grid,
            recipe=self.recipe.model_dump(mode="json"),
            metrics=metrics,
        )


def _pairs(
    images: Iterator[tuple[Image, str]], regions: Callable[[Image, str], Proposals]
) -> Iterator[tuple[Image, Proposals]]:
    for image, name in images:
        yield image, regions(image, name)


def _window(truth: Annotations) -> WindowTruth:
    """Return what the proposing head learns of an image: objects, whatever their class."""
    return WindowTruth(truth.boxes[~truth.crowd], truth.boxes[truth.crowd])


def _region_losses(
    network: SharedNetwork, maps: Tensor, drawn: list[DrawnRegions]
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of the `drawn` regions of each image, and their `box_loss`."""
    parts = (
        torch.from_numpy(np.concatenate(part)).to(maps.device) for part in zip(*drawn, strict=True)
    )
    boxes, labels, deltas, objects = parts
    images = torch.arange(len(drawn), device=maps.device).repeat_interleave(len(drawn[0].labels))
    found = network(network.regions(maps, boxes, images))
    entropy = cross_entropy(found.logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    moves = box_loss(found.deltas, deltas, objects, network.regression.std)
    return entropy / len(labels), moves


def train_shared(
    recipe: SharedRecipe,
    data: SharedData,
    classes: tuple[str, ...],
    call: Call,
    *,
    validation: tuple[Dataset, ProposalFile | None] | None = None,
) -> None:
    """Train by `recipe` on `data` and leave weights/best and weights/last in `call.folder`.

    The card of `best` has its figures on the whole validation split. Raises DataError with too few
    different boxes for the priors and for a validation split without objects, DetectError on a loss
    that is not finite, EnvironmentProblem when memory does not suffice.
    """
    if validation is not None:
        check_scorable(validation[0])
    network = build_shared(recipe, data.boxes(), len(classes), call.reporter.say)
    drawer = RegionDrawer(recipe, len(classes))
    network.regression.set_statistics(*delta_statistics(drawer, data, network.priors.numpy()))
    task = SharedTask(recipe, data, classes, call.folder, call.device, validation)
    train(network, task, recipe, max(len(data.samples) / recipe.batch_size, 1.0), call)
    if validation is not None and call.processes.first:
        _score_best(task, validation[0], call)


def _score_best(task: SharedTask, dataset: Dataset, call: Call) -> None:
    """Score `best` on the whole validation split and write the figures into its card."""
    model, card = load_model(call.folder.weights("best"), SHARED)
    result = task.score(model, dataset, call.reporter.track)
    per_class = {name: figures["ap"] for name, figures in result["per_class"].items()}
    metrics = {**card.metrics, "full_val_map": result["map"], "full_val_ap": per_class}
    save_model(call.folder.weights("best"), model, replace(card, metrics=metrics))
