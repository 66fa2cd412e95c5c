"""Linear SVMs on disk (fitted_file.py)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.models.fitted_file import Fitted, Kind, read_fitted, write_fitted
from detect.models.svm import LinearSvms

KIND = Kind(
    "linear-svms",
    "linear SVMs",
    ("weights", "biases", "positives", "negatives", "scale"),
    "detect train-svm",
)


@dataclass(frozen=True, eq=False)
class StoredSvms:
    """SVMs, the names of their `classes` (C), the hash of the `model` whose features they take.

    The hash is model_files.model_hash's; `recipe` says what they were trained on.
    """

    svms: LinearSvms
    classes: tuple[str, ...]
    model: str
    recipe: dict[str, Any]


def save_svms(path: Path, stored: StoredSvms) -> None:
    """Write `stored` to `path`; ValueError unless it ends in .safetensors."""
    one = stored.svms
    values = (one.weights, one.biases, one.positives, one.negatives, np.array([one.scale]))
    tensors = dict(zip(KIND.tensors, values, strict=True))
    write_fitted(path, KIND, Fitted(tensors, stored.classes, stored.model, stored.recipe))


def load_svms(path: Path, model: str) -> StoredSvms:
    """Read the SVMs at `path`; DataError if there are none, or not of the network `model`."""
    fitted = read_fitted(path, KIND, model)
    *values, scale = (fitted.tensors[name] for name in KIND.tensors)
    svms = LinearSvms(float(scale[0]), *values)
    return StoredSvms(svms, fitted.classes, fitted.model, fitted.recipe)
