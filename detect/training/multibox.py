"""Train MultiBox: priors by k-means, windows of images, the objective, recall on validation."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detect.config import MultiBoxRecipe
from detect.data import read_pixels
from detect.errors import DataError, option
from detect.evaluation.recall import recall_report
from detect.models.box_coder import BoxCoder
from detect.models.cards import MultiBoxCard
from detect.models.checkpoints import load_model, save_model
from detect.models.kinds import MULTIBOX
from detect.models.multibox import MultiBox, MultiBoxDesign, grid_sides
from detect.models.pretrained import initialise
from detect.models.priors import fit_priors, fit_shapes, grid_priors, prior_quality
from detect.progress import Track, untracked
from detect.proposals.multibox import MultiBoxProposer
from detect.runs import RunFolder
from detect.structures import Dataset, FloatArray, Sample
from detect.training.call import Call
from detect.training.distributed import ALONE, Processes
from detect.training.initial import mean_and_std
from detect.training.loop import train
from detect.training.multibox_loss import WindowTruth, multibox_losses
from detect.training.task import Batch
from detect.training.window_data import WindowBatches, WindowData

# Kinds of rows of a packed truth.
_PADDING, _OBJECT, _CROWD = 0, 1, 2


class MultiBoxTask:
    """What the loop needs to know to train a MultiBox (loop.Task)."""

    def __init__(
        self,
        recipe: MultiBoxRecipe,
        data: WindowData,
        folder: RunFolder,
        device: torch.device,
        fold: str,
        validation: Dataset | None,
    ) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self.fold, self.validation = fold, validation
        self._batches = WindowBatches(data, recipe)

    def batch(self, step: int, processes: Processes = ALONE) -> Batch:
        """Return windows (N, 3, S, S) uint8, channels last, and packed truths (N, M, 5)."""
        windows, truths = self._batches.make(step, processes.rows(self.recipe.batch_size))
        return torch.from_numpy(windows).permute(0, 3, 1, 2), torch.from_numpy(pack(truths))

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the objective and its two terms."""
        windows, packed = batch
        network = cast(MultiBox, model)
        offsets, logits = network(windows)
        truths = unpack(packed.cpu().numpy())
        return multibox_losses(network, offsets, logits, truths, self.recipe.objective)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return recall on a fixed sample of the validation split, average recall first."""
        if self.validation is None:
            return {}
        samples = _with_objects(self.validation)
        count = min(self.recipe.run.validation_images, len(samples))
        places = np.linspace(0, len(samples) - 1, count).round().astype(int).tolist()
        chosen = tuple(samples[place] for place in places)
        figures = self.score(model, replace(self.validation, samples=chosen))
        return {f"val_{name}": value for name, value in figures.items()}

    def score(
        self, model: nn.Module, dataset: Dataset, track: Track = untracked
    ) -> dict[str, float]:
        """Return Hosang's average recall, and coverage at IoU 0.5 and 0.7, of all proposals."""
        training = model.training
        network = cast(MultiBox, model)
        proposer = MultiBoxProposer(
            network, self.card(network, {}), self.device, self.recipe.run.precision
        )
        samples = track(dataset.samples, len(dataset), "validating")
        report = recall_report(dataset, (proposer(read_pixels(s), s.image_id) for s in samples))
        model.train(training)
        return {
            "average_recall": report["average_recall"]["all"]["hosang"],
            "coverage_50": report["coverage"]["all"]["0.50"],
            "coverage_70": report["coverage"]["all"]["0.70"],
        }

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        """Write weights/`name` and its card."""
        network = cast(MultiBox, model)
        save_model(self.folder.weights(name), network, self.card(network, figures))

    def card(self, model: MultiBox, metrics: dict[str, Any]) -> MultiBoxCard:
        """Return the card of `model`, trained by this recipe."""
        design, propose = model.design, self.recipe.propose
        mean, std = model.normalisation
        return MultiBoxCard(
            variant=design.variant,
            width=design.width,
            input_size=design.input_size,
            mean=cast(tuple[float, float, float], mean),
            std=cast(tuple[float, float, float], std),
            recipe=self.recipe.model_dump(mode="json"),
            metrics=metrics,
            head=design.head,
            until=design.until,
            slots=design.slots,
            levels=design.levels,
            shapes=design.shapes,
            encoding=design.coder.kind,
            scale=design.coder.scale,
            views=propose.views,
            per_view=propose.per_view,
            nms=propose.nms_iou,
            boxes=propose.boxes,
            fold=self.fold,
        )


