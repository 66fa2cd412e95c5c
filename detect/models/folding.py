"""Which batch normalisation follows which convolution, and folding it into that convolution.

GoogLeNet's blocks have one of each. Which convolution of timm's networks feeds which normalisation
is read off a trace (torch.fx): every network of timm calls its layers in its own way.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detect.models.layers import ConvBlock
from detect.models.timm_models import import_timm, run
from detect.models.timm_networks import TimmMaps, TimmNetwork


class Place(NamedTuple):
    """The attribute `name` of the module `parent`."""

    parent: nn.Module
    name: str

    @property
    def layer(self) -> Any:
        """What is there."""
        return getattr(self.parent, self.name)


class Pair(NamedTuple):
    """A convolution, and the batch normalisation that alone reads its output."""

    conv: Place
    norm: Place


def fold(model: nn.Module) -> None:
    """Fold what can be in `model`, set to evaluate: it computes the same from then on."""
    for conv, norm in [*pairs(model)]:
        fused = fuse_conv_bn_eval(conv.layer, norm.layer)
        setattr(conv.parent, conv.name, fused)
        setattr(norm.parent, norm.name, after(norm.layer))


def after(norm: Any) -> nn.Module:
    """Return what `norm` does besides normalising: timm's has an activation in it."""
    return nn.Identity() if type(norm) is nn.BatchNorm2d else nn.Sequential(norm.drop, norm.act)


def pairs(model: nn.Module) -> Iterator[Pair]:
    """Yield the pairs of `model` of which one call can be made.

    Not where more than a normalisation reads a convolution's output, either runs more than once
    or is watched by a hook; and nothing of a network that cannot be traced.
    """
    for module in model.modules():
        if isinstance(module, ConvBlock) and isinstance(module.bn, nn.BatchNorm2d):
            yield Pair(Place(module, "conv"), Place(module, "bn"))
        if isinstance(module, TimmNetwork | TimmMaps):
            yield from _traced(module.trunk)
        if isinstance(module, TimmNetwork):
            module.release()  # Of the trace, which is no tensor.


class _Traced(nn.Module):
    """A network of timm, or a part of one, whose `forward` gives its maps."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, images: Tensor) -> Tensor:
        """Map `images` (N, 3, H, W) to maps."""
        return run(self.trunk, images)


class _Layers(fx.Tracer):
    """Traces a network down to its convolutions and normalisations, not into them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Tell whether `m` is one call of the trace."""
        is_layer = isinstance(m, nn.Conv2d | nn.BatchNorm2d)
        return is_layer or super().is_leaf_module(m, module_qualified_name)


def _traced(trunk: nn.Module) -> Iterator[Pair]:
    """Yield the pairs of `trunk`, timm's."""
    traced = _Traced(trunk)
    try:
        graph = _Layers().trace(traced)
    except Exception:  # What depends on values or sizes cannot be: nothing is wrong with it.
        return
    times = Counter(node.target for node in graph.nodes)
    for node in graph.nodes:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or (node.op, before.op) != ("call_module",) * 2:
            continue
        pair = Pair(*(_place(traced, str(one.target)) for one in (before, node)))
        once = times[before.target] == times[node.target] == len(before.users) == 1
        if once and _folds(pair.conv.layer, pair.norm.layer):
            yield pair


def _folds(conv: nn.Module, norm: nn.Module) -> bool:
    """Tell whether these are kinds that can be folded, and nothing else watches them."""
    layers = import_timm().layers
    if type(conv) not in (nn.Conv2d, layers.Conv2dSame):
        return False
    if type(norm) not in (nn.BatchNorm2d, layers.BatchNormAct2d) or norm.running_mean is None:
        return False
    return not (conv._forward_hooks or norm._forward_hooks or norm._forward_pre_hooks)


def _place(model: nn.Module, name: str) -> Place:
    parent, _, child = name.rpartition(".")
    return Place(model.get_submodule(parent), child)
