"""GoogLeNet as region classifier: crops in, logits of the classes and of background out."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from detect.models.googlenet import GoogLeNet

# ImageNet's channel means and deviations in 0..255 units (torchvision.transforms' 0.485, 0.456,
# 0.406 and 0.229, 0.224, 0.225): the customary default for photographs.
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class RegionClassifier(nn.Module):
    """GoogLeNet with `num_classes` + 1 outputs; background is the last column.

    `mean` and `std` (3,) RGB in 0..255 units; they are buffers, so a checkpoint holds them.
    The other arguments are GoogLeNet's.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        num_classes: int,
        variant: str = "bn",
        width: float = 1.0,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        *,
        auxiliary: bool = True,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.network = GoogLeNet(num_classes + 1, variant, width, auxiliary, dropout)
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32))
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32))

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean (3,) and std (3,), RGB in 0..255 units: what a ModelCard and crops need."""
        mean, std = (tuple(round(v, 4) for v in t.tolist()) for t in (self.mean, self.std))
        return mean, std

    def forward(self, crops: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """`crops` (N, 3, S, S) RGB 0..255, float32 or uint8 -> logits (N, num_classes + 1).

        In training with auxiliary classifiers: those logits of the network, of 4a and of 4d.
        """
        logits: Tensor | tuple[Tensor, Tensor, Tensor] = self.network(self.normalise(crops))
        return logits

    def normalise(self, crops: Tensor) -> Tensor:
        """`crops` (N, 3, S, S) 0..255 -> (crops - mean) / std, float32, same memory format."""
        return (crops - self.mean[:, None, None]).div_(self.std[:, None, None])
