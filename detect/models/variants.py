"""The one description from which every GoogLeNet is built: Table 1's widths, three variants."""

from dataclasses import dataclass
from typing import NamedTuple


class Widths(NamedTuple):
    """Output channels of one Inception module's convolutions, the columns of Table 1."""

    n1x1: int
    n3x3_reduce: int
    n3x3: int
    n5x5_reduce: int
    n5x5: int
    pool_projection: int

    @property
    def outputs(self) -> int:
        """Channels of the concatenated output."""
        return self.n1x1 + self.n3x3 + self.n5x5 + self.pool_projection

    def scaled(self, width: float) -> "Widths":
        """Return the widths of a network `width` times as wide."""
        return Widths(*(scale_channels(channels, width) for channels in self))


@dataclass(frozen=True)
class Variant:
    """What tells one GoogLeNet from another.

    `batch_norm`: batch normalisation in place of biases; `response_norm`: LRN after pool1 and
    conv2; `kernel_5x5`: side of the kernel in the branch named 5x5; `pool4`: side of the window
    of the max pool between 4e and 5a; `adaptive_auxiliary`: auxiliary maps pooled to 4x4 at
    every size; `dropout`: share dropped before the classifier.
    """

    batch_norm: bool
    response_norm: bool
    kernel_5x5: int
    pool4: int
    adaptive_auxiliary: bool
    dropout: float


# Their names are those of detect/trunks.py.
# paper: Table 1, Fig. 3 and the public Caffe model (bvlc_googlenet). bn: the same network with
# batch normalisation (Ioffe & Szegedy 2015) in place of LRN, for training from scratch.
# torchvision: torchvision.models.googlenet, whose ImageNet weights it loads.
VARIANTS = {
    "paper": Variant(False, True, 5, 3, False, 0.4),
    "bn": Variant(True, False, 5, 3, False, 0.4),
    "torchvision": Variant(True, False, 3, 2, True, 0.2),
}

# Table 1: channels of conv1, of conv2's reduction and of conv2.
STEM = (64, 64, 192)

# Table 1, the rows inception (3a) to (5b).
INCEPTIONS = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}


def scale_channels(channels: int, width: float) -> int:
    """Return `channels` * `width` as the nearest positive multiple of 8.

    Every number of Table 1 is one, and vector units like them. Our choice: the paper gives no
    widths for its wider network.
    """
    return max(8, int(channels * width / 8 + 0.5) * 8)
