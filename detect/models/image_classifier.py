"""GoogLeNet as the paper's classification entry had it: one class an image, no background."""

from collections.abc import Sequence

from torch import Tensor, nn

from detect.models.layers import AuxiliaryClassifier
from detect.models.networks import AnyClassifier, build_classifier
from detect.models.normalised import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    GoogLeNetDesign,
    NormalisedNetwork,
)


class ImageClassifier(NormalisedNetwork):
    """A network with `num_classes` outputs: GoogLeNet, or one of timm.

    `mean` and `std` (3,) RGB in 0..255 units; `auxiliary_dropout` of the auxiliary classifiers,
    by default the paper's 0.7. The other arguments are build_classifier's.
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
        auxiliary_dropout: float | None = None,
    ) -> None:
        super().__init__(mean, std)
        self.num_classes = num_classes
        self.design = GoogLeNetDesign(variant, width, num_classes)
        self.network = build_classifier(num_classes, variant, width, auxiliary, dropout)
        for module in self.network.modules():
            if isinstance(module, AuxiliaryClassifier) and auxiliary_dropout is not None:
                module.dropout.p = auxiliary_dropout

    def new_layers(self) -> list[nn.Module]:
        """Return the classifiers, the auxiliary ones among them."""
        return self.network.classifiers()

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """`images` (N, 3, S, S) RGB 0..255, float32 or uint8 -> logits (N, num_classes).

        In training with auxiliary classifiers: those logits of the network, of 4a and of 4d.
        """
        logits: Tensor | tuple[Tensor, Tensor, Tensor] = self.network(self.normalise(images))
        return logits
