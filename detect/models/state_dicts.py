"""State dicts that were written elsewhere, and what of one a network began with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from detect.errors import DataError, option
from detect.models.training_state import is_plain, read_pickle


@dataclass(frozen=True)
class Initialised:
    """What a network began with: the layers copied and those left as drawn, by name."""

    source: str
    loaded: tuple[str, ...]
    skipped: tuple[str, ...]

    def __str__(self) -> str:
        """Return one line for a log."""
        count, total = len(self.loaded), len(self.loaded) + len(self.skipped)
        left = f"; new: {_some(self.skipped)}" if self.skipped else ""
        return f"started from {self.source}: {count} of {total} layers copied{left}"


def _some(names: Sequence[str], most: int = 4) -> str:
    """Join `names`, the first `most` of them spelled out."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def layers_of(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Group tensors into layers: a convolution goes with its batch normalisation.

    The values are not copies: writing into them changes the network. The count of batches is
    left out: state dicts of early PyTorch lack it, and nothing here reads it.
    """
    layers: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        layer, _, key = name.rpartition(".")
        if key == "num_batches_tracked":
            continue
        block, _, part = layer.rpartition(".")
        if part in ("conv", "bn"):
            layer, key = block, f"{part}.{key}"
        layers.setdefault(layer, {})[key] = value
    return layers


def read_state_dict(path: Path, accepted: str) -> dict[str, Tensor]:
    """Read a state dict of tensors at `path`, torch.save's; DataError, with what is `accepted`."""
    takes = f"{option('init')} takes {accepted}."
    if not path.is_file():
        raise DataError(f"{path}: no such file. {takes}")
    remedy = f"Copy or download it again; {takes}"
    state = read_pickle(path, "PyTorch state dict", remedy)
    if not isinstance(state, dict) or not all(map(is_plain, state.values())):
        raise DataError(f"{path}: not a state dict of tensors. {takes}")
    if not all(isinstance(name, str) for name in state):
        raise DataError(f"{path}: not a state dict of tensors. {takes}")
    return state
