"""Starting a network from weights trained elsewhere."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from detect.errors import DataError, EnvironmentProblem, UsageError, option
from detect.models.checkpoints import load_model
from detect.models.googlenet import AUXILIARY, GoogLeNet
from detect.models.kinds import KINDS
from detect.models.model_files import KIND_KEY, find_weights, read_card
from detect.models.normalised import NormalisedNetwork
from detect.models.state_dicts import Initialised, layers_of, read_state_dict
from detect.models.timm_start import start_timm
from detect.trunks import IMAGENET

IMAGENET_VARIANT = "torchvision"

# torchvision's weights see (x/255 - 0.5) / 0.5: its `transform_input` undoes ImageNet's mean and
# std and applies these (torchvision.models.googlenet, GoogLeNet._transform_input).
TORCHVISION_MEAN = TORCHVISION_STD = (127.5, 127.5, 127.5)

# Never copied: they are of other classes, and torchvision's auxiliary ones were not trained.
_CLASSIFIERS = ("fc", *AUXILIARY.values())


def initialise(model: NormalisedNetwork, init: str) -> Initialised:
    """Copy into `model` every layer of `init` with the same name and shape, classifiers aside.

    `init` is a torchvision GoogLeNet state dict (.pth), a model of this program (run folder or
    .safetensors), or "imagenet", which fetches torchvision's. The model takes over the mean and
    std that the weights were trained with. Raises DataError for a file that is no model or fits
    nowhere, UsageError for imagenet with another variant, EnvironmentProblem without network.
    A network of timm takes timm's weights in the same ways (timm_start.py).
    """
    if not isinstance(model.network, GoogLeNet):
        return start_timm(model, model.network, init)
    if init == IMAGENET:
        _require_torchvision(model.network)
        return _copy(model, fetch_imagenet(), "torchvision's ImageNet weights")
    path = Path(init)
    if path.suffix in (".pth", ".pt"):
        return _copy(model, read_state_dict(path, _ACCEPTED), init)
    other, card = load_model(path, KINDS[read_card(path)[KIND_KEY]])
    return _copy(model, other.network.state_dict(), str(find_weights(path)), card.mean, card.std)


def fetch_imagenet() -> dict[str, Tensor]:
    """Return torchvision's GoogLeNet weights, from its cache or the network.

    Raises EnvironmentProblem when they cannot be fetched.
    """
    from torchvision.models import GoogLeNet_Weights

    weights = GoogLeNet_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise EnvironmentProblem(
            f"torchvision's ImageNet weights cannot be fetched ({error}). On a machine with a "
            f"network download {weights.url} and give that file: {option('init', 'FILE')}."
        ) from error
    return dict(state)


def _require_torchvision(network: GoogLeNet) -> None:
    if network.variant != IMAGENET_VARIANT or network.width != 1:
        raise UsageError(
            f"{option('init', IMAGENET)}: these weights are of the variant {IMAGENET_VARIANT} at "
            f"width 1, got {network.variant} at width {network.width:g}. Change the model's "
            "variant and width in the configuration."
        )


_ACCEPTED = (
    "a state dict of torchvision's GoogLeNet (.pth), a run's folder, a .safetensors file with its "
    "card, or the word imagenet"
)


@torch.no_grad()
def _copy(
    model: NormalisedNetwork,
    state: dict[str, Tensor],
    source: str,
    mean: Sequence[float] = TORCHVISION_MEAN,
    std: Sequence[float] = TORCHVISION_STD,
) -> Initialised:
    """Copy layer by layer from `state` (names of GoogLeNet) with its mean and std."""
    own, theirs = layers_of(model.network.state_dict()), layers_of(state)
    loaded = tuple(name for name in own if _fits(name, own[name], theirs.get(name, {})))
    if not loaded:
        raise DataError(
            f"{source}: no layer of it fits the variant {model.network.variant} at width "
            f"{model.network.width:g}. Choose the variant and width it was trained with; "
            f"{option('init')} takes {_ACCEPTED}."
        )
    for name in loaded:
        if not all(value.isfinite().all() for value in theirs[name].values()):
            raise DataError(f"{source}: layer {name} has numbers that are not finite.")
    for name in loaded:
        for key, value in own[name].items():
            value.copy_(theirs[name][key])
    model.mean.copy_(torch.tensor(list(mean)))
    model.std.copy_(torch.tensor(list(std)))
    return Initialised(source, loaded, tuple(name for name in own if name not in loaded))


def _fits(name: str, own: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    """Tell whether the layer `name` may be copied: all its tensors, with the same shapes."""
    if name.split(".")[0] in _CLASSIFIERS or own.keys() != theirs.keys():
        return False
    return all(own[key].shape == theirs[key].shape for key in own)
