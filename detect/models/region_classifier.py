"""A region classifier: crops in, logits of the classes and of background out."""

from collections.abc import Sequence

from torch import Tensor, nn

from detect.models.networks import AnyClassifier, build_classifier
from detect.models.normalised import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    GoogLeNetDesign,
    NormalisedNetwork,
)


class RegionClassifier(NormalisedNetwork):
    """A network with `num_classes` + 1 outputs; background is the last column.

    `mean` and `std` (3,) RGB in 0..255 units. The other arguments are
    build_classifier's.
    """

    network: AnyClassifier
    design: GoogLeNetDesign

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
        super().__init__(mean, std)
        self.num_classes = num_classes
        self.design = GoogLeNetDesign(variant, width, num_classes)
        self.network = build_classifier(num_classes + 1, variant, width, auxiliary, dropout)

    def new_layers(self) -> list[nn.Module]:
        """Return the classifiers, the auxiliary ones among them."""
        return self.network.classifiers()

    def forward(self, crops: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """`crops` (N, 3, S, S) RGB 0..255, float32 or uint8 -> logits (N, num_classes + 1).

        In training with auxiliary classifiers: those logits of the network, of 4a and of 4d.
        """
        logits: Tensor | tuple[Tensor, Tensor, Tensor] = self.network(self.normalise(crops))
        return logits

    def pooled(self, crops: Tensor) -> Tensor:
        """`crops` (N, 3, S, S) RGB 0..255 -> features (N, D), float32, of the last classifier.

        The average-pooled maps, 1024 at width 1. R-CNN takes pool5 for boxes, its last layer
        before the fully connected ones, and fc7 for SVMs; GoogLeNet has only these (arXiv
        1409.4842, Table 1).
        """
        maps = self.network.features(self.normalise(crops))
        return maps.float().mean(dim=(2, 3))
