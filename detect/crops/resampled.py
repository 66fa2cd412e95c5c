"""Crops of regions of many images at once by torch: OpenCV's four interpolations on any device.

Every interpolation is a table along each axis: which source pixels a crop's pixel is made of, and
what each weighs. A few gathers make a batch, however many images it shows.
Same windows as `detect.crops.opencv`, and its results to at most 2 of 255 levels (1 but for cubic:
OpenCV weighs in fixed point). What differs: where a window is more than 15 times as wide as its
crop, "area" is the mean of 16 x 16 pixels spread evenly over the area, not of all of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from detect.crops.geometry import Windows, fill_colour
from detect.structures import BoolArray, Image, IntArray

# The most source pixels along an axis that one pixel of a crop is made of, by kind; of "area" as
# many as its window needs, rounded up to one of these.
_TAPS = {"nearest": 1, "bilinear": 2, "cubic": 4}
_AREA_TAPS = (2, 4, 8, 16)

# Ours: source pixels that are gathered at once, 28 bytes each: 64 crops of 224 px by cubic.
_AT_ONCE = 2**24

# OpenCV's free parameter of cubic convolution (Keys 1981, equation 4 of PyTorch's and OpenCV's
# resize.cpp); Keys himself prefers -0.5.
_KEYS = -0.75

# Of the last axis of what a kernel gathers: red, green, blue and one byte that stands for nothing.
CHANNELS = 4


@dataclass(frozen=True, eq=False)
class Regions:
    """Which pixels N crops show.

    `windows` of N crops, `first` (N,) where each one's image begins among the pixels, `widths`
    (N,) of these images, `flips` (N, 3) left-right, top-bottom, transposed, done in this order.
    """

    windows: Windows
    first: IntArray
    widths: IntArray
    flips: BoolArray


def packed(image: Image) -> NDArray[np.int32]:
    """`image` (H, W, 3) uint8 -> (H, W) int32, the bytes of a pixel in one number."""
    pixels = np.zeros((*image.shape[:2], CHANNELS), np.uint8)
    pixels[..., :3] = image
    return pixels.view(np.int32)[..., 0]


def crop(
    pixels: Tensor,
    regions: Regions,
    crop_size: int,
    mean: ArrayLike,
    interpolations: Sequence[str],
) -> Tensor:
    """`pixels` (P,) int32 of `packed` images, Regions of N crops -> uint8 (N, S, S, 4).

    On the device of `pixels`; the fourth channel says nothing. `mean` (3,) 0..255 fills what no
    window covers; `interpolations` (N,) of opencv.INTERPOLATIONS. ValueError for another.
    """
    device = pixels.device
    count = len(interpolations)
    crops = torch.empty((count, crop_size, crop_size, CHANNELS), dtype=torch.uint8, device=device)
    fill = torch.zeros(CHANNELS)
    fill[:3] = torch.from_numpy(fill_colour(mean))
    fill, table = to_device(fill, device), to_device(_table(regions), device)
    for kind, taps, rows in _groups(regions.windows, interpolations, crop_size):
        chosen = to_device(torch.from_numpy(rows), device)
        made = _sampled(pixels, table[chosen], kind, taps, crop_size, fill)
        crops.index_copy_(0, chosen, made)
    return crops


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Return `values` on `device`; a GPU is not waited for."""
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def _table(regions: Regions) -> Tensor:
    """Return sources, targets, first, widths and flips as columns (N, 13)."""
    windows = regions.windows
    columns = (
        windows.sources,
        windows.targets,
        regions.first[:, None],
        regions.widths[:, None],
        regions.flips,
    )
    return torch.from_numpy(np.concatenate(columns, axis=1, dtype=np.int64))


