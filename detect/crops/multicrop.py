"""The 144 crops of an image that GoogLeNet's entry classified (arXiv 1409.4842, section 7).

At 4 scales the left, centre and right square (top, centre and bottom of a portrait image); of
each square its 4 corners, its centre and all of it, resized; and their mirror images.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.crops import opencv
from detect.crops.counts import CROPS
from detect.crops.geometry import Windows
from detect.structures import Image, IntArray, Size

# The shorter side in sevenths of the input's: 256, 288, 320 and 352 at 224.
SEVENTHS = (8, 9, 10, 11)
# scale, square (left, centre, right), crop (4 corners, centre, whole square), mirrored.
SHAPE = (len(SEVENTHS), 3, 6, 2)


@dataclass(frozen=True, eq=False)
class ScaledWindows:
    """What the crops show at the four scales.

    `sizes` (4, 2) H, W px that the image is resized to; `windows` (4, 3, 6, 4) x1, y1, x2, y2,
    half-open px of the resized image.
    """

    sizes: IntArray
    windows: IntArray


def members(crops: int) -> IntArray:
    """Return which of the 144, in the order of SHAPE, the `crops` (1, 10 or 144) are: (crops,).

    10: Krizhevsky et al. 2012, section 4.1: corners and centre of the central 256 px square and
    their mirror images. 1: its centre alone. The paper does not define its 1 and 10: this is the
    customary meaning. Raises ValueError for another number.
    """
    places = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    subsets = {1: places[0, 1, 4, :1], 10: places[0, 1, :5], 144: places}
    if crops not in subsets:
        raise ValueError(f"crops: expected one of {', '.join(map(str, CROPS))}, got {crops}")
    return np.asarray(subsets[crops].reshape(-1), np.int64)


def scaled_windows(size: Size, input_size: int) -> ScaledWindows:
    """Image `size` (H, W) px, a network's `input_size` px -> ScaledWindows.

    Sides round to the nearest pixel, positions down.
    """
    shorter = [round(input_size * sevenths / 7) for sevenths in SEVENTHS]
    sizes = [_scaled(size, side) for side in shorter]
    pairs = zip(sizes, shorter, strict=True)
    return ScaledWindows(
        np.array(sizes, np.int64),
        np.stack([_squares(scaled, side, input_size) for scaled, side in pairs]),
    )


def cut(image: Image, input_size: int, crops: int) -> NDArray[np.uint8]:
    """`image` (H, W, 3) -> the `crops` (1, 10 or 144) of it, (crops, S, S, 3), as in `members`.

    Averaged over area where the image shrinks, interpolated linearly where it grows (ours).
    """
    scaled = scaled_windows((image.shape[0], image.shape[1]), input_size)
    selected = np.zeros(SHAPE, np.bool_)
    selected.reshape(-1)[members(crops)] = True
    cropped = np.empty((*SHAPE, input_size, input_size, 3), np.uint8)
    for scale in np.flatnonzero(selected.any(axis=(1, 2, 3))).tolist():
        at_scale = selected[scale].any(axis=2)
        resized = _resized(image, scaled.sizes[scale].tolist())
        cropped[scale, at_scale, 0] = _crops(resized, scaled.windows[scale][at_scale], input_size)
        cropped[scale, at_scale, 1] = cropped[scale, at_scale, 0][:, :, ::-1]
    return cropped[selected]


def _scaled(size: Size, shorter: int) -> tuple[int, int]:
    """Return `size` (H, W) with the shorter side at `shorter` px."""
    height, width = size
    if height <= width:
        return shorter, max(shorter, round(width * shorter / height))
    return max(shorter, round(height * shorter / width)), shorter


def _squares(size: tuple[int, int], shorter: int, side: int) -> IntArray:
    """Resized `size` (H, W) -> the windows (3, 6, 4) of crops of `side` px."""
    height, width = size
    corners = []
    for place in range(3):  # 0, half and all of the way along the longer side
        left, top = (width - shorter) * place // 2, (height - shorter) * place // 2
        corners.append(_of_square(left, top, shorter, side))
    return np.array(corners, np.int64)


def _of_square(left: int, top: int, shorter: int, side: int) -> list[tuple[int, int, int, int]]:
    """Return the six windows of a square: 4 corners by rows, centre, the square itself."""
    spare = shorter - side
    offsets = [(0, 0), (spare, 0), (0, spare), (spare, spare), (spare // 2, spare // 2)]
    small = [(left + x, top + y, left + x + side, top + y + side) for x, y in offsets]
    return [*small, (left, top, left + shorter, top + shorter)]


def _resized(image: Image, size: list[int]) -> Image:
    height, width = size
    shrinks = height <= image.shape[0] and width <= image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def _crops(image: Image, windows: IntArray, side: int) -> NDArray[np.uint8]:
    """`image`, `windows` (K, 4) -> (K, side, side, 3)."""
    targets = np.tile(np.array([0, 0, side, side], np.int64), (len(windows), 1))
    return opencv.crop(image, Windows(windows, targets), side, np.zeros(3), "area")
