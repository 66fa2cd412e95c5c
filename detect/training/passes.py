"""The same training with fewer passes over a network's maps, which take more time than sums do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from detect.models.folding import Pair, after, pairs
from detect.models.timm_models import import_timm

# Their gradients are made of what they were given: in place they would copy it first.
_OF_THEIR_INPUT = (nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.Mish)


def keep_inputs(model: nn.Module) -> None:
    """Let activations of `model` whose gradients need their input leave it as it is."""
    for module in model.modules():
        if isinstance(module, _OF_THEIR_INPUT):
            module.inplace = False


def pairs_of(model: nn.Module, evaluated: Sequence[nn.Module]) -> list[Pair]:
    """Return the convolutions of `model` whose normalisation is among the `evaluated` modules."""
    kept = {id(module) for one in evaluated for module in one.modules()}
    found = pairs(model) if kept else ()
    return [pair for pair in found if id(pair.norm.layer) in kept and pair.norm.layer.affine]


@contextmanager
def as_one(chosen: Sequence[Pair]) -> Iterator[None]:
    """Let the convolutions of the `chosen` pairs normalise as well, with statistics that stay.

    What is learned stays the same: with the scale s and the shift t of the normalisation
    s (w * x) + t is ((s w) * x) + t, and gradients go through s w to both.
    """
    layers = [(pair.conv.layer, pair.norm.layer) for pair in chosen]
    for conv, norm in layers:
        conv.forward, norm.forward = partial(_normalised, conv, norm), after(norm).forward
    try:
        yield
    finally:
        for conv, norm in layers:
            del conv.forward, norm.forward


def _normalised(conv: Any, norm: Any, maps: Tensor) -> Tensor:
    """Convolve `maps` (N, C, H, W) by `conv` and normalise by `norm`'s running statistics."""
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    if conv.bias is not None:
        shift = shift + conv.bias * scale
    weight = conv.weight * scale[:, None, None, None]
    if type(conv) is nn.Conv2d:
        return conv._conv_forward(maps, weight, shift)  # type: ignore[no-any-return]
    padded = import_timm().layers.pad_same(maps, weight.shape[-2:], conv.stride, conv.dilation)
    return nn.functional.conv2d(
        padded, weight, shift, conv.stride, conv.padding, conv.dilation, conv.groups
    )
