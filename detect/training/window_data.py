"""Batches for MultiBox: whole images and square windows of them, with the boxes they show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.boxes import areas, clip
from detect.config import MultiBoxRecipe
from detect.data import image_size
from detect.data.augment import flip_boxes
from detect.errors import DataError
from detect.proposals.views import Window, to_fractions, warp
from detect.structures import Dataset, FloatArray, Sample, Size
from detect.training.image_cache import ImageCache
from detect.training.multibox_loss import WindowTruth
from detect.training.sampling import ShuffledImages, make_augmenter

# A box belongs to a window from this visible share on, or if its centre is inside (ours; the
# reference implementations differ).
_VISIBLE = 0.5
# Squares drawn in search of one that shows an object, before any will do.
_TRIES = 10


@dataclass(frozen=True, eq=False)
class WindowData:
    """The images to draw windows from; `boxes`, `crowd` one (M, 4) an image, px."""

    samples: tuple[Sample, ...]
    boxes: tuple[FloatArray, ...]
    crowd: tuple[FloatArray, ...]

    def fractions(self) -> FloatArray:
        """Return all boxes (N, 4) as fractions of their whole images."""
        sizes = map(image_size, self.samples)
        rows = zip(sizes, self.boxes, strict=True)
        parts = [to_fractions(boxes, (0, 0, width, height)) for (height, width), boxes in rows]
        return np.concatenate([np.zeros((0, 4), np.float32), *parts])


def collect_windows(dataset: Dataset) -> WindowData:
    """Gather the boxes of `dataset`: difficult objects count, as in the evaluation of proposals.

    A box without area cannot be learned and is left out. Images without boxes stay: they train
    the confidences. Raises DataError for a split without any box.
    """
    boxes, crowd = [], []
    for sample in dataset.samples:
        notes = sample.annotations
        real = areas(notes.boxes) > 0
        boxes.append(notes.boxes[real & ~notes.crowd])
        crowd.append(notes.boxes[real & notes.crowd])
    if not any(map(len, boxes)):
        raise DataError(
            f"{dataset.root}: split {dataset.split!r} has no boxes to learn from. Give a split "
            "with annotated objects."
        )
    return WindowData(dataset.samples, tuple(boxes), tuple(crowd))


def shown(boxes: FloatArray, window: Window) -> FloatArray:
    """`boxes` (N, 4) px -> those that belong to `window`, cut to it, in its fractions (M, 4).

    A box belongs to it if its centre is inside or half of its area is visible.
    """
    x1, y1, x2, y2 = window
    cut = clip(boxes - np.array([x1, y1, x1, y1], np.float32), (y2 - y1, x2 - x1))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((centres >= (x1, y1)) & (centres < (x2, y2))).all(axis=1)
    visible = areas(cut) >= _VISIBLE * areas(boxes)
    kept = cut[(inside | visible) & (areas(cut) > 0)]
    return to_fractions(kept, (0, 0, x2 - x1, y2 - y1))


class WindowBatches:
    """Batches of windows and their truths, each a function of the seed and the step alone."""

    def __init__(self, data: WindowData, recipe: MultiBoxRecipe) -> None:
        self._data, self._recipe = data, recipe
        self._cache = ImageCache(0)
        self._images = ShuffledImages(len(data.samples), recipe.seed)
        self._augmenter = make_augmenter(recipe)

    def make(
        self, step: int, rows: slice = slice(None)
    ) -> tuple[NDArray[np.uint8], list[WindowTruth]]:
        """Return windows (N, S, S, 3) and N truths; every image comes once an epoch.

        Of the batch of `step`, `rows` alone.
        """
        rng = np.random.default_rng((self._recipe.seed, step))
        changes = self._augmenter.draw(rng, self._recipe.batch_size)
        pictures, truths = [], []
        # Every row is drawn, so that each is the same whichever are asked for.
        size = self._recipe.batch_size
        numbers = map(self._images.at, range(step * size, (step + 1) * size))
        drawn = [(number, *self._draw(rng, number)) for number in numbers]
        for (number, window, boxes), flips in zip(drawn[rows], changes.flips[rows], strict=True):
            image, _ = self._cache.read(self._data.samples[number])
            pictures.append(warp(image, window, self._recipe.model.input_size))
            crowd = to_fractions(self._data.crowd[number], window)
            truths.append(WindowTruth(flip_boxes(boxes, flips), flip_boxes(crowd, flips)))
        return self._augmenter.change(np.stack(pictures), changes.take(rows)), truths

    def _draw(self, rng: np.random.Generator, number: int) -> tuple[Window, FloatArray]:
        """Return a window of image `number` and the boxes (M, 4) it shows, fractions of it."""
        boxes = self._data.boxes[number]
        window = self._window(rng, image_size(self._data.samples[number]), boxes)
        return window, self._jittered(rng, shown(boxes, window))

    def _window(self, rng: np.random.Generator, size: Size, boxes: FloatArray) -> Window:
        """Draw the whole image, or a square that shows an object if one is found."""
        height, width = size
        whole = (0, 0, width, height)
        if rng.random() < self._recipe.windows.whole:
            return whole
        square = whole
        for _ in range(_TRIES):
            square = self._square(rng, size)
            if not len(boxes) or len(shown(boxes, square)):
                break
        return square

    def _square(self, rng: np.random.Generator, size: Size) -> Window:
        height, width = size
        share = rng.uniform(self._recipe.windows.smallest, 1)
        side = max(1, round(share * min(size)))
        left, top = (int(rng.integers(spare + 1)) for spare in (width - side, height - side))
        return left, top, left + side, top + side

    def _jittered(self, rng: np.random.Generator, boxes: FloatArray) -> FloatArray:
        """Move each side of `boxes` (N, 4) a little, in half of the windows."""
        amount = self._recipe.windows.box_jitter
        if not amount or rng.random() < 0.5:
            return boxes
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        moved = boxes + sides * rng.uniform(-amount, amount, boxes.shape).astype(np.float32)
        return np.asarray(np.clip(moved, 0, 1), np.float32)
