"""Models on disk: networks, and what was fitted on a network's features."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Generic

import numpy as np
import safetensors
import torch
from safetensors.numpy import save
from torch import Tensor

from detect.errors import DataError, option
from detect.files import write_bytes
from detect.formats import stamped, upgraded
from detect.models.cards import Card, NamedClassesCard
from detect.models.kinds import KINDS, CardOf, FittedKind, Kind, Network, Parameters
from detect.models.model_files import fill, read_model, write_model
from detect.models.normalised import NormalisedNetwork
from detect.structures import IntArray


def save_model(path: Path, model: NormalisedNetwork, card: Card) -> None:
    """Write `model` without its auxiliary classifiers to `path` (.safetensors) and its card.

    Raises ValueError if `card` is not of this model; errors of files.write_bytes.
    """
    card.check_describes(model)
    (kind,) = (kind for kind in KINDS.values() if kind.card is type(card))
    write_model(path, kind.name, card.to_json(), model)


def load_model(path: Path, kind: Kind[Network, CardOf]) -> tuple[Network, CardOf]:
    """Read the model of `kind` at `path` (see find_weights) on the CPU, ready to evaluate.

    Raises DataError if a file is missing, truncated, of another kind of model, or does not belong
    to the other.
    """
    weights, values, state = read_model(path, kind.name)
    card = kind.card.from_json(values, str(weights.with_suffix(".json")))
    with torch.device("meta"):  # No random draw: the generator's state is the caller's.
        model = kind.build(card)
    if isinstance(card, NamedClassesCard):
        _check_classes(state, model, len(card.classes), weights)
    fill(model, state, weights)
    return model.eval(), card


def _check_classes(
    state: dict[str, Tensor], model: NormalisedNetwork, classes: int, weights: Path
) -> None:
    outputs, expected = len(state.get("network.fc.bias", ())), model.network.num_outputs
    if outputs and outputs != expected:
        raise DataError(
            f"{weights}: its card names {classes} classes, the weights are of "
            f"{classes + outputs - expected}. The card was changed, or is another model's."
        )


@dataclass(frozen=True, eq=False)
class Fitted(Generic[Parameters]):
    """What was fitted on a network's features: its `parameters`, a row or column a class.

    `classes` (C,) their names; `model` the hash of the network (model_files.model_hash); `recipe`
    what it was fitted on, {} where nothing reads it.
    """

    parameters: Parameters
    classes: tuple[str, ...]
    model: str
    recipe: dict[str, Any] = field(default_factory=dict)

    def rows(self, classes: Sequence[str]) -> IntArray:
        """Return the place in its own classes of each of `classes` (C,), -1 for none."""
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places.get(name, -1) for name in classes], np.int64)


def save_fitted(path: Path, kind: FittedKind[Parameters], fitted: Fitted[Parameters]) -> None:
    """Write `fitted` to `path`; ValueError unless it ends in .safetensors."""
    if path.suffix != ".safetensors":
        raise ValueError(f"path: expected a name ending in .safetensors, got {path}")
    names = [entry.name for entry in fields(kind.parameters)]
    tensors = {name: np.atleast_1d(getattr(fitted.parameters, name)) for name in names}
    texts = {"classes": json.dumps(fitted.classes), "recipe": json.dumps(fitted.recipe)}
    card = stamped({"kind": kind.name, "model": fitted.model, **texts})
    write_bytes(path, save(tensors, {key: str(text) for key, text in card.items()}))


def load_fitted(path: Path, kind: FittedKind[Parameters], model: str) -> Fitted[Parameters]:
    """Read what is at `path`; DataError if nothing is, or not of `kind` and the network `model`."""
    expected = f"Expected what {kind.command} wrote."
    if not path.is_file():
        raise DataError(f"{path}: no such file. {expected}")
    names = [entry.name for entry in fields(kind.parameters)]
    try:
        with safetensors.safe_open(path, "numpy") as file:
            card = upgraded(file.metadata() or {}, "fitted model", path)
            if card.get("kind") != kind.name:
                raise DataError(f"{path}: not {kind.words}. {expected}")
            tensors: dict[str, Any] = {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise DataError(f"{path}: no complete .safetensors file ({error}). {expected}") from error
    if card["model"] != model:
        raise DataError(
            f"{path}: fitted on the features of another network ({card['model']}; "
            f"{option('model')} is {model}). Give the {option('model')} that it was trained with."
        )
    tensors["scale"] = float(tensors["scale"][0])
    recipe = json.loads(card.get("recipe", "{}"))
    return Fitted(kind.parameters(**tensors), tuple(json.loads(card["classes"])), model, recipe)
