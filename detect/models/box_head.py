"""The network's second output: how its region's box should move, learned beside the classifier.

Fast R-CNN, arXiv 1504.08083, section 2.3, with its targets in R-CNN's form (box_regression.py). It
reads maps before the average pooling, which still know where things are: those of stride 16 or 32,
averaged over a grid of places. Maps, grid and one box for all classes are ours: that paper has a
box a class and fully connected layers on 7x7 maps.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from detect.errors import DataError
from detect.models.googlenet import SMALLEST_INPUT
from detect.models.map_sides import map_side

REGRESSIONS = ("agnostic", "classwise")
MOST_PLACES = 7
# Section 3.1: "Gaussian distributions with standard deviations 0.01 and 0.001", this the second.
_STD = 0.001
# As recipes have it.
_LARGEST_INPUT = 1024


@dataclass(frozen=True)
class BoxHeadDesign:
    """What decides the shape of a head: `kind` of REGRESSIONS, `maps` 4e or 5b, `grid` places."""

    kind: str
    maps: str
    grid: int


class BoxHead(nn.Module):
    """Maps (N, `channels`, H, W) -> deltas (N, K, 4), K 1 or the number of classes.

    It learns deltas of `mean` 0 and `std` 1, buffers (4,) that `set_statistics` sets, and returns
    plain ones.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, design: BoxHeadDesign, channels: int, num_classes: int) -> None:
        super().__init__()
        self.design = design
        self.boxes = num_classes if design.kind == "classwise" else 1
        self.fc = nn.Linear(channels * design.grid**2, 4 * self.boxes)
        nn.init.normal_(self.fc.weight, std=_STD)
        nn.init.zeros_(self.fc.bias)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("std", torch.ones(4))

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Take over what the deltas of the training's pairs have: `mean`, `std` (4,)."""
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, maps: Tensor) -> Tensor:
        """Map `maps` (N, channels, H, W) to deltas (N, K, 4), float32."""
        # Over the grid: of more places a step would move a box further, and beyond.
        features = pooled(maps, self.design.grid).to(self.fc.weight.dtype) / self.design.grid
        found: Tensor = self.fc(features).float()
        return found.view(-1, self.boxes, 4) * self.std + self.mean


def pooled(maps: Tensor, grid: int) -> Tensor:
    """Map `maps` (N, C, H, W) to means over `grid` x `grid` places, (N, C * grid**2).

    torch's adaptive average pooling, whose gradients a GPU adds in another order every time.
    """
    height, width = maps.shape[2:]
    rows, columns = _bins(height, grid), _bins(width, grid)
    means = [maps[:, :, row, column].mean(dim=(2, 3)) for row in rows for column in columns]
    return torch.stack(means, 2).flatten(1)


def _bins(side: int, grid: int) -> list[slice]:
    """Return the parts of a `side` that are averaged: they overlap where it does not divide."""
    return [slice(i * side // grid, -(-(i + 1) * side // grid)) for i in range(grid)]


def check_grid(variant: str, design: BoxHeadDesign, input_size: int) -> None:
    """Raise DataError where the maps of `input_size` px have fewer places than the grid."""
    side = map_side(variant, design.maps, input_size)
    if side >= design.grid:
        return
    smallest = _smallest_input(variant, design.maps, design.grid)
    raise DataError(
        f"regression.grid: {design.grid}x{design.grid} places, and the maps {design.maps} of "
        f"{variant} are {side}x{side} at model.input_size {input_size}. Its smallest input for "
        f"this grid is {smallest} px; or choose a smaller grid, or maps 4e."
    )


@cache
def _smallest_input(variant: str, maps: str, grid: int) -> int:
    """Return the smallest side in px whose maps have `grid` places along a side."""
    low, high = SMALLEST_INPUT, _LARGEST_INPUT
    while low < high:
        middle = (low + high) // 2
        if _side(variant, maps, middle) < grid:
            low = middle + 1
        else:
            high = middle
    return low


def _side(variant: str, maps: str, size: int) -> int:
    """Return the side of the maps; 0 where the network does not take `size` px."""
    try:
        return map_side(variant, maps, size)
    except DataError:
        return 0
