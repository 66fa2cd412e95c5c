"""Models on disk: networks, and what was fitted on a network's features."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, cast

import numpy as np
import safetensors.numpy
import torch
from safetensors.numpy import save

from detect.errors import DataError, option
from detect.models.box_head import MOST_PLACES
from detect.models.cards import Card, NamedClassesCard
from detect.models.fitted_files import check_shapes, check_values, fitted_card
from detect.models.kinds import KINDS, CardOf, FittedKind, Kind, Network, Parameters
from detect.models.model_files import (
    KIND_KEY,
    check_entries,
    opened_model,
    read_card,
    read_tensors,
    write_model,
)
from detect.models.networks import AnyClassifier
from detect.models.normalised import NormalisedNetwork
from detect.models.tensor_files import HASH_KEY, TensorFile, opened_tensors, write_tensors
from detect.reading import shown
from detect.structures import IntArray


def save_model(path: Path, model: NormalisedNetwork, card: Card) -> None:
    """Write `model` without its auxiliary classifiers to `path` (.safetensors) and its card.

    Raises ValueError if `card` is not of this model; errors of files.writing.
    """
    card.check_describes(model)
    (kind,) = (kind for kind in KINDS.values() if kind.card is type(card))
    write_model(path, kind.name, card.to_json(), model)


def load_model(path: Path, kind: Kind[Network, CardOf]) -> tuple[Network, CardOf]:
    """Read the model of `kind` at `path` (see find_weights) on the CPU, ready to evaluate.

    Raises DataError if a file is missing, truncated, of another kind of model, or does not belong
    to the other.
    """
    with opened_model(path, kind.name) as (file, values, where):
        told = {name: values[name] for name in values.keys() - {KIND_KEY, HASH_KEY}}
        card = kind.card.from_json(told, where)
        with torch.device("meta"):  # No random draw: the generator's state is the caller's.
            model = kind.build(card)
        if isinstance(card, NamedClassesCard):
            _check_classes(file, model, len(card.classes))
        check_entries(file, model)
        state = read_tensors(file, values)
    model.load_state_dict(state, assign=True)
    try:
        card.check_describes(model)
    except ValueError as error:
        raise DataError(f"{where}: {error}. Copy the model again.") from error
    return model.eval(), card


def kind_among(path: Path, kinds: Sequence[Kind[Any, Any]]) -> Kind[Any, Any]:
    """Return which of `kinds` the model at `path` is of: the first where it is of another.

    So that it is what load_model expected. DataError as read_card.
    """
    found = read_card(path)[KIND_KEY]
    return next((kind for kind in kinds if kind.name == found), kinds[0])


def _check_classes(file: TensorFile, model: NormalisedNetwork, classes: int) -> None:
    (outputs, *_), _ = file.entries.get("network.fc.bias", ((0,), ""))
    expected = cast(AnyClassifier, model.network).num_outputs
    if outputs and outputs != expected:
        raise DataError(
            f"{file.path}: its card names {classes} classes, the weights are of "
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
    tensors = {name: np.atleast_1d(getattr(fitted.parameters, name)) for name in kind.shapes}
    told = {"model": fitted.model, "classes": list(fitted.classes), "recipe": fitted.recipe}
    write_tensors(path, {KIND_KEY: kind.name, **told}, save(tensors))


def features_of(path: Path, kind: FittedKind[Any]) -> tuple[str, int]:
    """Return the maps and the grid that what is at `path` was fitted on; DataError as load_fitted.

    Earlier versions had the pooled maps 5b alone, and said nothing.
    """
    expected = f"Expected what {kind.command} wrote."
    if not path.is_file():
        raise DataError(f"{path}: no such file. {expected}")
    with opened_tensors(path, expected) as file:
        recipe = fitted_card(file, kind).recipe
    maps, grid = recipe.get("maps", "5b"), recipe.get("grid", 1)
    if maps not in ("4e", "5b") or type(grid) is not int or not 1 <= grid <= MOST_PLACES:
        raise DataError(
            f"{path}: recipe: expected maps 4e or 5b and a grid from 1 to {MOST_PLACES}, got "
            f"{shown(maps)} and {shown(grid)}. {expected}"
        )
    return maps, grid


def load_fitted(
    path: Path, kind: FittedKind[Parameters], model: str, dimensions: int
) -> Fitted[Parameters]:
    """Read what is at `path`, of `kind` and fitted on features of the network `model`.

    DataError if nothing is, or another kind, or of other than `dimensions` features, or broken.
    """
    expected = f"Expected what {kind.command} wrote."
    if not path.is_file():
        raise DataError(f"{path}: no such file. {expected}")
    with opened_tensors(path, expected) as file:
        card = fitted_card(file, kind)
        if card.model != model:
            raise DataError(
                f"{path}: fitted on the features of another network ({card.model}; "
                f"{option('model')} is {model}). Give the {option('model')} that it was trained "
                "with."
            )
        check_shapes(file, kind, {"classes": len(card.classes), "features": dimensions})
        tensors: dict[str, Any] = dict(safetensors.numpy.load(file.content()[0]))
    check_values(tensors, path, expected)
    tensors["scale"] = float(tensors["scale"][0])
    return Fitted(kind.parameters(**tensors), card.classes, model, card.recipe)
