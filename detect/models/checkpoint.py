"""Region classifiers and training states on disk."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from detect.errors import DataError, option
from detect.files import replacing
from detect.models.card import ModelCard
from detect.models.model_files import fill, read_model, write_model
from detect.models.region_classifier import RegionClassifier

KIND = "region-classifier"


def save_model(path: Path, model: RegionClassifier, card: ModelCard) -> None:
    """Write `model` without its auxiliary classifiers to `path` (.safetensors) and its card.

    Raises ValueError if `card` is not of this model; errors of files.replacing.
    """
    described = (card.variant, card.width, len(card.classes))
    actual = (model.network.variant, model.network.width, model.num_classes)
    if described != actual:
        raise ValueError(f"card: (variant, width, classes) {described}, the model has {actual}")
    card.check_normalisation(model)
    write_model(path, KIND, card.to_json(), model)


def load_model(path: Path) -> tuple[RegionClassifier, ModelCard]:
    """Read the model at `path` (see find_weights) on the CPU, ready to evaluate.

    Raises DataError if a file is missing, truncated, or does not belong to the other.
    """
    weights, values, state = read_model(path, KIND)
    card = ModelCard.from_json(values, str(weights.with_suffix(".json")))
    with torch.device("meta"):  # No random draw: the generator's state is the caller's.
        model = RegionClassifier(len(card.classes), card.variant, card.width, auxiliary=False)
    _check_classes(state, model, weights)
    fill(model, state, weights)
    return model.eval(), card


def _check_classes(state: dict[str, Tensor], model: RegionClassifier, weights: Path) -> None:
    outputs = len(state.get("network.fc.bias", ()))
    if outputs and outputs != model.num_classes + 1:
        raise DataError(
            f"{weights}: its card names {model.num_classes} classes, the weights are of "
            f"{outputs - 1}. The card was changed, or is another model's."
        )


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a training state (tensors, numbers, text, lists, dictionaries) to resume from.

    Raises errors of files.replacing.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state on the CPU; DataError if it is missing or damaged.

    Only plain values and tensors are read (`weights_only`): a state can run no code.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no training state to resume from. Start without {option('resume')}."
        )
    state: dict[str, Any] = read_pickle(
        path, "training state", f"Delete it and start again without {option('resume')}."
    )
    return state


def read_pickle(path: Path, what: str, remedy: str) -> Any:
    """Read a file of torch.save on the CPU, tensors and plain values only.

    DataError saying that `path` is not a complete `what`, and the `remedy`.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # Bytes that are no pickle raise nearly anything.
        raise DataError(
            f"{path}: not a complete {what} ({type(error).__name__}). {remedy}"
        ) from error
