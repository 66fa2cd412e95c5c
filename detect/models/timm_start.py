"""Starting a network of timm from weights of the same network."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from detect.errors import DataError, option, unreadable
from detect.models.checkpoints import load_model
from detect.models.kinds import KINDS
from detect.models.model_files import KIND_KEY, find_weights, read_card
from detect.models.normalised import NormalisedNetwork
from detect.models.state_dicts import Initialised, layers_of, read_state_dict, unwrapped
from detect.models.tensor_files import opened_tensors
from detect.models.timm_models import create
from detect.models.timm_networks import TimmMaps, TimmNetwork
from detect.models.timm_weights import fetch_timm

# The package of tf_efficientnet_lite0 has other names, in timm's order: its first one.
_OTHER_NAMES = "_conv_stem.weight"
_COUNTS = ".num_batches_tracked"  # State dicts of early PyTorch have none; nothing here reads them.
_ACCEPTED = (
    "a state dict of the same network of timm (.pth, .safetensors), a run's folder, a .safetensors "
    "file with its card, or the word imagenet"
)


def start_timm(model: NormalisedNetwork, network: TimmNetwork | TimmMaps, init: str) -> Initialised:
    """Copy all of the trunk of `network`, that of `model`, from `init`; nothing where it is wrong.

    `init` is a state dict of the same network of timm, its classifier of any classes, a model of
    this program, whose mean and std the model takes over, or "imagenet" (timm_weights.fetch_timm).
    DataError for weights of another network, and the errors of fetch_timm.
    """
    if init == "imagenet":
        state, source = fetch_timm(network.variant)
        _load(network, state, source)
    elif _is_state_dict(Path(init)):
        source = init
        _load(network, _read(Path(init)), source)
    else:
        source = str(find_weights(Path(init)))
        _start_from_ours(model, network, Path(init))
    loaded = tuple(layers_of(dict(network.trunk.state_dict())))
    return Initialised(source, loaded, ("fc",) if isinstance(network, TimmNetwork) else ())


def _is_state_dict(path: Path) -> bool:
    """Tell whether `path` is one of tensors alone: not a model of ours, which has a card."""
    if path.suffix in (".pth", ".pt"):
        return True
    if path.suffix != ".safetensors" or not path.is_file() or path.with_suffix(".json").is_file():
        return False
    with opened_tensors(path) as file:
        return file.card is None


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        return read_state_dict(path, _ACCEPTED)
    try:
        return unwrapped(load_file(path))
    except OSError as error:
        raise unreadable(path, error) from error
    except SafetensorError as error:
        raise DataError(f"{path}: not a complete .safetensors file. Copy it again.") from error


def _load(network: TimmNetwork | TimmMaps, state: dict[str, Tensor], source: str) -> None:
    """Copy the weights `state` of the whole network into the trunk of `network`.

    `state` has timm's names, or those of the package of tf_efficientnet_lite0.
    """
    variant, until = network.variant, network.until
    whole = create(variant, num_classes=None)
    state = checked(variant, whole, state, source)
    told = {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": state}}
    _take(network.trunk, create(variant, until, **told).state_dict(), source)


def checked(
    variant: str, whole: nn.Module, state: dict[str, Tensor], source: str
) -> dict[str, Tensor]:
    """Return `state` as timm loads it into `whole`, which keeps its classifier; DataError if wrong.

    Wrong are tensors that are missing, of another shape, or not finite.
    """
    expected = whole.state_dict()
    if _OTHER_NAMES in state:
        state = _renamed(list(expected), state)
    needed = _needed(whole)
    wrong = [one for one in needed if _shape(state.get(one)) != _shape(expected[one])]
    if wrong:
        raise DataError(
            f"{source}: weights of another network than {variant}: {len(needed) - len(wrong)} of "
            f"its {len(needed)} tensors fit. {wrong[0]}: expected {_shape(expected[wrong[0]])}, "
            f"got {_shape(state.get(wrong[0]))}. {option('init')} takes {_ACCEPTED}."
        )
    return {one: state[one] if one in needed else value for one, value in expected.items()}


def _needed(whole: nn.Module) -> list[str]:
    """Return the names of the tensors of `whole` besides its classifier and counts of batches."""
    said = whole.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr, operator]
    classifiers = tuple(f"{one}." for one in ((said,) if isinstance(said, str) else said))
    names = (one for one in whole.state_dict() if _COUNTS not in one)
    return [one for one in names if not (classifiers and one.startswith(classifiers))]


def _renamed(names: list[str], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return `state` by `names`, in whose order it is; both without the counts of batches."""
    kept = [name for name in names if _COUNTS not in name]
    values = [value for name, value in state.items() if _COUNTS not in name]
    return dict(zip(kept, values, strict=False))


def _start_from_ours(model: NormalisedNetwork, network: TimmNetwork | TimmMaps, path: Path) -> None:
    """Copy from the model of this program at `path`, with its mean and std."""
    source = str(find_weights(path))
    other, card = load_model(path, KINDS[read_card(path)[KIND_KEY]])
    theirs = other.network
    if theirs.variant != network.variant or theirs.until not in ("", network.until):
        part = f" up to {theirs.until}" if theirs.until else ""
        raise DataError(
            f"{source}: weights of another network: of {theirs.variant}{part}, the recipe's "
            f"model.variant is {network.variant}. {option('init')} takes {_ACCEPTED}."
        )
    if theirs.until == network.until:
        _take(network.trunk, theirs.trunk.state_dict(), source)
    else:
        # What a classifier leaves out of timm's network, its maps do not need.
        whole = create(network.variant, num_classes=None)
        _load(network, {**whole.state_dict(), **theirs.trunk.state_dict()}, source)
    model.mean.copy_(torch.tensor(list(card.mean)))
    model.std.copy_(torch.tensor(list(card.std)))


def _take(trunk: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Copy those of `state` that `trunk` has; DataError where one is not finite."""
    taken = {name: state[name] for name in trunk.state_dict()}
    if broken := [name for name, value in taken.items() if not value.isfinite().all()]:
        raise DataError(f"{source}: tensor {broken[0]} has numbers that are not finite.")
    trunk.load_state_dict(taken)


def _shape(tensor: Tensor | None) -> list[int] | None:
    return None if tensor is None else list(tensor.shape)
