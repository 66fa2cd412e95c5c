"""Box regressions on disk (fitted_file.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.models.box_regression import BoxRegression
from detect.models.fitted_file import Fitted, Kind, read_fitted, write_fitted
from detect.structures import IntArray

KIND = Kind(
    "box-regression", "a box regression", ("weights", "pairs", "scale"), "detect train-regression"
)


@dataclass(frozen=True, eq=False)
class StoredRegression:
    """A regression, the names of its `classes` (C), and the hash of the `model` it was fitted on.

    The hash is model_files.model_hash's.
    """

    regression: BoxRegression
    classes: tuple[str, ...]
    model: str

    def rows(self, classes: Sequence[str]) -> IntArray:
        """Return the place in its own classes of each of `classes` (C,), -1 for none."""
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places.get(name, -1) for name in classes], np.int64)


def save_regression(path: Path, stored: StoredRegression) -> None:
    """Write `stored` to `path`; ValueError unless it ends in .safetensors."""
    one = stored.regression
    values = (one.weights, one.pairs, np.array([one.scale]))
    tensors = dict(zip(KIND.tensors, values, strict=True))
    write_fitted(path, KIND, Fitted(tensors, stored.classes, stored.model, {}))


def load_regression(path: Path, model: str) -> StoredRegression:
    """Read the regression at `path`; DataError if there is none, or not of the network `model`."""
    fitted = read_fitted(path, KIND, model)
    weights, pairs, scale = (fitted.tensors[name] for name in KIND.tensors)
    regression = BoxRegression(float(scale[0]), weights, pairs)
    return StoredRegression(regression, fitted.classes, fitted.model)
