"""What was fitted on a network's features, on disk: one .safetensors file that says whose."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from numpy.typing import NDArray
from safetensors.numpy import save

from detect.errors import DataError, option
from detect.files import replacing


@dataclass(frozen=True)
class Kind:
    """A kind of such files: its `name` in the file, in words, its tensors, what writes it."""

    name: str
    words: str
    tensors: tuple[str, ...]
    command: str


@dataclass(frozen=True, eq=False)
class Fitted:
    """The `tensors`, the names of the `classes`, the hash of the `model`, how it was made.

    The hash is model_files.model_hash's.
    """

    tensors: Mapping[str, NDArray[Any]]
    classes: tuple[str, ...]
    model: str
    recipe: dict[str, Any]


def write_fitted(path: Path, kind: Kind, fitted: Fitted) -> None:
    """Write `fitted` to `path`; ValueError unless it ends in .safetensors."""
    if path.suffix != ".safetensors":
        raise ValueError(f"path: expected a name ending in .safetensors, got {path}")
    tensors = {name: fitted.tensors[name] for name in kind.tensors}
    card = {
        "kind": kind.name,
        "classes": json.dumps(fitted.classes),
        "model": fitted.model,
        "recipe": json.dumps(fitted.recipe),
    }
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, card))


def read_fitted(path: Path, kind: Kind, model: str) -> Fitted:
    """Read what is at `path`; DataError if nothing is, or not of `kind` and the network `model`."""
    expected = f"Expected what {kind.command} wrote."
    if not path.is_file():
        raise DataError(f"{path}: no such file. {expected}")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            card: dict[str, str] = file.metadata() or {}
            if card.get("kind") != kind.name:
                raise DataError(f"{path}: not {kind.words}. {expected}")
            tensors = {name: file.get_tensor(name) for name in kind.tensors}
    except safetensors.SafetensorError as error:
        raise DataError(f"{path}: no complete .safetensors file ({error}). {expected}") from error
    if card["model"] != model:
        raise DataError(
            f"{path}: fitted on the features of another network ({card['model']}; "
            f"{option('model')} is {model}). Give the {option('model')} that it was trained with."
        )
    recipe = json.loads(card.get("recipe", "{}"))
    return Fitted(tensors, tuple(json.loads(card["classes"])), card["model"], recipe)
