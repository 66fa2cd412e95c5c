"""Boxes as offsets from priors, and back: the one place that encodes and decodes."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Encoding = Literal["corners", "centre"]
ENCODINGS: tuple[Encoding, ...] = ("corners", "centre")


@dataclass(frozen=True)
class BoxCoder:
    """Which offsets a network learns.

    corners: (box - prior) / `scale`, MultiBox's (arXiv 1312.2249; Google's release and TensorFlow's
    MeanStddevBoxCoder have scale 0.01, the literal objective has 1). centre: shift of the centre in
    prior sides over `scale`, log of the ratio of sides over 2 `scale`; Faster R-CNN's form
    (arXiv 1506.01497, equation 2) with SSD's variances at scale 0.1 (arXiv 1512.02325, its code).
    Raises ValueError for another `kind` or a scale that is not positive.
    """

    kind: Encoding = "corners"
    scale: float = 0.01

    def __post_init__(self) -> None:
        """Check the fields."""
        if self.kind not in ENCODINGS:
            raise ValueError(f"kind: expected one of {', '.join(ENCODINGS)}, got {self.kind!r}")
        if not self.scale > 0:
            raise ValueError(f"scale: expected a positive number, got {self.scale}")

    def encode(self, boxes: Tensor, priors: Tensor) -> Tensor:
        """`boxes` (..., 4), `priors` (..., 4), corners in any unit -> offsets (..., 4).

        With `centre` both need sides above zero.
        """
        if self.kind == "corners":
            return (boxes - priors) / self.scale
        centres, sides = _centres_and_sides(boxes)
        prior_centres, prior_sides = _centres_and_sides(priors)
        shift = (centres - prior_centres) / prior_sides / self.scale
        return torch.cat([shift, (sides / prior_sides).log() / (2 * self.scale)], -1)

    def decode(self, offsets: Tensor, priors: Tensor) -> Tensor:
        """`offsets` (..., 4), `priors` (..., 4) -> boxes (..., 4), the inverse of `encode`."""
        if self.kind == "corners":
            return priors + offsets * self.scale
        prior_centres, prior_sides = _centres_and_sides(priors)
        centres = prior_centres + offsets[..., :2] * self.scale * prior_sides
        # A ratio beyond e^8 is an untrained network's; its square would overflow bfloat16.
        ratio = (offsets[..., 2:] * (2 * self.scale)).clamp(-8, 8).exp()
        half = prior_sides * ratio / 2
        return torch.cat([centres - half, centres + half], -1)


def _centres_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """`boxes` (..., 4) -> centres (..., 2) and sides (..., 2)."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low
