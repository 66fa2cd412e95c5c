"""The two files of a stored model: NAME.safetensors and its card, NAME.json.

The card says what kind of model it is and holds the SHA-256 of the weights, so that a model of
another kind and a mismatched pair are refused.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from detect.errors import DataError, option
from detect.files import replacing
from detect.formats import stamped, upgraded
from detect.models.kinds import KINDS

HASH_KEY, KIND_KEY = "weights_sha256", "kind"

# Never stored: they are used in training alone.
_AUXILIARY = ".aux"


def write_model(path: Path, kind: str, card: Mapping[str, Any], model: nn.Module) -> None:
    """Write the tensors of `model`, auxiliary classifiers aside, to `path`, and the `card`.

    Raises ValueError unless `path` ends in .safetensors; errors of files.replacing.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"path: expected a name ending in .safetensors, got {path}")
    state = model.state_dict()
    kept = {name: state[name].cpu().contiguous() for name in state if _AUXILIARY not in name}
    content = safetensors.torch.save(kept)
    digest = hashlib.sha256(content).hexdigest()
    values = stamped({KIND_KEY: kind, **card, HASH_KEY: digest})
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Both are complete before the first gets its name: a kill leaves the old or the new pair.
    with replacing(path) as weights, replacing(path.with_suffix(".json")) as described:
        weights.write_bytes(content)
        described.write_text(text, encoding="utf-8")


def find_weights(path: Path) -> Path:
    """Return the .safetensors file meant by `path`; DataError if there is none.

    `path` is a run folder (its weights/best), a .safetensors file, or one without its ending.
    """
    if path.is_dir():
        weights = path / "weights" / "best.safetensors"
        if not weights.is_file():
            raise DataError(
                f"{path}: no model: this folder has no weights/best.safetensors. Give a finished "
                "run's folder or a .safetensors file; an interrupted run goes on with "
                f"{option('resume')}."
            )
        return weights
    weights = path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
    if not weights.is_file():
        raise DataError(
            f"{path}: no such model. Expected a run folder (with weights/best.safetensors) or a "
            ".safetensors file."
        )
    return weights


def read_card(path: Path, kind: str = "") -> dict[str, Any]:
    """Return the card of the model meant by `path`, kind and hash included, of the present format.

    DataError if there is none, or if it is not of `kind` (any kind where that is empty).
    """
    card = find_weights(path).with_suffix(".json")
    if not card.is_file():
        raise DataError(
            f"{card}: the model's card is missing. It lies beside the .safetensors file with the "
            "same name: copy both."
        )
    try:
        values = json.loads(_read_bytes(card))
    except ValueError as error:
        raise DataError(f"{card}: not valid JSON ({error}). Copy the model again.") from error
    values = upgraded(values, "model card", card) if isinstance(values, dict) else {}
    found = values.get(KIND_KEY)
    if found not in list(KINDS) or kind not in ("", found):
        expected = KINDS[kind].words if kind else "a model"
        raise DataError(f"{card}: not the card of {expected} ({KIND_KEY} is {found!r}).")
    return values


def read_model(path: Path, kind: str = "") -> tuple[Path, dict[str, Any], dict[str, Tensor]]:
    """Return the weights file meant by `path`, its card without kind and hash, and its tensors.

    DataError if a file is missing, truncated, of another kind or not the other's.
    """
    weights, card = find_weights(path), read_card(path, kind)
    expected = str(card.pop(HASH_KEY, ""))
    card.pop(KIND_KEY)
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


def fill(model: nn.Module, state: dict[str, Tensor], weights: Path) -> None:
    """Put the tensors of `state` in place of `model`'s, which may be on the meta device.

    DataError for the first tensor that `model` lacks, has more, or has otherwise.
    """
    expected = {name: (value.shape, value.dtype) for name, value in model.state_dict().items()}
    actual = {name: (value.shape, value.dtype) for name, value in state.items()}
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            raise DataError(
                f"{weights}: tensor {name}: its card needs {_shown(expected.get(name))}, the file "
                f"has {_shown(actual.get(name))}. The card was changed, or is another model's."
            )
    model.load_state_dict(state, assign=True)


def _shown(entry: tuple[torch.Size, torch.dtype] | None) -> str:
    return f"{list(entry[0])} {str(entry[1]).removeprefix('torch.')}" if entry else "none"


def model_hash(path: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of the weights meant by `path`."""
    return hashlib.sha256(_read_bytes(find_weights(path))).hexdigest()[:16]


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
