"""A picture of VOC's usual size, and regions of it, for what is measured on any."""

import cv2
import numpy as np

from detect.structures import FloatArray, Image, Size

SIZE: Size = (375, 500)


def picture(rng: np.random.Generator) -> Image:
    """Return an image (H, W, 3) of smooth blotches."""
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def random_boxes(rng: np.random.Generator, count: int) -> FloatArray:
    """Return boxes (N, 4) of at least 10 px each way inside an image of SIZE."""
    limits = np.array(SIZE[::-1])
    sides = rng.uniform(10, limits, (count, 2))
    corners = rng.uniform(0, limits - sides)
    return np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
