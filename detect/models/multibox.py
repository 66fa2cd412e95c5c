"""MultiBox: a trunk, and a head that scores and moves K priors, whatever the class.

Erhan et al. 2014 (arXiv 1312.2249); with GoogLeNet's trunk: Szegedy et al. 2014 (arXiv 1412.1441).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from detect.models.box_coder import BoxCoder
from detect.models.layers import ConvBlock
from detect.models.map_sides import map_side
from detect.models.networks import build_trunk
from detect.models.normalised import IMAGENET_MEAN, IMAGENET_STD, NormalisedNetwork
from detect.models.variants import VARIANTS
from detect.trunks import EXPECTED, is_variant

Head = Literal["fc", "conv"]
HEADS: tuple[Head, ...] = ("fc", "conv")
TAPS = ("4e", "5b")

# Head A: 1x1 to 288 channels (64 + 96 + 64 + 64) and 1,536 units: arXiv 1506.01497, footnote 6,
# says so of arXiv 1412.1441.
_REDUCED, _UNITS = 288, 1536
# Head C: our choice, R-CNN's successors use 256 to 512.
_HIDDEN = 256
# Boxes an image that the confidences expect before training: keeps the first loss small.
_EXPECTED_BOXES = 3


@dataclass(frozen=True)
class MultiBoxDesign:
    """What decides the shape of a MultiBox network.

    `head`: "fc" (A: every slot sees the whole map) or "conv" (C: `shapes` slots at every place of
    `levels` grids, each half as fine as the one before); `until`: the Inception module it sits on,
    of a network of timm the maps of stride 16 (4e) or 32 (5b); `input_size` px; `slots` K. Raises
    ValueError for a value that does not fit.
    """

    variant: str
    width: float
    head: Head
    until: str
    input_size: int
    slots: int
    levels: int
    shapes: int
    coder: BoxCoder

    def __post_init__(self) -> None:
        """Check that the slots are those of the grids."""
        if not is_variant(self.variant):
            raise ValueError(f"variant: expected {EXPECTED}, got {self.variant!r}")
        for name, known in (("head", HEADS), ("until", TAPS)):
            if getattr(self, name) not in known:
                expected = ", ".join(known)
                raise ValueError(f"{name}: expected one of {expected}, got {getattr(self, name)!r}")
        if self.head == "conv" and self.slots != (expected_slots := self.grid_slots):
            raise ValueError(
                f"slots: {self.levels} grids of {self.shapes} shapes at {self.input_size} px have "
                f"{expected_slots}, got {self.slots}"
            )

    @property
    def grid_slots(self) -> int:
        """Slots of the convolutional head."""
        sides = grid_sides(self.variant, self.until, self.input_size, self.levels)
        return sum(side * side for side in sides) * self.shapes


def grid_sides(variant: str, until: str, input_size: int, levels: int) -> tuple[int, ...]:
    """Return the places along a side of each grid of the convolutional head, finest first."""
    sides = [map_side(variant, until, input_size)]
    while len(sides) < levels:
        sides.append((sides[-1] + 1) // 2)
    return tuple(sides)


class MultiBox(NormalisedNetwork):
    """Trunk, head and `priors` (K, 4), fractions of the window; `mean`, `std` as elsewhere.

    ValueError if `priors` are not the design's K.
    """

    priors: Tensor
    design: MultiBoxDesign

    def __init__(
        self,
        design: MultiBoxDesign,
        priors: Tensor,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(mean, std)
        if tuple(priors.shape) != (design.slots, 4):
            raise ValueError(f"priors: expected {(design.slots, 4)}, got {tuple(priors.shape)}")
        self.design = design
        self.register_buffer("priors", priors.to(torch.float32))
        self.network, channels = build_trunk(design.variant, design.width, design.until)
        self.head = _build_head(design, channels, dropout)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """`images` (N, 3, S, S) RGB 0..255, S the design's -> offsets (N, K, 4), logits (N, K).

        float32 whatever the precision of the trunk: positions need it. ValueError for another S.
        """
        side = self.design.input_size
        if tuple(images.shape[2:]) != (side, side):
            got = "x".join(map(str, images.shape[2:]))
            raise ValueError(f"MultiBox: inputs of {side}x{side} px, got {got}")
        maps = self.network.features(self.normalise(images), self.design.until)
        outputs = self.head(maps).float()
        return outputs[..., :4], outputs[..., 4]

    def new_layers(self) -> list[nn.Module]:
        """Return the head."""
        return [self.head]

    def decode(self, offsets: Tensor) -> Tensor:
        """`offsets` (N, K, 4) -> boxes (N, K, 4), fractions of the window, not clipped."""
        return self.design.coder.decode(offsets, self.priors)


class FullyConnectedHead(nn.Module):
    """Head A: (N, C, H, W) -> (N, K, 5); each slot is tied to its prior by its weights alone."""

    def __init__(self, channels: int, side: int, slots: int, batch_norm: bool, drop: float) -> None:
        super().__init__()
        self.slots = slots
        self.reduce = ConvBlock(channels, _REDUCED, 1, batch_norm=batch_norm)
        self.hidden = nn.Linear(_REDUCED * side * side, _UNITS)
        self.dropout = nn.Dropout(drop)
        self.boxes = nn.Linear(_UNITS, slots * 4)
        self.confidences = nn.Linear(_UNITS, slots)
        _start(self.boxes, 0.0)
        _start(self.confidences, _first_logit(slots))
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")

    def forward(self, maps: Tensor) -> Tensor:
        """Map `maps` (N, C, H, W) to (N, K, 5): four offsets and a logit a slot."""
        hidden = self.dropout(functional.relu(self.hidden(self.reduce(maps).flatten(1))))
        boxes = self.boxes(hidden).view(-1, self.slots, 4)
        return torch.cat([boxes, self.confidences(hidden)[..., None]], -1)


class ConvolutionalHead(nn.Module):
    """Head C: (N, C, H, W) -> (N, K, 5), the same weights at every place of a grid.

    Order: level, row, column, shape: that of `priors.grid_priors`.
    """

    def __init__(self, channels: int, levels: int, shapes: int, slots: int) -> None:
        super().__init__()
        widths = [channels, *[_HIDDEN] * (levels - 1)]
        self.levels = nn.ModuleList(
            ConvBlock(width, _HIDDEN, 3, stride=1 if level == 0 else 2, batch_norm=True)
            for level, width in enumerate(widths)
        )
        self.outputs = nn.ModuleList(nn.Conv2d(_HIDDEN, shapes * 5, 1) for _ in widths)
        for layer in self.outputs:
            nn.init.normal_(layer.weight, std=0.01)  # type: ignore[arg-type]
            first = torch.zeros(shapes, 5)
            first[:, 4] = _first_logit(slots)
            layer.bias = nn.Parameter(first.flatten())

    def forward(self, maps: Tensor) -> Tensor:
        """Map `maps` (N, C, H, W) to (N, K, 5): four offsets and a logit a slot."""
        found = []
        for level, output in zip(self.levels, self.outputs, strict=True):
            maps = level(maps)
            # Rows, columns, then shapes: the priors' order.
            found.append(output(maps).permute(0, 2, 3, 1).reshape(len(maps), -1, 5))
        return torch.cat(found, 1)


def _build_head(design: MultiBoxDesign, channels: int, dropout: float) -> nn.Module:
    if design.head == "conv":
        return ConvolutionalHead(channels, design.levels, design.shapes, design.slots)
    side = map_side(design.variant, design.until, design.input_size)
    # Networks of timm have it.
    batch_norm = design.variant not in VARIANTS or VARIANTS[design.variant].batch_norm
    return FullyConnectedHead(channels, side, design.slots, batch_norm, dropout)


def _first_logit(slots: int) -> float:
    """Return the logit of _EXPECTED_BOXES in `slots`."""
    share = min(_EXPECTED_BOXES / slots, 0.5)
    return math.log(share / (1 - share))


def _start(layer: nn.Linear, bias: float) -> None:
    """Draw small weights: the first boxes are the priors, the first confidences alike."""
    nn.init.normal_(layer.weight, std=0.01 * (1536 / layer.in_features) ** 0.5)
    nn.init.constant_(layer.bias, bias)
