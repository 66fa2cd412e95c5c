"""A network made ready to only evaluate."""

import copy
from typing import TypeVar

import torch
from torch import nn

from detect.models.device import multiply_float32_exactly, resolve_precision
from detect.models.folding import fold
from detect.models.googlenet import GoogLeNet
from detect.models.normalised import NormalisedNetwork

Network = TypeVar("Network", bound=nn.Module)
Normalised = TypeVar("Normalised", bound=NormalisedNetwork)


def prepare_for_inference(model: Network) -> Network:
    """Return a copy of `model` that computes the same logits faster, and can no longer train.

    No auxiliary classifiers, batch normalisation folded into the convolutions before it,
    weights in channels_last, no gradients. The copy is where `model` is; feed it channels_last
    crops. `model` is left as it was.
    """
    prepared = copy.deepcopy(model).eval().requires_grad_(False)
    for module in [*prepared.modules()]:
        if isinstance(module, GoogLeNet):
            module.drop_auxiliary()
    fold(prepared)
    return prepared.to(memory_format=torch.channels_last)


def ready_on(device: torch.device, model: Normalised, precision: str = "auto") -> Normalised:
    """Return `model` prepared, on `device`, its weights in what `precision` means there.

    With bfloat16 weights it computes what autocast would, which converts them for every batch.
    """
    prepared = prepare_for_inference(model).to(device)
    if device.type == "cuda":
        multiply_float32_exactly()
    if resolve_precision(device, precision) == "bfloat16":
        prepared.network.to(torch.bfloat16)
    return prepared