def _groups(
    windows: Windows, interpolations: Sequence[str], crop_size: int
) -> Iterator[tuple[str, int, NDArray[np.intp]]]:
    """Yield kind, taps along an axis and rows of the crops that are made together."""
    for kind, taps, rows in _kinds(windows, interpolations):
        step = max(1, _AT_ONCE // (crop_size**2 * taps))
        for start in range(0, len(rows), step):
            yield kind, taps, rows[start : start + step]


def _kinds(
    windows: Windows, interpolations: Sequence[str]
) -> Iterator[tuple[str, int, NDArray[np.intp]]]:
    """Yield kind, taps along an axis and rows of the crops that are made in the same way."""
    kinds = np.array(interpolations, np.str_)
    unknown = set(interpolations) - {*_TAPS, "area"}
    if unknown:
        raise ValueError(f"crop: unknown interpolation {min(unknown)!r}")
    for kind, taps in _TAPS.items():
        rows = np.flatnonzero(kinds == kind)
        if len(rows):
            yield kind, taps, rows
    rows = np.flatnonzero(kinds == "area")
    needed = _area_taps(windows.take(rows))
    for taps in np.unique(needed).tolist():
        yield "area", taps, rows[needed == taps]


def _area_taps(windows: Windows) -> IntArray:
    """Return how many source pixels along an axis (N,) the area of a crop's pixel may touch."""
    sides = windows.sources[:, 2:] - windows.sources[:, :2]
    scale = sides / np.maximum(windows.targets[:, 2:], 1)
    enlarged = (scale < 1).any(axis=1)
    needed = np.where(enlarged, 2, np.ceil(scale.max(axis=1, initial=1.0)) + 1)
    places = np.searchsorted(_AREA_TAPS, needed).clip(max=len(_AREA_TAPS) - 1)
    return np.asarray(np.array(_AREA_TAPS)[places], np.int64)


def _sampled(
    pixels: Tensor, table: Tensor, kind: str, taps: int, crop_size: int, fill: Tensor
) -> Tensor:
    """Return uint8 (n, S, S, 4) of crops that are all made with `taps` of `kind`."""
    (rows, row_weights, row_shown), (columns, column_weights, column_shown) = _axes(
        table, kind, taps, crop_size
    )
    total = torch.zeros((len(table), crop_size, crop_size, CHANNELS), device=pixels.device)
    column_weights = column_weights[:, None, :, :, None]
    pairs = zip(rows.unbind(2), row_weights.unbind(2), strict=True)
    for places, weights in pairs:
        index = places[:, :, None, None] + columns[:, None]
        levels = torch.take(pixels, index).view(torch.uint8).view(*index.shape, CHANNELS)
        total.addcmul_((levels * column_weights).sum(3), weights[:, :, None, None])
    shown = row_shown[:, :, None, None] & column_shown[:, None, :, None]
    return torch.where(shown, total, fill).add_(0.5).clamp_(0, 255).to(torch.uint8)


_Axis = tuple[Tensor, Tensor, Tensor]


def _axes(table: Tensor, kind: str, taps: int, crop_size: int) -> tuple[_Axis, _Axis]:
    """Return what each row and each column of n crops is made of, mirrored and transposed.

    Each: where it begins among the pixels (n, S, T), weights (n, S, T), whether it shows image
    (n, S).
    """
    x1, y1, x2, y2, left, top, width, height, first, stride = table[:, :10].unbind(1)
    across = torch.stack([x1, x2, left, width], 1)
    down = torch.stack([y1, y2, top, height], 1)
    enlarged = (x2 - x1 < width) | (y2 - y1 < height)
    places, weights, shown = _taps(
        torch.cat([down, across]), torch.cat([enlarged, enlarged]), kind, taps, crop_size
    )
    count = len(table)
    rows = first[:, None, None] + places[:count] * stride[:, None, None]
    columns = places[count:]
    mirrored, inverted, transposed = (table[:, 10:] > 0).unbind(1)
    one = _flipped((rows, weights[:count], shown[:count]), inverted)
    other = _flipped((columns, weights[count:], shown[count:]), mirrored)
    return _chosen(transposed, other, one), _chosen(transposed, one, other)


def _flipped(axis: _Axis, flips: Tensor) -> _Axis:
    places, weights, shown = axis
    return _chosen(flips, (places.flip(1), weights.flip(1), shown.flip(1)), axis)


def _chosen(flags: Tensor, one: _Axis, other: _Axis) -> _Axis:
    """Return the crops of `one` where `flags` (n,) are set, else those of `other`."""
    long = flags[:, None, None]
    return (
        torch.where(long, one[0], other[0]),
        torch.where(long, one[1], other[1]),
        torch.where(flags[:, None], one[2], other[2]),
    )


def _taps(axis: Tensor, enlarged: Tensor, kind: str, taps: int, crop_size: int) -> _Axis:
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
    if taps == _AREA_TAPS[0]:
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
