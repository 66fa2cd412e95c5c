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
from detect.crops.taps import AREA_TAPS, TAPS, Axis, taps_along
from detect.crops.uploads import to_device
from detect.structures import BoolArray, Image, IntArray

# Ours: source pixels that are gathered at once, 28 bytes each: 64 crops of 224 px by cubic.
_AT_ONCE = 2**24

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
    unknown = set(interpolations) - {*TAPS, "area"}
    if unknown:
        raise ValueError(f"crop: unknown interpolation {min(unknown)!r}")
    for kind, taps in TAPS.items():
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
    places = np.searchsorted(AREA_TAPS, needed).clip(max=len(AREA_TAPS) - 1)
    return np.asarray(np.array(AREA_TAPS)[places], np.int64)


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


def _axes(table: Tensor, kind: str, taps: int, crop_size: int) -> tuple[Axis, Axis]:
    """Return what each row and each column of n crops is made of, mirrored and transposed.

    Each: where it begins among the pixels (n, S, T), weights (n, S, T), whether it shows image
    (n, S).
    """
    x1, y1, x2, y2, left, top, width, height, first, stride = table[:, :10].unbind(1)
    across = torch.stack([x1, x2, left, width], 1)
    down = torch.stack([y1, y2, top, height], 1)
    enlarged = (x2 - x1 < width) | (y2 - y1 < height)
    places, weights, shown = taps_along(
        torch.cat([down, across]), torch.cat([enlarged, enlarged]), kind, taps, crop_size
    )
    count = len(table)
    rows = first[:, None, None] + places[:count] * stride[:, None, None]
    columns = places[count:]
    mirrored, inverted, transposed = (table[:, 10:] > 0).unbind(1)
    one = _flipped((rows, weights[:count], shown[:count]), inverted)
    other = _flipped((columns, weights[count:], shown[count:]), mirrored)
    return _chosen(transposed, other, one), _chosen(transposed, one, other)


def _flipped(axis: Axis, flips: Tensor) -> Axis:
    places, weights, shown = axis
    return _chosen(flips, (places.flip(1), weights.flip(1), shown.flip(1)), axis)


def _chosen(flags: Tensor, one: Axis, other: Axis) -> Axis:
    """Return the crops of `one` where `flags` (n,) are set, else those of `other`."""
    long = flags[:, None, None]
    return (
        torch.where(long, one[0], other[0]),
        torch.where(long, one[1], other[1]),
        torch.where(flags[:, None], one[2], other[2]),
    )
