"""Convolutional networks of timm as classifiers and trunks.

What GoogLeNet is to the rest of the package, with timm's layers inside: maps of stride 16 ("4e")
and 32 ("5b"), average pooling, dropout and a new last layer.
"""

import copy
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from detect.errors import DataError
from detect.models.timm_models import (
    STRIDES,
    check_maps,
    create,
    map_names,
    map_shape,
    own_size,
    refused,
    run,
)


class TimmMaps(nn.Module):
    """The part of timm's `variant` that makes the maps `until`: "4e" of stride 16, "5b" of 32."""

    def __init__(self, variant: str, until: str = "5b") -> None:
        super().__init__()
        self.variant, self.width, self.until = variant, 1.0, until
        self.trunk = create(variant, until)
        self.order = _prepare(variant, self.trunk)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return next(self.parameters()).dtype

    def features(self, images: Tensor, until: str = "5b") -> Tensor:
        """`images` (N, 3, H, W), normalised -> its maps; ValueError for those of other modules."""
        _check_until(self.until, until)
        return run(self.trunk, images)

    def stages(self) -> list[list[nn.Module]]:
        """Return the layers with weights of every stage: what runs up to its maps."""
        return _stages(self.variant, self.trunk, self.order)


class TimmNetwork(nn.Module):
    """timm's `variant` with `num_outputs`: `forward_features`, average pooling, a new last layer.

    timm's own layers between pooling and classifier (MobileNetV3's, VGG's, ConvNeXt's norm) are
    left out. It has one width, and no auxiliary classifiers. `maps` are those that `with_maps`
    returns. DataError for a network that timm does not have, or that gives no maps.
    """

    has_auxiliary = False
    until = ""  # The whole network.

    def __init__(
        self, num_outputs: int, variant: str, dropout: float | None = None, maps: str = "5b"
    ) -> None:
        super().__init__()
        self.variant, self.width, self.num_outputs = variant, 1.0, num_outputs
        self.trunk = create(variant)
        self.order = _prepare(variant, self.trunk)
        self._kept: list[Tensor] = []
        self._has_tap = False
        self.keep(maps)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout or 0.0)
        self.fc = nn.Linear(self.trunk.num_features, num_outputs)  # type: ignore[arg-type]
        nn.init.normal_(self.fc.weight, std=0.01)  # As GoogLeNet's with batch normalisation.
        nn.init.zeros_(self.fc.bias)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return self.fc.weight.dtype

    def keep(self, until: str) -> None:
        """Let every pass keep the maps `until`, which timm names by the module they come from.

        DataError for a network that has none.
        """
        if until == "5b" or self._has_tap:
            return
        names = [name for stride, name in map_names(self.variant) if stride == STRIDES[until]]
        modules = dict(self.trunk.named_modules())
        places = {name: place for place, name in enumerate(modules)}
        place = _place(places, names[-1]) if names else None
        if place is None:
            raise DataError(
                f"model.variant {self.variant} has no maps of stride {STRIDES[until]}, which "
                f"{until} means here. Choose 5b."
            )
        [*modules.values()][place].register_forward_hook(partial(_keep, self._kept))
        self._has_tap = True

    def release(self) -> None:
        """Let go of maps that a pass kept and nobody took."""
        self._kept.clear()

    def channels(self, until: str) -> int:
        """Return the channels of the maps `until`."""
        last: int = self.fc.in_features
        return last if until == "5b" else map_shape(self.variant, until, own_size(self.variant))[0]

    def with_maps(self, images: Tensor, until: str) -> tuple[Tensor, Tensor]:
        """`images` (N, 3, H, W), normalised -> logits (N, num_outputs), and the maps `until`."""
        maps = self.features(images)
        logits = self.fc(self.dropout(self.avgpool(maps).flatten(1)))
        return logits, maps if until == "5b" else self._kept.pop()

    def classifiers(self) -> list[nn.Module]:
        """Return the last layer."""
        return [self.fc]

    def drop_auxiliary(self) -> None:
        """Do nothing: there are none."""

    def features(self, images: Tensor, until: str = "5b") -> Tensor:
        """`images` (N, 3, H, W), normalised -> the last maps, or "4e" where these are kept."""
        maps = run(self.trunk, images)
        if until == "5b":
            return maps
        _check_until("4e" if self._has_tap else "5b", until)
        return self._kept.pop()

    def forward(self, images: Tensor) -> Tensor:
        """`images` (N, 3, H, W), normalised -> logits (N, num_outputs)."""
        return self.with_maps(images, "5b")[0]

    def stages(self) -> list[list[nn.Module]]:
        """Return the layers with weights of every stage: what runs up to its maps."""
        return _stages(self.variant, self.trunk, self.order)


