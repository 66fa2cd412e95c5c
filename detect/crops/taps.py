"""Which source pixels a pixel of a crop is made of, along one axis, and what each weighs.

OpenCV's four interpolations (its resize.cpp), on any device of torch, in float64.
"""

import torch
from torch import Tensor

# The most source pixels along an axis that one pixel of a crop is made of, by kind; of "area" as
# many as its window needs, rounded up to one of these.
TAPS = {"nearest": 1, "bilinear": 2, "cubic": 4}
AREA_TAPS = (2, 4, 8, 16)

# OpenCV's free parameter of cubic convolution (Keys 1981, equation 4 of PyTorch's and OpenCV's
# resize.cpp); Keys himself prefers -0.5.
_KEYS = -0.75

# Of each of S pixels of m crops: source pixels (m, S, T), weights (m, S, T), shown (m, S).
Axis = tuple[Tensor, Tensor, Tensor]


def taps_along(axis: Tensor, enlarged: Tensor, kind: str, taps: int, crop_size: int) -> Axis:
    """`axis` (m, 4) source from, to, target offset, length -> source pixels, weights, shown.

    Of each of S pixels of m crops along one axis (m, S, T). `enlarged` (m,) along either axis.
    """
    begin, end, offset, length = (column[:, None] for column in axis.unbind(1))
    size, length = (end - begin).clamp(min=1), length.clamp(min=1)
    pixel = torch.arange(crop_size, device=axis.device)[None] - offset
    shown = (pixel >= 0) & (pixel < axis[:, 3:])
    pixel = torch.minimum(pixel.clamp(min=0), length - 1)
    if kind == "nearest":
        places, weights = _nearest(pixel, size, length)
    elif kind == "area":
        places, weights = _area(pixel, size, length, enlarged[:, None], taps)
    else:
        places, weights = _interpolated(pixel, size, length, taps)
    places = torch.minimum(places.clamp(min=0), size[..., None] - 1) + begin[..., None]
    return places, weights.float(), shown


def _nearest(pixel: Tensor, size: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Take the pixel in which the centre lies; between two OpenCV takes either, this the later."""
    places = (2 * pixel + 1) * size // (2 * length)
    return places[..., None], torch.ones_like(places, dtype=torch.float64)[..., None]


def _interpolated(pixel: Tensor, size: Tensor, length: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """Linear (2 taps) or cubic (4) between the centres of pixels."""
    centre = (pixel + 0.5) * (size / length.double()) - 0.5
    before = centre.floor()
    x = centre - before
    if taps == 2:
        weights = torch.stack([1 - x, x], -1)
    else:
        far = [((_KEYS * d - 5 * _KEYS) * d + 8 * _KEYS) * d - 4 * _KEYS for d in (x + 1, 2 - x)]
        near = [((_KEYS + 2) * d - (_KEYS + 3)) * d * d + 1 for d in (x, 1 - x)]
        weights = torch.stack([far[0], *near, far[1]], -1)
    steps = torch.arange(taps, device=pixel.device) - (taps // 2 - 1)
    return before.long()[..., None] + steps, weights


def _area(
    pixel: Tensor, size: Tensor, length: Tensor, enlarged: Tensor, taps: int
) -> tuple[Tensor, Tensor]:
    """Means over the source area of each pixel; where a crop is enlarged, OpenCV's substitute."""
    scale = size / length.double()
    number = torch.arange(taps, device=pixel.device)
    places, weights = _covered(pixel, scale, number)
    if taps == AREA_TAPS[0]:
        other, flags = _enlarging(pixel, length / size.double()), enlarged
    else:
        other, flags = _spread(pixel, scale, number), scale > taps - 1
    places = torch.where(flags[..., None], other[0], places)
    return places, torch.where(flags[..., None], other[1], weights)


def _enlarging(pixel: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """Linear, with all of the change within the pixel where two source pixels meet (resize.cpp)."""
    before = (pixel * (1 / factor)).floor()
    x = ((pixel + 1) - (before + 1) * factor).float().double()
    x = torch.where(x <= 0, 0.0, x - x.floor())
    return torch.stack([before, before + 1], -1).long(), torch.stack([1 - x, x], -1)


def _spread(pixel: Tensor, scale: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Return the source pixels in the middles of equal parts of each area, of equal weight."""
    taps = len(number)
    places = (pixel[..., None] + (number + 0.5) / taps) * scale[..., None]
    return places.floor().long(), torch.full_like(places, 1 / taps)


def _covered(pixel: Tensor, scale: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Return the source pixels that the area of each `pixel` touches, and their shares of it."""
    start = (pixel * scale)[..., None]
    end = start + scale[..., None]
    places = start.floor() + number
    share = torch.minimum(end, places + 1) - torch.maximum(start, places)
    return places.long(), share.clamp(min=0) / scale[..., None]
