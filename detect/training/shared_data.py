"""Batches for a detector of one trunk: whole images, what they show, boxes proposed in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detect.boxes import areas
from detect.config import SharedRecipe
from detect.data import image_size
from detect.data.augment import flip_boxes
from detect.proposals.views import to_fractions, warp
from detect.storage.proposals import ProposalFile
from detect.structures import Annotations, BoolArray, Dataset, FloatArray, Image, Sample
from detect.training.image_cache import CACHE_BYTES, KeptImages
from detect.training.learnable import check_learnable
from detect.training.region_data import check_same_image
from detect.training.sampling import ShuffledImages, make_augmenter

Floats = NDArray[np.float32]
# Kinds of rows of packed annotations.
_ORDINARY, _DIFFICULT, _CROWD = 1, 2, 3


@dataclass(frozen=True, eq=False)
class SharedData:
    """The images to train on, their annotations in fractions of the image instead of px.

    `proposed`: one (K, 4) an image, fractions, or none at all: then the network proposes.
    """

    samples: tuple[Sample, ...]
    proposed: tuple[FloatArray, ...] = ()

    def boxes(self) -> FloatArray:
        """Return all objects (N, 4), crowd regions and those without area aside."""
        notes = [sample.annotations for sample in self.samples]
        rows = [one.boxes[~one.crowd & (areas(one.boxes) > 0)] for one in notes]
        return np.concatenate([np.zeros((0, 4), np.float32), *rows])


def collect_shared(
    dataset: Dataset,
    proposals: ProposalFile | None,
    samples: Iterable[Sample] | None = None,
) -> SharedData:
    """Gather the annotations of `dataset`, and the `proposals` if they are stored.

    `samples` are those of `dataset`, with progress shown on the way. Raises DataError for proposals
    made for other images, and for a class of which there is no ordinary object.
    """
    proposed = list[FloatArray]()
    for sample in dataset.samples if samples is None else samples:
        height, width = image_size(sample)
        if proposals is not None:
            found = proposals.read(sample.image_id)
            check_same_image(replace(sample, size=(height, width)), found)
            proposed.append(to_fractions(found.boxes, (0, 0, width, height)))
    check_learnable(_counts(dataset), dataset)
    return SharedData(fractional(dataset.samples), tuple(proposed))


def fractional(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Return `samples` with their annotations in fractions of the image instead of px."""
    found = []
    for sample in samples:
        (height, width), truth = image_size(sample), sample.annotations
        boxes = to_fractions(truth.boxes, (0, 0, width, height))
        notes = Annotations(boxes, truth.labels, truth.difficult, truth.crowd)
        found.append(replace(sample, annotations=notes))
    return tuple(found)


def _counts(dataset: Dataset) -> dict[str, int]:
    """Return the ordinary objects of each class; those without area cannot be learned."""
    counts = np.zeros(len(dataset.classes), np.int64)
    for sample in dataset.samples:
        notes = sample.annotations
        learned = ~notes.difficult & ~notes.crowd & (areas(notes.boxes) > 0)
        counts += np.bincount(notes.labels[learned], minlength=len(counts))
    return dict(zip(dataset.classes, counts.tolist(), strict=True))


def whole_image(image: Image, sides: tuple[int, int]) -> Image:
    """Warp `image` (H, W, 3) to `sides` (width, height) px: as detecting does."""
    return warp(image, (0, 0, image.shape[1], image.shape[0]), sides)


class SharedBatches:
    """Batches of images, each a function of the seed and the step alone."""

    def __init__(self, data: SharedData, recipe: SharedRecipe) -> None:
        sides = (recipe.model.input_size, recipe.model.input_height)
        self._data, self._recipe = data, recipe
        self._cache = KeptImages(0, CACHE_BYTES, lambda image: whole_image(image, sides))
        self._images = ShuffledImages(len(data.samples), recipe.seed)
        self._augmenter = make_augmenter(recipe)

    def make(
        self, step: int, rows: slice = slice(None)
    ) -> tuple[NDArray[np.uint8], Floats, Floats, NDArray[np.int64]]:
        """Return images (N, H, W, 3), `pack`ed annotations, boxes proposed, and seeds (N,).

        Boxes (N, K, 4) are padded with empty ones; K is 0 where none are stored. Every image comes
        once an epoch. Of the batch of `step`, `rows` alone.
        """
        size = self._recipe.batch_size
        rng = np.random.default_rng((self._recipe.seed, step))
        changes = self._augmenter.draw(rng, size).take(rows)
        seeds = rng.integers(2**62, size=size)[rows]
        numbers = [self._images.at(place) for place in range(step * size, (step + 1) * size)][rows]
        images = np.stack([self._cache.read(self._data.samples[one])[0] for one in numbers])
        pairs = list(zip(numbers, changes.flips, strict=True))
        notes = pack([_flipped(self._data.samples[one].annotations, own) for one, own in pairs])
        return self._augmenter.change(images, changes), notes, self._proposed(pairs), seeds

    def _proposed(self, pairs: Sequence[tuple[int, BoolArray]]) -> Floats:
        if not self._data.proposed:
            return np.zeros((len(pairs), 0, 4), np.float32)
        return _padded([flip_boxes(self._data.proposed[one], flips) for one, flips in pairs])


def _flipped(notes: Annotations, flips: BoolArray) -> Annotations:
    return replace(notes, boxes=flip_boxes(notes.boxes, flips))


def _padded(parts: Sequence[Floats]) -> Floats:
    """N arrays (K, D) -> one (N, most K, D), padded with zeros."""
    found = np.zeros((len(parts), max(map(len, parts)), parts[0].shape[1]), np.float32)
    for row, part in zip(found, parts, strict=True):
        row[: len(part)] = part
    return found


def pack(notes: Sequence[Annotations]) -> Floats:
    """N annotations -> one array (N, M, 6): corners, label, kind of the row, padded."""
    return _padded([_rows(one) for one in notes])


def _rows(notes: Annotations) -> Floats:
    kinds = np.where(notes.crowd, _CROWD, np.where(notes.difficult, _DIFFICULT, _ORDINARY))
    rows = np.column_stack([notes.boxes, notes.labels, kinds])
    return np.asarray(rows, np.float32).reshape(-1, 6)


def unpack(packed: Floats) -> list[Annotations]:
    """Return the annotations that `pack` packed."""
    rows = [row[row[:, 5] > 0] for row in packed]
    return [
        Annotations(
            boxes=row[:, :4],
            labels=row[:, 4].astype(np.int64),
            difficult=row[:, 5] == _DIFFICULT,
            crowd=row[:, 5] == _CROWD,
        )
        for row in rows
    ]
