"""Stored networks: NAME.safetensors, whose header holds the card, and a copy of it in NAME.json.

The card says what kind of model it is and holds the SHA-256 of the weights, so that a model of
another kind and damaged weights are refused. Files without a card in the header are of format 1:
theirs is the .json, and the hash that of the whole file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from detect.errors import DataError, option
from detect.files import write_text
from detect.formats import stamped, upgraded
from detect.models.kinds import KINDS
from detect.models.tensor_files import HASH_KEY, Entry, TensorFile, opened_tensors, write_tensors
from detect.reading import file_digest, read_object, shown
from detect.together import settle

KIND_KEY = "kind"
# What files are called that detect export writes (models/exported).
_EXPORTED = (".onnx", ".xml")

# Never stored: they are used in training alone.
_AUXILIARY = ".aux"
# What may differ between the card and its copy: a process killed between the two left the copy of
# another moment of the same training.
_MAY_DIFFER = {"recipe", "metrics", *stamped({})}


def write_model(path: Path, kind: str, card: Mapping[str, Any], model: nn.Module) -> None:
    """Write the tensors of `model`, auxiliary classifiers aside, to `path`, and the `card`.

    The model is complete with the first of the two files. Raises ValueError unless `path` ends in
    .safetensors; errors of files.writing.
    """
    state = model.state_dict()
    kept = {name: state[name].cpu().contiguous() for name in state if _AUXILIARY not in name}
    text = write_tensors(path, {KIND_KEY: kind, **card}, safetensors.torch.save(kept))
    write_text(path.with_suffix(".json"), text)


def is_exported(path: Path) -> bool:
    """Tell whether `path` is a file such as detect export writes, by its name."""
    return path.suffix.lower() in _EXPORTED and path.is_file()


def find_weights(path: Path) -> Path:
    """Return the .safetensors file meant by `path`; DataError if there is none.

    `path` is a run folder (its weights/best), a .safetensors file, or one without its ending.
    """
    if path.is_dir():
        settle(path)  # A training may have been killed in its last move.
        weights = path / "weights" / "best.safetensors"
        if not weights.is_file():
            raise DataError(
                f"{path}: no model: this folder has no weights/best.safetensors. Give a finished "
                "run's folder or a .safetensors file (of a detector or an ensemble, one of its "
                f"networks); an interrupted run goes on with {option('resume')}."
            )
        return weights
    weights = path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
    if not weights.is_file():
        if is_exported(path):
            raise DataError(
                f"{path}: an exported file, which detect run, check and detect.load take, of a "
                f"region classifier, and {option('multibox')}, of MultiBox. Give the run, or the "
                ".safetensors file, that was exported."
            )
        raise DataError(
            f"{path}: no such model. Expected a run folder (with weights/best.safetensors) or a "
            ".safetensors file."
        )
    return weights


@contextmanager
def opened_model(path: Path, kind: str = "") -> Iterator[tuple[TensorFile, dict[str, Any], str]]:
    """Yield the file of the model meant by `path`, its card, and the name of the card's file.

    The card has kind and hash and is of the present format. DataError if there is none, or if it
    is not of `kind` (any kind where that is empty), or says otherwise than its copy.
    """
    with opened_tensors(find_weights(path)) as file:
        if file.card is None:
            where = file.path.with_suffix(".json")
            values = _card_beside(where)
        else:
            where, values = file.path, file.card
            _check_copy(file.path, values)
        values = upgraded(values, "model card", where)
        found = values.get(KIND_KEY)
        if found not in list(KINDS) or kind not in ("", found):
            raise DataError(_other_kind(str(where), kind, found))
        yield file, values, str(where)


def _other_kind(where: str, kind: str, found: object) -> str:
    """Say that the card at `where` is not of `kind`, and which commands make which."""
    expected = KINDS[kind].words if kind else "a model"
    text = f"{where}: not the card of {expected} ({KIND_KEY} is {shown(found)})."
    if found not in list(KINDS):
        return text
    made = KINDS[str(found)]
    return f"{text} It is {made.words}, of {made.command}. Give one of {KINDS[kind].command}."


def _card_beside(path: Path) -> dict[str, Any]:
    """Return the card of a model of format 1."""
    if not path.is_file():
        raise DataError(
            f"{path}: the model's card is missing. It lies beside the .safetensors file with the "
            "same name: copy both."
        )
    return read_object(path, "a model's card", "Copy the model again.")


def _check_copy(weights: Path, card: Mapping[str, Any]) -> None:
    """Raise DataError where the copy of `card` says otherwise of the same weights.

    A copy of other weights is what a process killed before writing this one left.
    """
    path = weights.with_suffix(".json")
    if not path.is_file():
        return
    remedy = f"It is a copy of the card in {weights.name}, which alone counts: remove it."
    copy = read_object(path, "a model's card", remedy)
    if copy.get(HASH_KEY) not in (None, card[HASH_KEY]):
        return
    for name in sorted({*card, *copy} - _MAY_DIFFER):
        if (there := copy.get(name)) != card.get(name):
            raise DataError(
                f"{path}: {name}: expected {shown(card.get(name))}, got {shown(there)}. {remedy}"
            )


def read_card(path: Path, kind: str = "") -> dict[str, Any]:
    """Return the card of the model meant by `path`, as `opened_model` does; no weights are read."""
    with opened_model(path, kind) as (_, values, _):
        return values


def read_tensors(file: TensorFile, card: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of `file`; DataError unless they are those that its `card` describes."""
    content, found = file.content()
    if found != card.get(HASH_KEY):
        raise DataError(
            f"{file.path}: these are not the weights its card "
            f"{file.path.with_suffix('.json').name} describes (SHA-256 differs). Copy both files "
            "of one model together."
        )
    return dict(safetensors.torch.load(content))


def check_entries(file: TensorFile, model: nn.Module) -> None:
    """Raise DataError for the first tensor that `model` lacks, has more, or has otherwise."""
    expected = {
        name: (tuple(value.shape), _named(value.dtype))
        for name, value in model.state_dict().items()
    }
    for name in sorted(expected.keys() | file.entries.keys()):
        needed, found = expected.get(name), file.entries.get(name)
        if needed != found:
            raise DataError(
                f"{file.path}: tensor {shown(name)[1:-1]}: its card needs {_shown(needed)}, the "
                f"file has {_shown(found)}. The card was changed, or is another model's."
            )


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _shown(entry: Entry | None) -> str:
    return f"{shown(list(entry[0]))} {entry[1]}" if entry else "none"


def model_hash(path: Path) -> str:
    """Return the first 16 hex digits of what identifies the tensors meant by `path`.

    That is the SHA-256 of the file, in files with a card in their header as it is without. An
    exported file has one of its own.
    """
    if is_exported(path):
        return file_digest(path)
    with opened_tensors(find_weights(path)) as file:
        return file.hash()[:16]
