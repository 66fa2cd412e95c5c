"""What every network of the pipeline does first: from 0..255 RGB to its own units."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from detect.models.box_head import BoxHeadDesign
from detect.models.networks import AnyNetwork

# ImageNet's channel means and deviations in 0..255 units (torchvision.transforms' 0.485, 0.456,
# 0.406 and 0.229, 0.224, 0.225): the customary default for photographs.
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class GoogLeNetDesign(NamedTuple):
    """What decides the shape of a classifier, of regions or of images; background is no class.

    `regression` of a classifier of regions that moves their boxes.
    """

    variant: str
    width: float
    classes: int
    regression: BoxHeadDesign | None = None


class NormalisedNetwork(nn.Module):
    """A network on pixels; `mean` and `std` (3,) RGB 0..255 are buffers, so checkpoints hold them.

    `network` is the GoogLeNet in it, or timm's network, which other runs' weights can be copied
    into; `design` what decides the shape of the whole, in the way of its kind.
    """

    mean: Tensor
    std: Tensor
    network: AnyNetwork
    design: Any

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32))
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32))

    def new_layers(self) -> list[nn.Module]:
        """Return what no other training's weights are copied into; the rest is the trunk."""
        raise NotImplementedError

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean (3,) and std (3,), RGB in 0..255 units: what a card and crops need."""
        mean, std = (tuple(round(v, 4) for v in t.tolist()) for t in (self.mean, self.std))
        return mean, std

    def normalise(self, images: Tensor) -> Tensor:
        """`images` (N, 3, H, W) 0..255 -> (images - mean) / std, same memory format.

        Computed in float32, returned in the type of the network's weights.
        """
        found = (images - self.mean[:, None, None]).div_(self.std[:, None, None])
        return found.to(self.network.dtype)
