"""Training states on disk: what an interrupted training goes on from."""

import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeGuard

import torch
from torch import Tensor

from detect.errors import DataError, option
from detect.files import writing
from detect.formats import stamped, upgraded

# What torch says of a class that it does not read with `weights_only`.
_OBJECT = re.compile(r"(?:Unsupported global|Unsupported class|GLOBAL) (?:GLOBAL )?([\w.]+)")

START_ANEW = f"Delete it and start again without {option('resume')}."


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a training state (tensors, numbers, text, lists, dictionaries) to resume from.

    Raises errors of files.writing.
    """
    with writing(path) as stream:
        torch.save(stamped(state), stream)


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state on the CPU; DataError if it is missing, damaged or newer.

    Only plain values and tensors are read (`weights_only`): a state can run no code. What they
    are, training/resuming.py checks.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no training state to resume from. Start without {option('resume')}."
        )
    if not _is_archive(path):
        raise DataError(f"{path}: not a complete training state. {START_ANEW}")
    state = read_pickle(path, "training state", START_ANEW)
    if not isinstance(state, dict):
        raise DataError(f"{path}: not a training state ({type(state).__name__}). {START_ANEW}")
    return upgraded(state, "training state", path)


def read_pickle(path: Path, what: str, remedy: str) -> Any:
    """Read a file of torch.save on the CPU, tensors and plain values only.

    DataError saying that `path` is not a complete `what`, and the `remedy`.
    """
    if _is_archive(path):  # Early versions of PyTorch wrote another form.
        _check_archive(path, what, remedy)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except UnpicklingError as error:
        if not (found := _OBJECT.search(str(error))):
            raise DataError(f"{path}: not a complete {what} (UnpicklingError). {remedy}") from error
        raise DataError(
            f"{path}: holds an object of {found[1]}, a whole pickled model it seems, which could "
            f"run code and is not read. Expected a {what}: where it was made, write "
            "torch.save(model.state_dict(), FILE)."
        ) from error
    except Exception as error:  # Bytes that are no pickle raise nearly anything.
        raise DataError(
            f"{path}: not a complete {what} ({type(error).__name__}). {remedy}"
        ) from error


def _is_archive(path: Path) -> bool:
    """Tell whether `path` is an archive, maybe a damaged one."""
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # It says of parts of itself that they lie elsewhere.
        return True


def _check_archive(path: Path, what: str, remedy: str) -> None:
    """Raise DataError unless `path` is an archive as torch.save writes: stored, sums right.

    torch.load reads past wrong sums, and would unpack what is compressed, however large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise zipfile.BadZipFile("compressed")
            if sum(entry.file_size for entry in entries) > path.stat().st_size:
                raise zipfile.BadZipFile("larger within than without")
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is damaged")
    except MemoryError:
        raise
    except Exception as error:  # zipfile has ten ways to say that something is no archive.
        raise DataError(f"{path}: not a complete {what} ({error}). {remedy}") from error


def is_plain(value: object) -> TypeGuard[Tensor]:
    """Tell whether `value` is a tensor of numbers in memory: not sparse, quantised or without."""
    if not isinstance(value, Tensor) or value.is_quantized or value.is_complex():
        return False
    return value.layout == torch.strided and value.device.type == "cpu"
