"""State dicts that were written elsewhere, and what of one a network began with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from detect.errors import DataError, option
from detect.models.training_state import is_plain, read_pickle

# What they put before the name of every layer.
_WRAPPERS = ("module.", "_orig_mod.", "module.")


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
    if not _is_state_dict(state):
        entries = state.items() if isinstance(state, dict) else ()
        inner = [key for key, value in entries if _is_state_dict(value)]
        within = f" but holds one under {inner[0]!r}: save that alone" if inner else ""
        raise DataError(f"{path}: not a state dict of tensors{within}. {takes}")
    return unwrapped(state)


def unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return `state` by the names that its layers have without DataParallel and torch.compile."""
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return state


def _is_state_dict(value: object) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) for name in value)
        and all(map(is_plain, value.values()))
    )
