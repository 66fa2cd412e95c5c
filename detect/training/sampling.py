"""What the batches of every training share: how samples change, and the order of the images."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detect.config import AnyRecipe, CropAugmentSection
from detect.data.augment import CropAugmenter
from detect.data.pixel_transforms import make_transforms


def make_augmenter(recipe: AnyRecipe) -> CropAugmenter:
    """Return what changes samples as the recipe's [augment] says.

    Raises DataError for a transform of [[augment.more]] that does not fit (make_transforms).
    """
    augment = recipe.augment
    random = isinstance(augment, CropAugmentSection) and augment.random_interpolation
    return CropAugmenter(
        mirror=augment.mirror,
        vertical_mirror=augment.vertical_mirror,
        transpose=augment.transpose,
        photometric=augment.photometric,
        strength=augment.photometric_strength,
        interpolation="random" if random else "bilinear",
        more=make_transforms([one.model_dump() for one in augment.more], recipe.model.input_size),
    )


class ShuffledImages:
    """The order in which a training shows `count` images: each once an epoch, shuffled anew."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def at(self, place: int) -> int:
        """Return the number of the image that sample `place` of the training shows, from 0."""
        return int(self._order(place // self._count)[place % self._count])

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        # A third number keeps these apart from the generators of steps and samples.
        rng = np.random.default_rng((self._seed, epoch, 1))
        return rng.permutation(self._count)
