"""A few steps of a training by its recipe, timed, before there is all that it needs.

Real: network, optimizer, batch size, precision, images of the split, crops and distortions. Made
up, because the cost does not depend on it: fresh weights, where regions lie, what they show and
where they move, the classes of a pre-training.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from torch import nn

from detect.config import (
    AnyRecipe,
    MultiBoxRecipe,
    PretrainRecipe,
    RegionClassifierRecipe,
    SharedRecipe,
)
from detect.data import image_size
from detect.data.labelled import LabelledImages
from detect.matching import BACKGROUND, Pool
from detect.proposals.estimate import IMAGES_TIMED, spread
from detect.structures import Dataset, FloatArray, Sample
from detect.training.box_targets import NOWHERE
from detect.training.call import Call
from detect.training.image_cache import CACHE_BYTES
from detect.training.multibox import MultiBoxTask, build_multibox
from detect.training.pretrain import PretrainTask, build_image_classifier
from detect.training.region_classifier import (
    RegionTask,
    build_region_classifier,
    choose_batches,
)
from detect.training.region_data import RegionData
from detect.training.shared import SharedTask
from detect.training.shared_data import SharedData, fractional
from detect.training.shared_network import build_shared
from detect.training.step_time import StepTime, time_steps
from detect.training.task import Task
from detect.training.window_data import WindowData, collect_windows

# ILSVRC12's, whatever the pre-training is on: their number hardly matters.
_PRETRAIN_CLASSES = 1000
_REGIONS = 16  # an image


@dataclass(frozen=True)
class _Scene:
    """What is trained: the network, its batch size, and its task with any other one."""

    network: nn.Module
    batch: int
    task: Callable[[int], Task]


def rehearse(recipe: AnyRecipe, dataset: Dataset, call: Call) -> StepTime:
    """Train by `recipe` for a few steps on images of `dataset`, and measure.

    Memory includes the decoded images that a whole training keeps. Leaves weights/last of the
    hardly trained network in `call.folder`. Raises DataError for an image that cannot be read,
    and for a MultiBox where no image has a box; the errors of time_steps.
    """
    recipe = recipe.model_copy(update={"init": ""})
    decoded = _kept_bytes(recipe, dataset.samples)
    drawn_from = replace(dataset, samples=_drawn_from(dataset.samples, decoded))
    scene = _SCENES[type(recipe)](recipe, drawn_from, call)
    found = time_steps(scene.network, scene.task, scene.batch, recipe, call)
    memory = found.peak.memory and found.peak.memory + min(decoded, CACHE_BYTES)
    return replace(found, peak=found.peak._replace(memory=memory))


def _drawn_from(samples: tuple[Sample, ...], decoded: int) -> tuple[Sample, ...]:
    """Return the images to make batches of: all that show an object, or a few of these.

    A few stand for images that are all kept once they are read; where they are more than is kept,
    they are read anew all the time.
    """
    shown = tuple(s for s in samples if not s.annotations.crowd.all()) or samples
    return shown if decoded > CACHE_BYTES else tuple(spread(shown, IMAGES_TIMED))


def _kept_bytes(recipe: AnyRecipe, samples: Sequence[Sample]) -> int:
    """Return the bytes of all images as a training by `recipe` keeps them."""
    if isinstance(recipe, SharedRecipe):
        return 3 * recipe.model.input_size * recipe.model.input_height * len(samples)
    side = recipe.crops.image_side if isinstance(recipe, RegionClassifierRecipe) else 0
    return decoded_bytes(samples, side)


def decoded_bytes(samples: Sequence[Sample], image_side: int) -> int:
    """Return the bytes of all images at their size, or shrunk to `image_side` px if not 0."""
    total = 0.0
    for sample in samples:
        height, width = image_size(sample)
        factor = min(1.0, image_side / max(height, width, 1)) if image_side else 1.0
        total += 3 * height * width * factor**2
    return round(total)


def _region_classifier(recipe: AnyRecipe, dataset: Dataset, call: Call) -> _Scene:
    own = cast(RegionClassifierRecipe, recipe)
    network, own = build_region_classifier(own, len(dataset.classes), call.reporter.say)
    data = _drawn_regions(dataset.samples, len(dataset.classes))
    if own.regression.kind != "off":
        nowhere = np.full(_REGIONS, NOWHERE, np.int32)
        data = replace(data, truths=(nowhere,) * len(data.samples))

    def task(batch: int) -> Task:
        sampling = own.sampling.model_copy(update={"batch_size": batch})
        changed = own.model_copy(update={"sampling": sampling})
        told = (changed, data, dataset.classes, call.folder, call.device, None)
        return RegionTask(*told, choose_batches(own, call.device))

    return _Scene(network, own.sampling.batch_size, task)


def _drawn_regions(samples: tuple[Sample, ...], classes: int) -> RegionData:
    """Return a few regions of every image, each foreground and background as well."""
    rng = np.random.default_rng(0)
    boxes = tuple(_drawn_boxes(rng, _REGIONS) * (image_size(s)[::-1] * 2) for s in samples)
    count = len(samples) * _REGIONS
    image, box = np.divmod(np.arange(count, dtype=np.int32), _REGIONS)
    foreground = Pool(image, box, np.arange(count, dtype=np.int32) % classes)
    background = Pool(image, box, np.full(count, BACKGROUND, np.int32))
    return RegionData(samples, tuple(b.astype(np.float32) for b in boxes), foreground, background)


def _drawn_boxes(rng: np.random.Generator, count: int) -> FloatArray:
    """Return `count` different boxes (N, 4), fractions of their image, at least a tenth wide."""
    corner, share = rng.uniform(0, 0.9, (count, 2)), rng.uniform(0, 1, (count, 2))
    far = corner + 0.1 + share * (0.9 - corner)
    return np.concatenate([corner, far], axis=1).astype(np.float32)


def _pretraining(recipe: AnyRecipe, dataset: Dataset, call: Call) -> _Scene:
    own = cast(PretrainRecipe, recipe)
    numbers = range(1, _PRETRAIN_CLASSES + 1)
    named = replace(
        dataset,
        classes=tuple(f"class {number}" for number in numbers),
        category_ids=tuple(numbers),
    )
    data = LabelledImages(named, np.arange(len(dataset)) % _PRETRAIN_CLASSES)

    def task(batch: int) -> Task:
        changed = own.model_copy(update={"batch_size": batch})
        return PretrainTask(changed, data, call.folder, call.device, None)

    network = build_image_classifier(own, _PRETRAIN_CLASSES, call.reporter.say)
    return _Scene(network, own.batch_size, task)


def _multibox(recipe: AnyRecipe, dataset: Dataset, call: Call) -> _Scene:
    own = cast(MultiBoxRecipe, recipe)
    priors = own.priors
    slots = priors.count if own.model.head == "fc" else priors.levels * priors.shapes
    # As many boxes as there are clusters: k-means has nothing to do.
    network = build_multibox(own, _drawn_boxes(np.random.default_rng(0), slots), lambda line: None)
    data: WindowData = collect_windows(dataset)

    def task(batch: int) -> Task:
        changed = own.model_copy(update={"batch_size": batch})
        return MultiBoxTask(changed, data, call.folder, call.device, "", None)

    return _Scene(network, own.batch_size, task)


def _shared(recipe: AnyRecipe, dataset: Dataset, call: Call) -> _Scene:
    own = cast(SharedRecipe, recipe)
    grid = own.priors
    # As many boxes as there are clusters: k-means has nothing to do.
    boxes = _drawn_boxes(np.random.default_rng(0), grid.levels * grid.shapes)
    network = build_shared(own, boxes, len(dataset.classes), lambda line: None)
    regions = _drawn_boxes(np.random.default_rng(1), _REGIONS)
    data = SharedData(fractional(dataset.samples), (regions,) * len(dataset))

    def task(batch: int) -> Task:
        changed = own.model_copy(update={"batch_size": batch})
        return SharedTask(changed, data, dataset.classes, call.folder, call.device, None)

    return _Scene(network, own.batch_size, task)


_SCENES: dict[type[AnyRecipe], Callable[[AnyRecipe, Dataset, Call], _Scene]] = {
    RegionClassifierRecipe: _region_classifier,
    PretrainRecipe: _pretraining,
    MultiBoxRecipe: _multibox,
    SharedRecipe: _shared,
}
