"""Batches of crops for the region classifier: which regions there are, and how they look."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.boxes import areas
from detect.config import RegionClassifierRecipe
from detect.crops.geometry import windows
from detect.crops.opencv import crop
from detect.data.augment import Changes
from detect.data.seen import seen_in
from detect.errors import DataError
from detect.matching import Assignment, Pool, assign, pools, sample_batch
from detect.storage.proposals import ProposalFile
from detect.structures import Annotations, Dataset, FloatArray, Proposals, Sample
from detect.training.box_targets import moves_of, moving_to
from detect.training.extra_positives import assigned
from detect.training.image_cache import ImageCache
from detect.training.sampling import make_augmenter
from detect.training.unlearnable import leave_out, why_none

# What RegionData holds of a region: the box, and a row of a Pool; and the object it moves to.
REGION_BYTES = 4 * 4 + 3 * 4
TRUTH_BYTES = 4


@dataclass(frozen=True, eq=False)
class RegionData:
    """The regions of a data set to draw from.

    `boxes` one (N, 4) an image, proposals and ground truth together; `foreground` and
    `background` point into them. `truths` one (N,) an image where boxes are learned to move: the
    object that a box moves to, -1 for none.
    """

    samples: tuple[Sample, ...]
    boxes: tuple[FloatArray, ...]
    foreground: Pool
    background: Pool
    truths: tuple[NDArray[np.int32], ...] = ()

    def positives(self, classes: Sequence[str]) -> dict[str, int]:
        """Return the number of positive regions of each class."""
        counts = np.bincount(self.foreground.label, minlength=len(classes))
        return {name: int(count) for name, count in zip(classes, counts, strict=True)}


def collect(
    dataset: Dataset,
    proposals: ProposalFile,
    recipe: RegionClassifierRecipe,
    samples: Iterable[Sample] | None = None,
    extra: tuple[Sample, ...] = (),
) -> RegionData:
    """Match the proposals of every image with its objects.

    The objects themselves are proposals too, as in R-CNN (arXiv 1311.2524, section 2.3 and its
    code, which prepends them). `samples` are those of `dataset`, with progress shown on the way.
    Of `extra` images (extra_positives.draw_positives) the objects are regions and nothing else is.
    Raises DataError for proposals made for other images, and for a class of which no region is
    positive.
    """
    boxes: list[FloatArray] = []
    assignments: list[Assignment] = []
    sampling = recipe.sampling
    for sample in dataset.samples if samples is None else samples:
        found = proposals.read(sample.image_id)
        check_same_image(sample, found)
        regions = np.concatenate([found.boxes, sample.annotations.boxes])
        regions = regions[areas(regions) > 0]
        boxes.append(regions)
        bounds = (sampling.foreground_iou, sampling.background_iou)
        assignments.append(assign(regions, sample.annotations, *bounds))
    boxes += [sample.annotations.boxes for sample in extra]
    assignments += [assigned(sample.annotations) for sample in extra]
    foreground, background = pools(assignments)
    moving = [] if recipe.regression.kind == "off" else assignments
    truths = tuple(moving_to(one, recipe.regression.iou) for one in moving)
    samples = (*dataset.samples, *extra)
    data = RegionData(samples, tuple(boxes), foreground, background, truths)
    _check_pools(data, dataset)
    return data


def check_same_image(sample: Sample, proposals: Proposals) -> None:
    """Raise DataError if `proposals` were made on an image of another size than `sample`'s."""
    if sample.size is not None and proposals.size != sample.size:
        raise DataError(
            f"image {sample.image_id}: the proposals were made for an image of "
            f"{proposals.size[1]}x{proposals.size[0]} px, this one has "
            f"{sample.size[1]}x{sample.size[0]}. Propose again for this data set."
        )


