"""Batch normalisation of timm's networks folded into the convolutions before it.

Which convolution feeds which normalisation is read off a trace (torch.fx): every network of timm
calls its layers in its own way.
"""

from collections import Counter
from typing import Any

from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detect.models.timm_models import import_timm, run


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


def fold(trunk: nn.Module) -> None:
    """Fold what can be in `trunk`, timm's, set to evaluate: it computes the same from then on.

    Where more than a normalisation reads a convolution's output, or either runs more than once,
    both stay; so does a whole network that cannot be traced.
    """
    try:
        graph = _Layers().trace(_Traced(trunk))
    except Exception:  # What depends on values or sizes cannot be: nothing is wrong with it.
        return
    modules = dict(_Traced(trunk).named_modules())
    times = Counter(node.target for node in graph.nodes)
    for node in graph.nodes:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or (node.op, before.op) != ("call_module",) * 2:
            continue
        conv, norm = modules[str(before.target)], modules[str(node.target)]
        once = times[before.target] == times[node.target] == len(before.users) == 1
        if once and _folds(conv, norm):
            _set(modules, str(before.target), fuse_conv_bn_eval(conv, norm))
            _set(modules, str(node.target), _without_norm(norm))


def _folds(conv: nn.Module, norm: nn.Module) -> bool:
    """Tell whether these are kinds that can be folded, and nothing else watches them."""
    layers = import_timm().layers
    if type(conv) not in (nn.Conv2d, layers.Conv2dSame):
        return False
    if type(norm) not in (nn.BatchNorm2d, layers.BatchNormAct2d) or norm.running_mean is None:
        return False
    return not (conv._forward_hooks or norm._forward_hooks or norm._forward_pre_hooks)


def _without_norm(norm: Any) -> nn.Module:
    """Return what `norm` does besides normalising: timm's has an activation in it."""
    return nn.Identity() if type(norm) is nn.BatchNorm2d else nn.Sequential(norm.drop, norm.act)


def _set(modules: dict[str, nn.Module], name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(modules[parent], child, layer)
