"""Box regressions on disk: one .safetensors file that says which network's features it needs."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save

from detect.errors import DataError
from detect.files import replacing
from detect.models.box_regression import BoxRegression

KIND = "box-regression"
_TENSORS = ("weights", "pairs", "scale")
_EXPECTED = "Expected what detect train-regression wrote."


@dataclass(frozen=True, eq=False)
class StoredRegression:
    """A regression, the names of its `classes` (C), and the hash of the `model` it was fitted on.

    The hash is model_files.model_hash's.
    """

    regression: BoxRegression
    classes: tuple[str, ...]
    model: str


def save_regression(path: Path, stored: StoredRegression) -> None:
    """Write `stored` to `path`; ValueError unless it ends in .safetensors."""
    if path.suffix != ".safetensors":
        raise ValueError(f"path: expected a name ending in .safetensors, got {path}")
    one = stored.regression
    values = (one.weights, one.pairs, np.array([one.scale]))
    tensors = dict(zip(_TENSORS, values, strict=True))
    card = {"kind": KIND, "classes": json.dumps(stored.classes), "model": stored.model}
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, card))


def load_regression(path: Path, model: str) -> StoredRegression:
    """Read the regression at `path`; DataError if there is none, or not of the network `model`."""
    if not path.is_file():
        raise DataError(f"{path}: no such file. {_EXPECTED}")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            card: dict[str, str] = file.metadata() or {}
            if card.get("kind") != KIND:
                raise DataError(f"{path}: not a box regression. {_EXPECTED}")
            weights, pairs, scale = (file.get_tensor(name) for name in _TENSORS)
    except safetensors.SafetensorError as error:
        raise DataError(f"{path}: no complete .safetensors file ({error}). {_EXPECTED}") from error
    if card["model"] != model:
        raise DataError(
            f"{path}: fitted on the features of another network ({card['model']}; --model is "
            f"{model}). Give the --model that it was trained with."
        )
    regression = BoxRegression(float(scale[0]), weights, pairs)
    return StoredRegression(regression, tuple(json.loads(card["classes"])), card["model"])
