"""Models and training states on disk.

A model is two files: NAME.safetensors (weights, without auxiliary classifiers) and NAME.json
(its ModelCard, and the SHA-256 of the weights, so that a mismatched pair is refused).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from detect.errors import DataError
from detect.files import replacing
from detect.models.card import ModelCard
from detect.models.region_classifier import RegionClassifier

# The card's key that ties it to its weights, and the one that says what kind of model it is.
HASH_KEY, KIND_KEY = "weights_sha256", "kind"
KIND = "region-classifier"


def save_model(path: Path, model: RegionClassifier, card: ModelCard) -> None:
    """Write `model` without its auxiliary classifiers to `path` (.safetensors) and its card.

    Raises ValueError if `card` is not of this model; errors of files.replacing.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"path: expected a name ending in .safetensors, got {path}")
    _check_same(model, card)
    content = safetensors.torch.save(_portable(model))
    values = {KIND_KEY: KIND, **card.to_json(), HASH_KEY: hashlib.sha256(content).hexdigest()}
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Both are complete before the first gets its name: a kill leaves the old or the new pair.
    with replacing(path) as weights, replacing(path.with_suffix(".json")) as described:
        weights.write_bytes(content)
        described.write_text(text, encoding="utf-8")


def _check_same(model: RegionClassifier, card: ModelCard) -> None:
    """Raise ValueError where `card` contradicts `model`."""
    described = (card.variant, card.width, len(card.classes))
    actual = (model.network.variant, model.network.width, model.num_classes)
    if described != actual:
        raise ValueError(f"card: (variant, width, classes) {described}, the model has {actual}")
    for name in ("mean", "std"):
        own = getattr(model, name)
        if not torch.allclose(own.cpu(), torch.tensor(getattr(card, name), dtype=own.dtype)):
            raise ValueError(f"card.{name}: {getattr(card, name)}, the model has {own.tolist()}")


def _portable(model: RegionClassifier) -> dict[str, Tensor]:
    """Return the tensors to store: on the CPU, contiguous, no auxiliary classifiers."""
    state = model.state_dict()
    return {name: state[name].cpu().contiguous() for name in state if ".aux" not in name}


def find_weights(path: Path) -> Path:
    """Return the .safetensors file meant by `path`; DataError if there is none.

    `path` is a run folder (its weights/best), a .safetensors file, or one without its ending.
    """
    if path.is_dir():
        weights = path / "weights" / "best.safetensors"
        if not weights.is_file():
            raise DataError(
                f"{path}: no model: this folder has no weights/best.safetensors. Give a finished "
                "run's folder or a .safetensors file; an interrupted run goes on with --resume."
            )
        return weights
    weights = path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
    if not weights.is_file():
        raise DataError(
            f"{path}: no such model. Expected a run folder (with weights/best.safetensors) or a "
            ".safetensors file."
        )
    return weights


def load_model(path: Path) -> tuple[RegionClassifier, ModelCard]:
    """Read the model at `path` (see find_weights) on the CPU, ready to evaluate.

    Raises DataError if a file is missing, truncated, or does not belong to the other.
    """
    weights, card, state = read_model(path)
    with torch.device("meta"):  # No random draw: the generator's state is the caller's.
        model = RegionClassifier(len(card.classes), card.variant, card.width, auxiliary=False)
    _check_fits(state, model, weights)
    model.load_state_dict(state, assign=True)
    return model.eval(), card


def read_model(path: Path) -> tuple[Path, ModelCard, dict[str, Tensor]]:
    """Read the weights file meant by `path`, its card and its tensors; DataError as load_model."""
    weights = find_weights(path)
    card, expected = _read_card(weights.with_suffix(".json"))
    content = _read_bytes(weights)
    try:
        state: dict[str, Tensor] = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError) as error:
        raise DataError(
            f"{weights}: not a complete .safetensors file ({error}). It may have been copied "
            "only in part: copy it again."
        ) from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise DataError(
            f"{weights}: these are not the weights its card {weights.with_suffix('.json').name} "
            "describes (SHA-256 differs). Copy both files of one model together."
        )
    return weights, card, state


def _read_card(path: Path) -> tuple[ModelCard, str]:
    """Read the card at `path` and the hash of its weights; DataError if it is no card."""
    if not path.is_file():
        raise DataError(
            f"{path}: the model's card is missing. It lies beside the .safetensors file with the "
            "same name: copy both."
        )
    try:
        values = json.loads(_read_bytes(path))
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}). Copy the model again.") from error
    kind = values.pop(KIND_KEY, None) if isinstance(values, dict) else None
    if kind != KIND:
        raise DataError(f"{path}: not the card of a region classifier ({KIND_KEY} is {kind!r}).")
    expected = str(values.pop(HASH_KEY, ""))
    return ModelCard.from_json(values, str(path)), expected


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def _check_fits(state: dict[str, Tensor], model: RegionClassifier, weights: Path) -> None:
    """Raise DataError for the first tensor that `model` lacks, has more, or has otherwise."""
    outputs = len(state.get("network.fc.bias", ()))
    if outputs and outputs != model.num_classes + 1:
        raise DataError(
            f"{weights}: its card names {model.num_classes} classes, the weights are of "
            f"{outputs - 1}. The card was changed, or is another model's."
        )
    expected = {name: (value.shape, value.dtype) for name, value in model.state_dict().items()}
    actual = {name: (value.shape, value.dtype) for name, value in state.items()}
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            raise DataError(
                f"{weights}: tensor {name}: its card needs {_shown(expected.get(name))}, the file "
                f"has {_shown(actual.get(name))}. The card was changed, or is another model's."
            )


def _shown(entry: tuple[torch.Size, torch.dtype] | None) -> str:
    return f"{list(entry[0])} {str(entry[1]).removeprefix('torch.')}" if entry else "none"


def model_hash(path: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of the weights meant by `path`."""
    return hashlib.sha256(_read_bytes(find_weights(path))).hexdigest()[:16]


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
        raise DataError(f"{path}: no training state to resume from. Start without --resume.")
    state: dict[str, Any] = read_pickle(
        path, "training state", "Delete it and start again without --resume."
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
