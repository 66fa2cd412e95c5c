"""Train GoogLeNet to classify images: the paper's classification network, to start others from."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from detect.config import PretrainRecipe
from detect.data import read_pixels
from detect.data.labelled import LabelledImages
from detect.detector.image_scorer import ImageScorer
from detect.evaluation.top_k import ranks, top_error
from detect.models.cards import ImageClassifierCard
from detect.models.checkpoints import load_model, save_model
from detect.models.image_classifier import ImageClassifier
from detect.models.kinds import IMAGE_CLASSIFIER
from detect.models.pretrained import initialise
from detect.progress import Track, untracked
from detect.runs import RunFolder
from detect.training.call import Call
from detect.training.distributed import ALONE, Processes
from detect.training.initial import mean_and_std
from detect.training.loop import train
from detect.training.losses import classification_losses
from detect.training.pretrain_data import PatchBatches, check_classes
from detect.training.task import Batch


class PretrainTask:
    """What the loop needs to know to train an ImageClassifier (loop.Task)."""

    def __init__(
        self,
        recipe: PretrainRecipe,
        data: LabelledImages,
        folder: RunFolder,
        device: torch.device,
        validation: LabelledImages | None,
    ) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self.classes = data.images.classes
        self.validation = validation.numbered_as(self.classes) if validation else None
        self._batches = PatchBatches(data, recipe)

    def batch(self, step: int, processes: Processes = ALONE) -> Batch:
        """Return patches (N, 3, S, S) uint8, channels last, and labels (N,)."""
        patches, labels = self._batches.make(step, processes.rows(self.recipe.batch_size))
        return torch.from_numpy(patches).permute(0, 3, 1, 2), torch.from_numpy(labels)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the classifier plus 0.3 of each auxiliary one (section 5)."""
        patches, labels = batch
        weight = self.recipe.optimizer.auxiliary_weight
        return classification_losses(model(patches), labels, weight)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return accuracy and the two errors on the fixed sample of the validation split."""
        if self.validation is None:
            return {}
        count = min(self.recipe.run.validation_images, len(self.validation))
        places = np.linspace(0, len(self.validation) - 1, count).round().astype(np.int64)
        figures = self.score(model, self.validation.take(places))
        errors = {f"val_{name}": value for name, value in figures.items()}
        return {"val_accuracy": 1 - figures["top1_error"], **errors}

    def score(
        self, model: nn.Module, data: LabelledImages, track: Track = untracked
    ) -> dict[str, float]:
        """Return top-1 and top-5 error of `model` on `data`, one crop an image."""
        training = model.training
        network = cast(ImageClassifier, model)
        pair = (network, self.card(network, {}))
        scorer = ImageScorer([pair], self.device, precision=self.recipe.run.precision)
        samples = track(data.images.samples, len(data), "validating")
        stream = zip(scorer.stream(map(read_pixels, samples)), data.labels[:, None], strict=True)
        places = np.concatenate([ranks(found[0], label) for found, label in stream])
        model.train(training)
        return {f"top{k}_error": top_error(places, k) for k in (1, 5)}

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        """Write weights/`name` and its card."""
        network = cast(ImageClassifier, model)
        save_model(self.folder.weights(name), network, self.card(network, figures))

    def card(self, model: ImageClassifier, metrics: dict[str, Any]) -> ImageClassifierCard:
        """Return the card of `model`, trained by this recipe."""
        mean, std = model.normalisation
        return ImageClassifierCard(
            variant=self.recipe.model.variant,
            width=self.recipe.model.width,
            classes=self.classes,
            input_size=self.recipe.model.input_size,
            mean=cast(tuple[float, float, float], mean),
            std=cast(tuple[float, float, float], std),
            recipe=self.recipe.model_dump(mode="json"),
            metrics=metrics,
        )


def build_image_classifier(
    recipe: PretrainRecipe, num_classes: int, show: Callable[[str], None]
) -> ImageClassifier:
    """Return a network with the recipe's initial weights, drawn from its seeds, or `init`'s."""
    torch.manual_seed(recipe.weights_seed)
    model = recipe.model
    mean, std = mean_and_std(model)
    network = ImageClassifier(
        num_classes,
        variant=model.variant,
        width=model.width,
        mean=mean,
        std=std,
        dropout=model.dropout,
        auxiliary_dropout=model.auxiliary_dropout,
    )
    if recipe.init:
        show(str(initialise(network, recipe.init)))
    return network


def pretrain(
    recipe: PretrainRecipe,
    data: LabelledImages,
    call: Call,
    *,
    validation: LabelledImages | None = None,
) -> dict[str, float]:
    """Train by `recipe` on `data` and leave weights/best and weights/last in `call.folder`.

    Of several `processes` the first alone writes and returns figures: the errors of `best` on
    the whole validation split, empty without one. Raises DataError for a class without images,
    DetectError on a loss that is not finite, EnvironmentProblem when memory does not suffice.
    """
    check_classes(data)
    network = build_image_classifier(recipe, len(data.images.classes), call.reporter.say)
    task = PretrainTask(recipe, data, call.folder, call.device, validation)
    epoch = max(len(data) / recipe.batch_size, 1.0)
    train(network, task, recipe, epoch, call)
    return _final(task, call) if call.processes.first else {}


def _final(task: PretrainTask, call: Call) -> dict[str, float]:
    """Score `best` on the whole validation split and write the figures into its card."""
    if task.validation is None:
        return {}
    model, card = load_model(call.folder.weights("best"), IMAGE_CLASSIFIER)
    figures = task.score(model, task.validation, call.reporter.track)
    metrics = {**card.metrics, **{f"full_val_{name}": value for name, value in figures.items()}}
    save_model(call.folder.weights("best"), model, replace(card, metrics=metrics))
    return figures
