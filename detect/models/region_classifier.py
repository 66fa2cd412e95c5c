"""A region classifier: crops in, logits of the classes and background out, and deltas of boxes."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from detect.models.box_head import BoxHead, BoxHeadDesign, pooled
from detect.models.googlenet import Logits
from detect.models.networks import AnyClassifier, build_classifier
from detect.models.normalised import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    GoogLeNetDesign,
    NormalisedNetwork,
)


class Outputs(NamedTuple):
    """What a network says of N crops: `logits` as without `deltas` (N, K, 4) of their boxes."""

    logits: Logits
    deltas: Tensor


class RegionClassifier(NormalisedNetwork):
    """A network with `num_classes` + 1 outputs; background is the last column.

    `mean` and `std` (3,) RGB in 0..255 units; with `regression` it moves boxes as well. The other
    arguments are build_classifier's.
    """

    network: AnyClassifier
    design: GoogLeNetDesign
    regression: BoxHead | None

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
        regression: BoxHeadDesign | None = None,
    ) -> None:
        super().__init__(mean, std)
        self.num_classes = num_classes
        self.design = GoogLeNetDesign(variant, width, num_classes, regression)
        shape = (num_classes + 1, variant, width, auxiliary, dropout)
        self.regression = None
        if regression is None:
            self.network = build_classifier(*shape)
        else:
            self.network = build_classifier(*shape, regression.maps)
            channels = self.network.channels(regression.maps)
            self.regression = BoxHead(regression, channels, num_classes)

    def new_layers(self) -> list[nn.Module]:
        """Return the classifiers, the auxiliary ones among them, and what moves boxes."""
        heads = [] if self.regression is None else [self.regression]
        return [*self.network.classifiers(), *heads]

    def forward(self, crops: Tensor) -> Logits | Outputs:
        """`crops` (N, 3, S, S) RGB 0..255, float32 or uint8 -> logits (N, num_classes + 1).

        In training with auxiliary classifiers: those logits of the network, of 4a and of 4d. A
        network that moves boxes: Outputs with these, from the same pass.
        """
        images = self.normalise(crops)
        if self.regression is None:
            logits: Logits = self.network(images)
            return logits
        logits, maps = self.network.with_maps(images, self.regression.design.maps)
        return Outputs(logits, self.regression(maps))

    def pooled(self, crops: Tensor, maps: str = "5b", grid: int = 1) -> Tensor:
        """`crops` (N, 3, S, S) RGB 0..255 -> features (N, D), float32: `maps` over `grid` squared.

        By default those of the last classifier, 1024 at width 1. R-CNN takes pool5 for boxes, its
        last layer before the fully connected ones, and fc7 for SVMs; GoogLeNet's pooled maps are
        its only ones (arXiv 1409.4842, Table 1).
        """
        found = self.network.features(self.normalise(crops), maps)
        return pooled(found.float(), grid)
