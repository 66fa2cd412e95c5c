"""One trunk: GoogLeNet to 4e once over an image, and its end over every region of those maps.

Fast R-CNN's idea (Girshick, arXiv 1504.08083) with MultiBox's proposals (Szegedy et al., arXiv
1412.1441, its convolutional head ours): both from the same maps. Sizes, and that regions are 5x5
places of 4e, what a crop of 80 px has, are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from detect.models.box_coder import BoxCoder
from detect.models.box_head import BoxHead, BoxHeadDesign
from detect.models.googlenet import GoogLeNet
from detect.models.multibox import ConvolutionalHead, grid_sides
from detect.models.normalised import IMAGENET_MEAN, IMAGENET_STD, NormalisedNetwork
from detect.models.region_classifier import Outputs
from detect.models.roi_sampling import sample_regions
from detect.structures import Size

# The maps that are shared, and their stride in px.
MAPS, STRIDE = "4e", 16
# Places of a region along a side, and px of a crop with maps of that side.
SIDE, CROP = 5, 80
# Where the middle of the first place of 4e lies, px: its convolutions and poolings are centred on
# pixel 14 of the image, since the poolings have no margin on the left.
_FIRST_MIDDLE = 14.5


@dataclass(frozen=True)
class SharedDesign:
    """What decides the shape of a detector of one trunk.

    `classes` without background; images are `input_size` px wide and `input_height` high; `slots`
    of the proposing head: `shapes` at every place of `levels` grids, each half as fine as the one
    before. Raises ValueError where the slots are not those of the grids.
    """

    variant: str
    width: float
    classes: int
    input_size: int
    input_height: int
    slots: int
    levels: int
    shapes: int
    coder: BoxCoder
    regression: BoxHeadDesign

    def __post_init__(self) -> None:
        """Check that the slots are those of the grids."""
        grids = grid_sizes(self.variant, self.input_size, self.input_height, self.levels)
        expected = sum(rows * columns for rows, columns in grids) * self.shapes
        if self.slots != expected:
            raise ValueError(
                f"slots: {self.levels} grids of {self.shapes} shapes at {self.input_size}x"
                f"{self.input_height} px have {expected}, got {self.slots}"
            )


def grid_sizes(variant: str, input_size: int, input_height: int, levels: int) -> list[Size]:
    """Return the (rows, columns) of each grid of the proposing head, finest first."""
    rows, columns = (grid_sides(variant, MAPS, side, levels) for side in (input_height, input_size))
    return list(zip(rows, columns, strict=True))


class SharedNetwork(NormalisedNetwork):
    """A detector of one trunk; `priors` (K, 4) fractions of the image, of the proposing head.

    ValueError if they are not the design's K. `mean`, `std` as elsewhere.
    """

    priors: Tensor
    design: SharedDesign
    network: GoogLeNet

    def __init__(
        self,
        design: SharedDesign,
        priors: Tensor,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        dropout: float | None = None,
    ) -> None:
        super().__init__(mean, std)
        if tuple(priors.shape) != (design.slots, 4):
            raise ValueError(f"priors: expected {(design.slots, 4)}, got {tuple(priors.shape)}")
        self.design, self.num_classes = design, design.classes
        self.register_buffer("priors", priors.to(torch.float32))
        shape = (design.classes + 1, design.variant, design.width)
        self.network = GoogLeNet(*shape, auxiliary=False, dropout=dropout)
        channels = self.network.channels(MAPS)
        self.head = ConvolutionalHead(channels, design.levels, design.shapes, design.slots)
        channels = self.network.channels(design.regression.maps)
        self.regression = BoxHead(design.regression, channels, design.classes)

    def new_layers(self) -> list[nn.Module]:
        """Return what proposes, classifies and moves boxes."""
        return [self.network.fc, self.head, self.regression]

    def trunk(self, images: Tensor) -> Tensor:
        """`images` (N, 3, H, W) RGB 0..255 of the design's size -> maps (N, C, H/16, W/16).

        ValueError for another size.
        """
        expected = (self.design.input_height, self.design.input_size)
        if tuple(images.shape[2:]) != expected:
            got = tuple(images.shape[2:])
            raise ValueError(f"trunk: expected images of (height, width) {expected}, got {got}")
        return self.network.features(self.normalise(images), MAPS)

    def proposed(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Map those of the trunk to offsets (N, K, 4) from the priors, logits (N, K), float32."""
        outputs = self.head(maps.to(next(self.head.parameters()).dtype)).float()
        return outputs[..., :4], outputs[..., 4]

    def propose(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """`images` as of `trunk` -> as `proposed`: what a MultiBox network says."""
        return self.proposed(self.trunk(images))

    def decode(self, offsets: Tensor) -> Tensor:
        """`offsets` (N, K, 4) -> boxes (N, K, 4), fractions of the image, not clipped."""
        return self.design.coder.decode(offsets, self.priors)

    def regions(self, maps: Tensor, boxes: Tensor, images: Tensor) -> Tensor:
        """Cut `boxes` (R, 4), fractions of the images, out of `maps` (N, C, H, W): (R, C, 5, 5).

        `images` (R,) says of which of N.
        """
        size = boxes.new_tensor([self.design.input_size, self.design.input_height] * 2)
        places = (boxes * size - _FIRST_MIDDLE) / STRIDE + 0.5
        return sample_regions(maps, places, images, SIDE).to(maps.dtype)

    def forward(self, regions: Tensor) -> Outputs:
        """Classify and move `regions` (R, C, 5, 5), as cut by `regions`."""
        logits, last = self.network.after(regions.to(self.network.dtype), MAPS)
        maps = regions if self.design.regression.maps == MAPS else last
        return Outputs(logits, self.regression(maps))
