"""Crops on the CPU, a region at a time by OpenCV, written straight into one batch."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from detect.crops.geometry import Windows, fill_colour
from detect.structures import Image

INTERPOLATIONS: dict[str, int] = {
    "bilinear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST_EXACT,  # INTER_NEAREST shifts by up to half a source pixel
    "cubic": cv2.INTER_CUBIC,
}


def crop(
    image: Image,
    windows: Windows,
    crop_size: int,
    mean: ArrayLike,
    interpolations: str | Sequence[str] = "bilinear",
) -> NDArray[np.uint8]:
    """`image` (H, W, 3) uint8, Windows of N crops -> crops (N, S, S, 3) uint8, S = `crop_size` px.

    `mean` (3,) 0..255, rounded to whole levels, fills what no window covers. `interpolations` is
    one of INTERPOLATIONS for all crops or a sequence of N; bilinear, without antialiasing, is
    R-CNN's (`rcnn_im_crop.m`) and the one to test with. Raises ValueError for another image
    type, a name not in INTERPOLATIONS, or a sequence of another length.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"crop: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
    flags = _flags(interpolations, len(windows))
    crops = _filled(windows, crop_size, mean)
    rows = zip(windows.sources.tolist(), windows.targets.tolist(), flags, crops, strict=True)
    for (x1, y1, x2, y2), (left, top, width, height), flag, canvas in rows:
        if width > 0:
            target = canvas[top : top + height, left : left + width]
            # Given where to write, OpenCV needs no array of its own: twice as fast.
            cv2.resize(image[y1:y2, x1:x2], (width, height), target, interpolation=flag)
    return crops


def _filled(windows: Windows, crop_size: int, mean: ArrayLike) -> NDArray[np.uint8]:
    """Return (N, S, S, 3) with `mean` in each crop that its window does not cover wholly."""
    crops = np.empty((len(windows), crop_size, crop_size, 3), np.uint8)
    # Whole rows at a time: numpy is slow at repeating three bytes.
    partial = (windows.targets[:, 2:] < crop_size).any(axis=1)
    crops.reshape(len(crops), crop_size, crop_size * 3)[partial] = np.tile(
        fill_colour(mean), crop_size
    )
    return crops


def _flags(interpolations: str | Sequence[str], count: int) -> list[int]:
    """Return OpenCV's flag of each of `count` crops; ValueError names what is wrong."""
    names = [interpolations] * count if isinstance(interpolations, str) else list(interpolations)
    if len(names) != count:
        raise ValueError(f"crop: expected {count} interpolations, got {len(names)}")
    unknown = sorted(set(names) - set(INTERPOLATIONS))
    if unknown:
        raise ValueError(
            f"crop: expected interpolations of {', '.join(INTERPOLATIONS)}, got {unknown[0]!r}"
        )
    return [INTERPOLATIONS[name] for name in names]
