"""What grouping compares regions by: size, box, neighbours, colours and textures.

Uijlings et al. section 3.2, in the details of OpenCV's selectivesearchsegmentation.cpp: each pass
over the pixels serves all regions, and what depends on the image alone is made once for every k.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.proposals.search.compiled import compiled

COLOUR_BINS, TEXTURE_BINS = 25, 10
_ANGLES = 8  # of gradients: along x and y, upright and turned by 45 degrees, up and down each
_LAST_COLUMNS = 64  # more than a vector of any processor holds
_Bins = NDArray[np.uint8]
_Ints = NDArray[np.int32]
_Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Regions:
    """R regions of an image of `pixels`.

    `sizes` (R,) px; `boxes` (R, 4) xyxy px; `firsts` and `seconds` (E,) neighbours, the smaller
    number first, in order; `colours` (R, 25 C) and `textures` (R, 80 C) histograms of sum 1.
    """

    pixels: int
    sizes: _Ints
    boxes: _Ints
    firsts: _Ints
    seconds: _Ints
    colours: _Floats
    textures: _Floats


class Appearance:
    """The bins of an image's pixels, for the histograms of any of its segmentations."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        """Put the colours and gradients of `image` (H, W, C) into bins."""
        channels = [np.asarray(channel, np.uint8) for channel in cv2.split(image)]
        self._colours = _bins(channels, COLOUR_BINS)
        self._textures = _bins(gradients(image), TEXTURE_BINS)
        self._histograms = len(channels) * COLOUR_BINS, len(channels) * _ANGLES * TEXTURE_BINS

    def regions(self, labels: _Ints) -> Regions:
        """Measure the regions of `labels` (H, W), numbered from 0."""
        sizes, boxes = _extents(labels)
        flat = labels.reshape(-1)
        firsts, seconds = np.divmod(np.unique(_pairs(labels, len(sizes))), len(sizes))
        return Regions(
            pixels=labels.size,
            sizes=sizes,
            boxes=boxes,
            firsts=firsts.astype(np.int32),
            seconds=seconds.astype(np.int32),
            colours=_shares(_count(self._colours, flat, len(sizes), self._histograms[0])),
            textures=_shares(_count(self._textures, flat, len(sizes), self._histograms[1])),
        )


