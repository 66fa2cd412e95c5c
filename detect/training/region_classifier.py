"""Train GoogLeNet to classify regions: R-CNN's fine-tuning with GoogLeNet's recipe."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from detect.config import RegionClassifierRecipe
from detect.data import read_pixels
from detect.detector import RegionScorer
from detect.evaluation.average_precision import evaluate
from detect.models.box_head import BoxHead
from detect.models.cards import RegionClassifierCard
from detect.models.checkpoints import load_model, save_model
from detect.models.kinds import REGION_CLASSIFIER
from detect.models.pretrained import initialise
from detect.models.region_classifier import Outputs, RegionClassifier
from detect.progress import Track, untracked
from detect.runs import RunFolder
from detect.storage.proposals import ProposalFile
from detect.structures import Dataset
from detect.training.box_targets import statistics
from detect.training.call import Call
from detect.training.distributed import ALONE, Processes
from detect.training.initial import box_head, mean_and_std
from detect.training.loop import train
from detect.training.losses import box_loss, classification_losses
from detect.training.region_data import CropBatches, RegionData
from detect.training.task import Batch
from detect.training.torch_batches import TorchBatches
from detect.training.validation import check_scorable, sampled
from detect.trunks import timm_name

BatchMaker = Literal["opencv", "torch"]


def choose_batches(recipe: RegionClassifierRecipe, device: torch.device) -> BatchMaker:
    """Return what makes the batches of a training on `device`: what `run.batches` means there."""
    if recipe.run.batches != "auto":
        return recipe.run.batches
    return "torch" if device.type == "cuda" and not recipe.augment.more else "opencv"


@dataclass(frozen=True, eq=False)
class Validation:
    """What a run is validated on: the images of a split and their proposals."""

    dataset: Dataset
    proposals: ProposalFile

    def __post_init__(self) -> None:
        """Raise DataError for a split without a counted object: it has no mAP."""
        check_scorable(self.dataset)

    def sample(self, images: int) -> "Validation":
        """Return `images` with objects, evenly spread over the split: the same in every run."""
        return replace(self, dataset=sampled(self.dataset, images))


class RegionTask:
    """What the loop needs to know to train a RegionClassifier (loop.Task)."""

    def __init__(
        self,
        recipe: RegionClassifierRecipe,
        data: RegionData,
        classes: tuple[str, ...],
        folder: RunFolder,
        device: torch.device,
        validation: Validation | None,
        batches: BatchMaker = "opencv",
    ) -> None:
        self.recipe, self.classes, self.folder = recipe, classes, folder
        self.device, self.validation = device, validation
        told = (data, recipe, len(classes))
        self._batches = TorchBatches(*told, device) if batches == "torch" else CropBatches(*told)

    def batch(self, step: int, processes: Processes = ALONE) -> Batch:
        """Return crops (N, 3, S, S) uint8, channels last, labels (N,), and how boxes move."""
        rows = processes.rows(self.recipe.sampling.batch_size)
        if isinstance(self._batches, TorchBatches):
            return self._batches.make(step, rows)
        crops, *rest = self._batches.make(step, rows)
        return torch.from_numpy(crops).permute(0, 3, 1, 2), *map(torch.from_numpy, rest)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the classifier plus 0.3 of each auxiliary one (section 5).

        And the `box_loss` of a network that moves boxes, where the batch has what they move to.
        """
        crops, labels, *moves = batch
        weight = self.recipe.optimizer.auxiliary_weight
        outputs = model(crops)
        if not isinstance(outputs, Outputs):
            return classification_losses(outputs, labels, weight)
        losses = classification_losses(outputs.logits, labels, weight)
        head = cast(BoxHead, model.regression)
        targets, objects = moves
        moved = box_loss(outputs.deltas, targets, objects, head.std)
        total = losses["loss"] + self.recipe.regression.weight * moved
        return {**losses, "loss": total, "box_loss": moved}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return mAP (voc2012, IoU 0.5) on the fixed sample of the validation split."""
        if self.validation is None:
            return {}
        sample = self.validation.sample(self.recipe.run.validation_images)
        return {"val_map": self.score(model, sample)["map"]}

    def score(
        self, model: nn.Module, validation: Validation, track: Track = untracked
    ) -> dict[str, Any]:
        """Return voc2012's result of `model` on `validation`, shaped as `detect eval --map`'s."""
        training = model.training
        network = cast(RegionClassifier, model)
        precision = self.recipe.run.precision
        detector = RegionScorer([(network, self.card({}))], self.device, precision=precision)
        samples = track(validation.dataset.samples, len(validation.dataset), "validating")
        pairs = ((read_pixels(s), validation.proposals.read(s.image_id)) for s in samples)
        found = {one.named_id: one for _, one in detector.stream(pairs)}
        model.train(training)
        scores: dict[str, Any] = evaluate(validation.dataset, found, "voc2012")["voc2012"]
        return scores

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        """Write weights/`name` and its card."""
        save_model(self.folder.weights(name), cast(RegionClassifier, model), self.card(figures))

    def card(self, metrics: dict[str, Any]) -> RegionClassifierCard:
        """Return the card of a network trained by this recipe."""
        model, crops = self.recipe.model, self.recipe.crops
        return RegionClassifierCard(
            variant=model.variant,
            width=model.width,
            classes=self.classes,
            input_size=model.input_size,
            mean=model.mean,
            std=model.std,
            context=crops.context,
            crop_mode=crops.mode,
            image_side=crops.image_side,
            **self._regression(),
            recipe=self.recipe.model_dump(mode="json"),
            metrics=metrics,
        )

    def _regression(self) -> dict[str, Any]:
        """Return what the card says of what moves boxes, if anything does."""
        told = self.recipe.regression
        if told.kind == "off":
            return {}
        return {
            "regression": told.kind, "regression_maps": told.maps, "regression_grid": told.grid,
        }  # fmt: skip


def build_region_classifier(
    recipe: RegionClassifierRecipe, num_classes: int, show: Callable[[str], None]
) -> tuple[RegionClassifier, RegionClassifierRecipe]:
    """Return a network with the recipe's initial weights, drawn or those of `init`.

    The recipe comes back with the mean and std of the network: those `init` was trained with, or
    timm's.
    """
    torch.manual_seed(recipe.weights_seed)
    model = recipe.model
    begins_with = mean_and_std(model)
    head = box_head(recipe)
    network = RegionClassifier(
        num_classes,
        model.variant,
        model.width,
        *begins_with,
        dropout=model.dropout,
        regression=head,
    )
    if recipe.init:
        show(str(initialise(network, recipe.init)))
    elif not timm_name(model.variant):
        return network, recipe
    mean, std = network.normalisation
    return network, recipe.model_copy(
        update={"model": model.model_copy(update={"mean": mean, "std": std})}
    )


def train_region_classifier(
    recipe: RegionClassifierRecipe,
    data: RegionData,
    classes: tuple[str, ...],
    call: Call,
    *,
    validation: Validation | None = None,
    batches: BatchMaker = "opencv",
) -> None:
    """Train by `recipe` on `data` and leave weights/best and weights/last in `call.folder`.

    `batches` says what makes them, whatever the recipe does.
    The card of `best` has its figures on the whole validation split. Raises DetectError on a loss
    that is not finite, EnvironmentProblem when memory does not suffice.
    """
    network, recipe = build_region_classifier(recipe, len(classes), call.reporter.say)
    if network.regression is not None:
        told = statistics(data.samples, data.boxes, data.truths)
        network.regression.set_statistics(*map(torch.from_numpy, told))
    task = RegionTask(recipe, data, classes, call.folder, call.device, validation, batches)
    per_step = recipe.sampling.batch_size * recipe.sampling.foreground_fraction
    epoch = max(len(data.foreground) / per_step, 1.0)
    train(network, task, recipe, epoch, call)
    if validation is not None and call.processes.first:
        _score_best(task, validation, call)


def _score_best(task: RegionTask, validation: Validation, call: Call) -> None:
    """Score `best` on the whole validation split and write the figures into its card."""
    model, card = load_model(call.folder.weights("best"), REGION_CLASSIFIER)
    result = task.score(model, validation, call.reporter.track)
    per_class = {name: figures["ap"] for name, figures in result["per_class"].items()}
    metrics = {**card.metrics, "full_val_map": result["map"], "full_val_ap": per_class}
    save_model(call.folder.weights("best"), model, replace(card, metrics=metrics))
