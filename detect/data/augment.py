"""Random changes of training crops: mirror, Howard's photometric distortions, interpolation.

And the transforms that a recipe adds (pixel_transforms.py). The photometric distortions use
albumentations' functions for one image: its transforms keep a random state of their own and cost
0.3 ms a call before any pixel is touched. Here every choice comes from the Generator passed in, so
a batch is a pure function of it.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.data.pixel_transforms import PixelTransform, albumentations
from detect.structures import FloatArray

# With equal chance: GoogLeNet, arXiv 1409.4842v1, section 6.
RANDOM_INTERPOLATIONS = ("bilinear", "area", "nearest", "cubic")

_DISTORTIONS = (
    "adjust_brightness_torchvision",
    "adjust_contrast_torchvision",
    "adjust_saturation_torchvision",
)


@dataclass(frozen=True, eq=False)
class Changes:
    """What changes in each of N crops.

    `flips` (N, 3) left-right, top-bottom, transposed; `orders` (N, 3) which of _DISTORTIONS comes
    first, second, third; `factors` (N, 3) by how much, in that order too; `seeds` (N,) of what
    `CropAugmenter.more` draws.
    """

    flips: NDArray[np.bool_]
    orders: NDArray[np.intp]
    factors: NDArray[np.float64]
    seeds: NDArray[np.int64]

    def take(self, rows: slice) -> "Changes":
        """Return the changes of the crops `rows`."""
        flips, orders, factors = self.flips[rows], self.orders[rows], self.factors[rows]
        return Changes(flips, orders, factors, self.seeds[rows])


@dataclass(frozen=True)
class CropAugmenter:
    """How to change training crops.

    `mirror`, `vertical_mirror`: each crop with chance 1/2 (R-CNN mirrors left to right; top to
    bottom suits pictures without an up, such as microscopy). `transpose`: rows for columns with
    chance 1/2, with both mirrors all eight symmetries of the square. `photometric`: brightness,
    contrast and colour, in random order, each blended with black, its mean grey or its grey
    picture by a factor uniform in [1 - `strength`, 1 + `strength`]; order, the three and the
    strength 0.5 are Howard's (arXiv 1312.5402, after PIL's ImageEnhance). We leave
    out his lighting noise (Krizhevsky's PCA), which needs colour statistics of the data set. The
    mean colour around a crop is distorted with it. `interpolation`: "random" is GoogLeNet's
    (section 6), "bilinear" R-CNN's. `more` transforms come last, in their order; the paper has
    none. Raises ValueError for a strength outside [0, 1] or another interpolation.
    """

    mirror: bool = True
    vertical_mirror: bool = False
    transpose: bool = False
    photometric: bool = True
    strength: float = 0.5
    interpolation: Literal["random", "bilinear"] = "random"
    more: tuple[PixelTransform, ...] = ()

    def __post_init__(self) -> None:
        """Check the options."""
        if not 0 <= self.strength <= 1:
            raise ValueError(f"CropAugmenter: expected a strength in [0, 1], got {self.strength}")
        if self.interpolation not in ("random", "bilinear"):
            raise ValueError(
                "CropAugmenter: expected interpolation 'random' or 'bilinear', "
                f"got {self.interpolation!r}"
            )

    def interpolations(self, rng: np.random.Generator, count: int) -> list[str]:
        """Draw the interpolation of each of `count` crops, for `detect.crops.opencv.crop`."""
        if self.interpolation == "bilinear":
            return ["bilinear"] * count
        drawn = rng.integers(len(RANDOM_INTERPOLATIONS), size=count)
        return [RANDOM_INTERPOLATIONS[number] for number in drawn]

    def draw(self, rng: np.random.Generator, count: int) -> Changes:
        """Draw what changes in each of `count` crops.

        The same numbers are drawn whatever is switched on, so that recipes compare on equal
        batches.
        """
        flips = rng.random((count, 3)) < 0.5
        orders = rng.random((count, 3)).argsort(axis=1)
        factors = rng.uniform(1 - self.strength, 1 + self.strength, (count, 3))
        # From a stream of their own: whatever is drawn from `rng` later stays what it was.
        seeds = rng.spawn(1)[0].integers(2**63, size=count)
        flips &= (self.mirror, self.vertical_mirror, self.transpose)
        return Changes(flips, orders, factors, seeds)

    def change(self, crops: NDArray[np.uint8], changes: Changes) -> NDArray[np.uint8]:
        """`crops` (N, S, S, 3) uint8 -> changed copies.

        Raises ValueError for other arrays, DataError where one of `more` fails.
        """
        if crops.ndim != 4 or crops.shape[3] != 3 or crops.dtype != np.uint8:
            raise ValueError(f"apply: expected uint8 (N, S, S, 3), got {crops.dtype} {crops.shape}")
        changed = _flipped(crops, changes.flips)
        if self.photometric:
            _distort(changed, changes)
        self._transform(changed, changes.seeds)
        return changed

    def apply(self, rng: np.random.Generator, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`crops` (N, S, S, 3) uint8 -> changed copies, a pure function of them and `rng`'s state.

        Raises ValueError for other arrays.
        """
        return self.change(crops, self.draw(rng, len(crops)))

    def _transform(self, crops: NDArray[np.uint8], seeds: NDArray[np.int64]) -> None:
        """Write what `more` transforms make of `crops` (N, S, S, 3) into them."""
        for number, transform in enumerate(self.more):
            for crop, seed in zip(crops, seeds.tolist(), strict=True):
                # With the number, so that one transform draws the same whatever the others are.
                crop[...] = transform(crop, (seed, number))


def flip_boxes(boxes: FloatArray, flips: NDArray[np.bool_]) -> FloatArray:
    """`boxes` (N, 4) in fractions of a square crop -> where they are after its `flips` (3,)."""
    flipped = boxes.copy()
    for axis in (0, 1):
        if flips[axis]:
            flipped[:, [axis, axis + 2]] = 1 - flipped[:, [axis + 2, axis]]
    return flipped[:, [1, 0, 3, 2]] if flips[2] else flipped


def flip_deltas(deltas: FloatArray, flips: NDArray[np.bool_]) -> FloatArray:
    """`deltas` (N, 4) of boxes in N crops (models/box_regression.py) -> after `flips` (N, 3).

    What encode gives of boxes and truths that are flipped alike.
    """
    flipped = deltas.copy()
    flipped[:, :2] *= np.where(flips[:, :2], np.float32(-1), np.float32(1))
    return np.where(flips[:, 2:], flipped[:, [1, 0, 3, 2]], flipped)


def _flipped(crops: NDArray[np.uint8], flips: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """`crops` (N, S, S, 3), `flips` (N, 3) left-right, top-bottom, transposed -> copies."""
    flipped = crops.copy()
    # OpenCV mirrors crops 4 to 13 times as fast as numpy (80 to 224 px).
    for crop, (mirrored, inverted, transposed) in zip(flipped, flips.tolist(), strict=True):
        if mirrored:
            crop[...] = cv2.flip(crop, 1)
        if inverted:
            crop[...] = cv2.flip(crop, 0)
        if transposed:
            crop[...] = cv2.transpose(crop)
    return flipped


def _distort(crops: NDArray[np.uint8], changes: Changes) -> None:
    """Write brightness, contrast and colour changes into `crops` (N, S, S, 3)."""
    functional = albumentations().augmentations.pixel.functional
    steps = [getattr(functional, name) for name in _DISTORTIONS]
    rows = zip(crops, changes.orders.tolist(), changes.factors.tolist(), strict=True)
    for crop, order, amounts in rows:
        image = crop
        for number, amount in zip(order, amounts, strict=True):
            image = steps[number](image, amount)
        crop[...] = image