def _bins(maps: Sequence[NDArray[np.uint8]], count: int) -> _Bins:
    """Return the bins (H W, M) of `maps` (H, W) of 0..255, in a histogram of `count` for each."""
    bins = np.empty((maps[0].size, len(maps)), np.uint8)
    of_value = (np.arange(256) * count // 256).astype(np.uint8)
    for number, values in enumerate(maps):
        _put(bins, number, values, of_value + np.uint8(number * count))
    return bins


@compiled
def _put(bins: _Bins, number: int, values: NDArray[np.uint8], of_value: _Bins) -> None:
    height, width = values.shape
    for y in range(height):
        for x in range(width):
            bins[y * width + x, number] = of_value[values[y, x]]


def gradients(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """`image` (H, W, C) -> its gradients, 8 a channel, each stretched to 0..255 (H, W)."""
    height, width = image.shape[:2]
    upright = [_scharr(image, 1, 0), _scharr(image, 0, 1)]
    turned_width, turned_height = _turned_size((width, height), (width / 2, height / 2), 45.0)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 45.0, 1.0)
    turn[:, 2] += turned_width / 2 - width / 2, turned_height / 2 - height / 2
    turned = np.asarray(cv2.warpAffine(image, turn, (turned_width, turned_height)), np.uint8)
    centre = (turned_width // 2, turned_height // 2)
    back = cv2.getRotationMatrix2D(centre, -45.0, 1.0)
    left, top = max(0, (turned_width - width) // 2), max(0, (turned_height - height) // 2)
    # OpenCV turns all of it back; less gives the same while no pixel used is in the last columns,
    # which it calculates one by one and rounds otherwise.
    across, _ = _turned_size((turned_width, turned_height), centre, -45.0)
    across = min(across, left + width + _LAST_COLUMNS)
    for dx, dy in ((1, 0), (0, 1)):
        whole = cv2.warpAffine(_scharr(turned, dx, dy), back, (across, top + height))
        upright.append(np.asarray(whole[top:, left : left + width], np.float32))
    by_channel = zip(*map(cv2.split, upright), strict=True)
    return [half for channel in by_channel for gradient in channel for half in _halves(gradient)]


def _scharr(image: NDArray[np.uint8], dx: int, dy: int) -> _Floats:
    return np.asarray(cv2.Scharr(image, cv2.CV_32F, dx, dy), np.float32)


def _turned_size(
    size: tuple[int, int], centre: tuple[float, float], angle: float
) -> tuple[int, int]:
    """Return (width, height) of the upright box round a box of `size` turned by `angle`."""
    corners = cv2.boxPoints((centre, size, angle))
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    across, down = (high - low + 1).astype(int)
    return int(across), int(down)


def _halves(gradient: _Floats) -> list[NDArray[np.uint8]]:
    """Part `gradient` (H, W) by its sign, each part stretched to 0..255; a flat one is all 0."""
    parts: list[NDArray[np.uint8]] = []
    for kind in (cv2.THRESH_TOZERO, cv2.THRESH_TOZERO_INV):
        part = cv2.threshold(gradient, 0, 0, kind)[1]
        low, high, *_ = cv2.minMaxLoc(part)
        if high == low:
            parts.append(np.zeros(part.shape, np.uint8))
            continue
        scale = 255 / (high - low)
        stretched = cv2.convertScaleAbs(part, alpha=scale, beta=-255 * low / (high - low))
        parts.append(np.asarray(stretched, np.uint8))
    return parts


@compiled
def _extents(labels: _Ints) -> tuple[_Ints, _Ints]:
    """`labels` (H, W) -> sizes (R,) and boxes (R, 4) of the regions."""
    height, width = labels.shape
    count = labels.max() + 1
    sizes = np.zeros(count, np.int32)
    boxes = np.empty((count, 4), np.int32)
    boxes[:, 0], boxes[:, 1], boxes[:, 2], boxes[:, 3] = width, height, 0, 0
    for y in range(height):
        for x in range(width):
            region = labels[y, x]
            sizes[region] += 1
            boxes[region, 0] = min(boxes[region, 0], x)
            boxes[region, 1] = min(boxes[region, 1], y)
            boxes[region, 2] = max(boxes[region, 2], x + 1)
            boxes[region, 3] = max(boxes[region, 3], y + 1)
    return sizes, boxes


@compiled
def _pairs(labels: _Ints, count: int) -> NDArray[np.int64]:
    """Return each pair of neighbours as first * `count` + second, many times, in no order.

    As OpenCV sees them: to the left, above, and left above; nothing in the first row and column.
    """
    height, width = labels.shape
    pairs = np.empty(3 * height * width, np.int64)
    found = 0
    for y in range(1, height):
        for x in range(1, width):
            own = labels[y, x]
            for other in (labels[y, x - 1], labels[y - 1, x], labels[y - 1, x - 1]):
                if own != other:
                    pairs[found] = np.int64(min(own, other)) * count + max(own, other)
                    found += 1
    return pairs[:found].copy()


@compiled
def _count(bins: _Bins, labels: _Ints, count: int, size: int) -> _Ints:
    """`bins` (P, M) and `labels` (P,) of the pixels -> histograms (R, `size`) of the regions."""
    counts = np.zeros((count, size), np.int32)
    for pixel in range(len(labels)):
        row = counts[labels[pixel]]
        for number in range(bins.shape[1]):
            row[bins[pixel, number]] += 1
    return counts


@compiled
def _shares(counts: _Ints) -> _Floats:
    """Return the share of each of `counts` (R, B) in the sum of its row, in single precision."""
    shares = np.empty(counts.shape, np.float32)
    for row in range(len(counts)):
        total = np.float32(counts[row].sum())
        for b in range(counts.shape[1]):
            shares[row, b] = np.float32(counts[row, b]) / total
    return shares
