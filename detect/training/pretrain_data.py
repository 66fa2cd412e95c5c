"""Batches of random patches of labelled images, as GoogLeNet's paper samples them (section 6)."""

import numpy as np
from numpy.typing import NDArray

from detect.config import PretrainRecipe
from detect.crops.geometry import Windows
from detect.crops.opencv import crop
from detect.crops.patches import random_patch
from detect.data.labelled import LabelledImages
from detect.errors import DataError
from detect.training.image_cache import ImageCache
from detect.training.sampling import ShuffledImages, make_augmenter


def check_classes(data: LabelledImages) -> None:
    """Raise DataError for a class without images: it cannot be learned."""
    missing = [name for name, count in data.counts().items() if not count]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"{data.images.root}: split {data.images.split} has no image of {missing[0]}{more}: it "
            "cannot be learned. Add images, or remove the class from the other splits."
        )
    if len(data.images.classes) < 2:
        raise DataError(
            f"{data.images.root}: one class alone, {data.images.classes[0]}; expected two or more."
        )


class PatchBatches:
    """Batches of patches and labels; each sample a function of the seed and its place alone.

    The n-th sample of a training is the same whichever process makes it, in whatever batch.
    """

    def __init__(self, data: LabelledImages, recipe: PretrainRecipe) -> None:
        self._data, self._recipe = data, recipe
        self._cache = ImageCache(0)
        self._images = ShuffledImages(len(data), recipe.seed)
        self._augmenter = make_augmenter(recipe)

    def make(
        self, step: int, rows: slice = slice(None)
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return patches (N, S, S, 3) and labels (N,), `rows` of the batch of `step` alone.

        Every image comes once an epoch.
        """
        size = self._recipe.batch_size
        places = range(step * size, (step + 1) * size)[rows]
        numbers = [self._images.at(place) for place in places]
        patches = [self._patch(*pair) for pair in zip(places, numbers, strict=True)]
        return np.stack(patches), self._data.labels[numbers]

    def _patch(self, place: int, number: int) -> NDArray[np.uint8]:
        """Return sample `place`, a patch (S, S, 3) of image `number`."""
        rng = np.random.default_rng((self._recipe.seed, place))
        model, patches = self._recipe.model, self._recipe.patches
        image, _ = self._cache.read(self._data.images.samples[number])
        shown = random_patch(rng, (image.shape[0], image.shape[1]), patches.area, patches.aspect)
        side = model.input_size
        windows = Windows(np.array([shown], np.int64), np.array([[0, 0, side, side]], np.int64))
        kinds = self._augmenter.interpolations(rng, 1)
        patch = crop(image, windows, side, model.mean, kinds)
        return np.asarray(self._augmenter.apply(rng, patch)[0], np.uint8)