def choose_classes(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """Return `dataset` with `classes` alone, in their order; objects of others are left out.

    Raises DataError for a class the data set does not have, and for images without annotations.
    """
    if not dataset.annotated:
        raise DataError(
            f"{dataset.root}: split {dataset.split!r} is of images without annotations, so there "
            "is nothing to train on. Expected a labelled data set: VOC, COCO, YOLO or ILSVRC DET."
            f"{seen_in(dataset.root)}"
        )
    for name in classes:
        if name not in dataset.classes:
            known = ", ".join(dataset.classes)
            raise DataError(f"classes: the data set has no class {name!r}; it has {known}.")
    places = [dataset.classes.index(name) for name in classes]
    renumber = np.full(len(dataset.classes), -1, np.int64)
    renumber[places] = np.arange(len(places))
    samples = tuple(
        _with(sample, _renumbered(sample.annotations, renumber)) for sample in dataset.samples
    )
    ids = tuple(dataset.category_ids[place] for place in places)
    synsets = tuple(dataset.synsets[place] for place in places) if dataset.synsets else ()
    fields = {**vars(dataset), "classes": tuple(classes), "category_ids": ids}
    return Dataset(**{**fields, "samples": samples, "synsets": synsets})


def _renumbered(annotations: Annotations, renumber: NDArray[np.int64]) -> Annotations:
    labels = renumber[annotations.labels]
    keep = labels >= 0
    flags = (annotations.difficult[keep], annotations.crowd[keep])
    numbers = (annotations.areas[keep], annotations.ids[keep])
    return Annotations(annotations.boxes[keep], labels[keep], *flags, *numbers)


def _with(sample: Sample, annotations: Annotations) -> Sample:
    return Sample(sample.image_id, sample.path, sample.size, annotations)


def _check_pools(data: RegionData, dataset: Dataset) -> None:
    """Raise DataError for a class without positive regions, or a set without background."""
    counts = data.positives(dataset.classes)
    missing = [name for name, count in counts.items() if not count]
    if len(missing) == len(counts):
        raise DataError(f"split {dataset.split}: {why_none(dataset)}")
    if missing:
        rest = [name for name in counts if counts[name]]
        raise DataError(
            f"split {dataset.split}: no region is positive for {', '.join(missing)}: it cannot be "
            f"learned. Add images of it, or {leave_out(rest)}."
        )
    if not len(data.background):
        raise DataError(
            f"split {dataset.split}: no proposal is background (IoU in sampling.background_iou). "
            "Propose more boxes or widen sampling.background_iou."
        )


@dataclass(frozen=True, eq=False)
class Drawn:
    """What N samples of a batch show.

    `regions` of a RegionData, `labels` (N,) with the number of classes for background,
    `interpolations` (N,) and `changes` of their crops; `moves` of their boxes if they learn to.
    """

    regions: Pool
    labels: NDArray[np.int64]
    interpolations: list[str]
    changes: Changes
    moves: tuple[FloatArray, NDArray[np.int64]] | tuple[()] = ()


class RegionDraws:
    """What is drawn for each batch, a function of the seed and the step alone."""

    def __init__(self, data: RegionData, recipe: RegionClassifierRecipe, num_classes: int) -> None:
        self._data, self._recipe, self._num_classes = data, recipe, num_classes
        self.augmenter = make_augmenter(recipe)

    def draw(self, step: int, rows: slice) -> Drawn:
        """Return what `rows` of the batch of `step` show."""
        rng = np.random.default_rng((self._recipe.seed, step))
        sampling = self._recipe.sampling
        drawn = sample_batch(
            rng,
            self._data.foreground,
            self._data.background,
            sampling.batch_size,
            sampling.foreground_fraction,
            sampling.class_balance,
        )
        # Mixed, so that every piece of a batch split for want of memory holds both kinds.
        drawn = drawn.take(rng.permutation(len(drawn)))
        interpolations = self.augmenter.interpolations(rng, len(drawn))
        changes = self.augmenter.draw(rng, len(drawn)).take(rows)
        drawn = drawn.take(np.arange(len(drawn))[rows])
        labels = np.where(drawn.label < 0, self._num_classes, drawn.label).astype(np.int64)
        data = self._data
        where = (data.samples, data.boxes, data.truths)
        moves = moves_of(*where, drawn, changes.flips) if data.truths else ()
        return Drawn(drawn, labels, interpolations[rows], changes, moves)


class CropBatches:
    """Batches of crops, cut by OpenCV, and labels."""

    def __init__(self, data: RegionData, recipe: RegionClassifierRecipe, num_classes: int) -> None:
        self._data, self._recipe = data, recipe
        self._cache = ImageCache(recipe.crops.image_side)
        self._draws = RegionDraws(data, recipe, num_classes)

    def make(
        self, step: int, rows: slice = slice(None)
    ) -> tuple[NDArray[np.uint8], *tuple[NDArray[Any], ...]]:
        """Return crops (N, S, S, 3) and labels (N,), the number of classes for background.

        And the `moves` of their boxes where they learn to. Of the batch of `step`, `rows` alone.
        """
        drawn = self._draws.draw(step, rows)
        crops = self._crops(drawn.regions, drawn.interpolations)
        changed = self._draws.augmenter.change(crops, drawn.changes)
        return changed, drawn.labels, *drawn.moves

    def _crops(self, drawn: Pool, interpolations: Sequence[str]) -> NDArray[np.uint8]:
        model, crops = self._recipe.model, self._recipe.crops
        side = model.input_size
        batch = np.empty((len(drawn), side, side, 3), np.uint8)
        for number in np.unique(drawn.image).tolist():
            rows = np.flatnonzero(drawn.image == number)
            image, factor = self._cache.read(self._data.samples[number])
            boxes = self._data.boxes[number][drawn.box[rows]] * np.float32(factor)
            shown = windows(boxes, image.shape[:2], side, crops.context, crops.mode)
            chosen = [interpolations[row] for row in rows.tolist()]
            batch[rows] = crop(image, shown, side, model.mean, chosen)
        return batch
