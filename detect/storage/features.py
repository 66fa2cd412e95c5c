"""Features of an image's regions on disk, a file an image, until what needs them is fitted.

Each file holds the boxes as well, so that features of other boxes are never taken for theirs. A
feature is kept in half precision, 2 bytes: rounded by a 2,000th, which moves no score noticeably.
"""

from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save

from detect.errors import DataError, DetectError, option
from detect.files import digest, remove_unfinished, write_bytes, write_json
from detect.formats import stamped, upgraded
from detect.reading import read_object
from detect.storage.recipe import StoredRecipe, check_same_recipe
from detect.structures import FloatArray
from detect.together import remove

_RECIPE = "recipe.json"
_BOX_BYTES = 16


class FeatureStore:
    """The features in the folder `path`, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, recipe: StoredRecipe) -> None:
        """Note the `recipe`, or check that what is there was made by it; DataError if not."""
        noted = self.path / _RECIPE
        if noted.is_file():
            check_same_recipe(self.path, _recipe(noted), "this command's features", recipe)
        else:
            write_json(noted, stamped(recipe))
        remove_unfinished(self.path, held=True)

    @staticmethod
    def size(regions: int, dimensions: int) -> int:
        """Return the bytes that so many `regions` with features of `dimensions` take."""
        return regions * (2 * dimensions + _BOX_BYTES)

    def has(self, image_id: str, boxes: FloatArray) -> bool:
        """Tell whether the features of these `boxes` (N, 4) of an image are there."""
        return self._open(image_id, boxes) is not None

    def write(self, image_id: str, boxes: FloatArray, features: FloatArray) -> None:
        """Keep the `features` (N, D) of `boxes` (N, 4) of an image.

        Raises errors of files.writing, DetectError for a feature above 65,504.
        """
        with np.errstate(over="ignore"):
            halves = features.astype(np.float16)
        if not np.isfinite(halves).all():
            largest = float(np.abs(features).max())
            raise DetectError(
                f"image {image_id}: a feature is {largest:g}, above what half precision holds "
                "(65,504). The network's weights are broken."
            )
        content = save({"boxes": np.ascontiguousarray(boxes), "features": halves})
        write_bytes(self._file(image_id), content, lasting=False)  # `read` checks it.

    def read(self, image_id: str, boxes: FloatArray) -> FloatArray:
        """Return the features (N, D) of `boxes` (N, 4) of an image; DataError if not there."""
        file = self._open(image_id, boxes)
        if file is None:
            raise DataError(
                f"{self._file(image_id)}: not the features of the {len(boxes)} regions of image "
                f"{image_id}. {option('resume')} computes them again."
            )
        with file:
            halves: NDArray[np.float16] = file.get_tensor("features")
            return halves.astype(np.float32)

    def remove(self) -> None:
        """Delete the folder, if it is there."""
        remove(self.path)

    def _open(self, image_id: str, boxes: FloatArray) -> Any:
        """Return the open file of an image, None where there is none for these `boxes`."""
        try:
            file: Any = safetensors.safe_open(self._file(image_id), "numpy")
            same = np.array_equal(file.get_tensor("boxes"), boxes)
        except (OSError, safetensors.SafetensorError):
            return None
        return file if same else None

    def _file(self, image_id: str) -> Path:
        # An id may hold slashes, and characters that no file name takes.
        return self.path / f"{digest(image_id)}.safetensors"


def _recipe(path: Path) -> StoredRecipe:
    values = read_object(path, "the recipe of features", "Delete its folder and begin anew.")
    return upgraded(values, "features recipe", path)