def _with_objects(dataset: Dataset) -> list[Sample]:
    """Return the images that show an object; crowd regions are none."""
    return [one for one in dataset.samples if not one.annotations.crowd.all()]


def pack(truths: Sequence[WindowTruth]) -> NDArray[np.float32]:
    """N truths -> one array (N, M, 5): corners and the kind of row, padded to the largest."""
    rows = [len(truth.boxes) + len(truth.crowd) for truth in truths]
    packed = np.zeros((len(truths), max(rows), 5), np.float32)
    for row, truth in zip(packed, truths, strict=True):
        objects, crowd = len(truth.boxes), len(truth.crowd)
        row[:objects, :4], row[:objects, 4] = truth.boxes, _OBJECT
        row[objects : objects + crowd, :4] = truth.crowd
        row[objects : objects + crowd, 4] = _CROWD
    return packed


def unpack(packed: NDArray[np.float32]) -> list[WindowTruth]:
    """Return the truths that `pack` packed."""
    return [
        WindowTruth(row[row[:, 4] == _OBJECT, :4], row[row[:, 4] == _CROWD, :4]) for row in packed
    ]


def build_multibox(
    recipe: MultiBoxRecipe, boxes: FloatArray, show: Callable[[str], None]
) -> MultiBox:
    """Return a network with priors fitted to `boxes` (N, 4) and weights from the seed or `init`.

    Shows how well the priors alone cover the boxes. DataError with fewer boxes than priors.
    """
    design, priors = _design(recipe, boxes)
    quality = prior_quality(priors, boxes)
    show(
        f"{len(priors)} priors alone: mean IoU {quality['mean_iou']:.3f} with the {len(boxes)} "
        f"training boxes, {quality['0.50']:.3f} of them covered at IoU 0.5, {quality['0.70']:.3f} "
        "at 0.7"
    )
    torch.manual_seed(recipe.seed)
    model = recipe.model
    mean, std = mean_and_std(model)
    network = MultiBox(design, torch.from_numpy(priors), mean, std, model.dropout)
    if recipe.init:
        show(str(initialise(network, recipe.init)))
    return network


def _design(recipe: MultiBoxRecipe, boxes: FloatArray) -> tuple[MultiBoxDesign, FloatArray]:
    model, priors, objective = recipe.model, recipe.priors, recipe.objective
    coder = BoxCoder(objective.encoding, objective.scale)
    shape = (model.variant, model.width, model.head, model.until, model.input_size)
    if model.head == "fc":
        found = fit_priors(boxes, priors.count, recipe.seed)
        return MultiBoxDesign(*shape, priors.count, 0, 0, coder), found
    shapes = fit_shapes(boxes, priors.levels, priors.shapes, recipe.seed)
    sides = grid_sides(model.variant, model.until, model.input_size, priors.levels)
    found = grid_priors(shapes, sides)
    return MultiBoxDesign(*shape, len(found), priors.levels, priors.shapes, coder), found


def train_multibox(
    recipe: MultiBoxRecipe,
    data: WindowData,
    call: Call,
    *,
    fold: str = "",
    validation: Dataset | None = None,
) -> dict[str, float]:
    """Train by `recipe` on `data` and leave weights/best and weights/last in `call.folder`.

    `fold` is what `data` leaves out, for the card. Returns the figures of `best` on the whole
    validation split, in the first process alone; empty without one. Raises DataError with fewer
    boxes than priors and for a validation split without objects, DetectError on a loss that is
    not finite, EnvironmentProblem when memory does not suffice.
    """
    if validation is not None and not _with_objects(validation):
        raise DataError(
            f"validation split {validation.split}: no object to cover (crowd regions do not "
            f"count). Choose another {option('val_split')}, or train without one."
        )
    network = build_multibox(recipe, data.fractions(), call.reporter.say)
    task = MultiBoxTask(recipe, data, call.folder, call.device, fold, validation)
    epoch = max(len(data.samples) / recipe.batch_size, 1.0)
    train(network, task, recipe, epoch, call)
    return _final(task, call) if call.processes.first else {}


def _final(task: MultiBoxTask, call: Call) -> dict[str, float]:
    """Score `best` on the whole validation split and write the figures into its card."""
    if task.validation is None:
        return {}
    model, card = load_model(call.folder.weights("best"), MULTIBOX)
    figures = task.score(model, task.validation, call.reporter.track)
    metrics = {**card.metrics, **{f"full_val_{name}": value for name, value in figures.items()}}
    save_model(call.folder.weights("best"), model, replace(card, metrics=metrics))
    return figures
