"""Training states on disk: what an interrupted training goes on from."""

from pathlib import Path
from typing import Any

import torch

from detect.errors import DataError, option
from detect.files import writing
from detect.formats import stamped, upgraded


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a training state (tensors, numbers, text, lists, dictionaries) to resume from.

    Raises errors of files.writing.
    """
    with writing(path) as stream:
        torch.save(stamped(state), stream)


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state on the CPU; DataError if it is missing, damaged or newer.

    Only plain values and tensors are read (`weights_only`): a state can run no code.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: no training state to resume from. Start without {option('resume')}."
        )
    remedy = f"Delete it and start again without {option('resume')}."
    return upgraded(read_pickle(path, "training state", remedy), "training state", path)


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