def _keep(kept: list[Tensor], _: nn.Module, __: object, maps: Tensor) -> None:
    kept[:] = [maps]


def _check_until(own: str, asked: str) -> None:
    if own != asked:
        raise ValueError(f"until: this network makes the maps {own}, got {asked!r}")


def _prepare(variant: str, trunk: nn.Module) -> tuple[str, ...]:
    """Leave out of `trunk` what its maps do not need; return its modules in the order they end.

    Found on a copy without storage, at the size of timm's weights. Layers that never run go; of
    those that run for nothing the weights are frozen, since an optimizer has no gradient for them.
    """
    probe = copy.deepcopy(trunk).to("meta").eval()
    ended: list[str] = []
    for name, module in probe.named_modules():
        module.register_forward_hook(partial(_note, name, ended))
    size = own_size(variant)
    with torch.enable_grad(), torch.device("meta"), refused(variant):
        maps = run(probe, torch.empty(1, 3, size, size))
        maps.sum().backward()  # type: ignore[no-untyped-call]
    check_maps(variant, trunk, maps)
    idle = {name for name, parameter in probe.named_parameters() if parameter.grad is None}
    for name, parameter in trunk.named_parameters():
        if name in idle:
            parameter.requires_grad_(False)
    for name in _unused(trunk, set(ended), idle):
        parent, _, child = name.rpartition(".")
        setattr(trunk.get_submodule(parent), child, nn.Identity())
    return tuple(dict.fromkeys(name for name in ended if name))


def _note(name: str, ended: list[str], *_: object) -> None:
    ended.append(name)


def _unused(trunk: nn.Module, ran: set[str], idle: set[str]) -> list[str]:
    """Return the outermost modules in which nothing ran, and whose parameters are all `idle`."""
    found: list[str] = []
    for name, module in trunk.named_modules():
        inside = [f"{name}.{one}" if one else name for one, _ in module.named_modules()]
        weights = {f"{name}.{one}" for one, _ in module.named_parameters()}
        if not weights or ran & set(inside) or weights - idle:
            continue
        if not any(name.startswith(f"{outer}.") for outer in found):
            found.append(name)
    return found


def _stages(variant: str, trunk: nn.Module, order: Sequence[str]) -> list[list[nn.Module]]:
    """Return the layers of `trunk` that end up to every map that timm names, stage by stage."""
    modules, places = dict(trunk.named_modules()), {name: i for i, name in enumerate(order)}
    ends = [_place(places, name) for _, name in map_names(variant)]
    # What comes after the last of its own maps is of the last stage.
    bounds = [0, *(end + 1 for end in ends if end is not None)]
    bounds[-1] = len(order)
    return [
        [modules[name] for name in order[low:high] if _has_state(modules[name])]
        for low, high in pairwise(bounds)
    ]


def _place(places: dict[str, int], name: str) -> int | None:
    """Return the place of timm's module `name`, which parts of a network spell in other ways."""
    spelled = (name, name.replace(".", "_", 1), f"body.{name}")
    return next((places[one] for one in spelled if one in places), None)


def _has_state(module: nn.Module) -> bool:
    """Tell whether `module` itself has weights or statistics."""
    own = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    return len(own) > 0
