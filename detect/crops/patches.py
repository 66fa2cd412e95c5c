"""Random patches of images to train an image classifier on (arXiv 1409.4842, section 6)."""

import math

import numpy as np

from detect.structures import Size

# Draws in search of a patch that fits; then the largest central one of the nearest ratio.
# torchvision's RandomResizedCrop, which is modelled on this paper, does the same.
_TRIES = 10


def random_patch(
    rng: np.random.Generator,
    size: Size,
    area: tuple[float, float] = (0.08, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
) -> tuple[int, int, int, int]:
    """Draw a patch of an image of `size` (H, W) px -> x1, y1, x2, y2, half-open whole px.

    Its share of the image's area is uniform in `area`, its width to height in `aspect`: uniform
    in the logarithm, which treats wide and tall alike (ours: the paper says "randomly"). Raises
    ValueError for an image without pixels.
    """
    height, width = size
    if min(size) < 1:
        raise ValueError(f"random_patch: expected an image of at least 1x1 px, got size {size}")
    for _ in range(_TRIES):
        pixels = height * width * rng.uniform(*area)
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        w = max(1, round(math.sqrt(pixels * ratio)))
        h = max(1, round(math.sqrt(pixels / ratio)))
        if w <= width and h <= height:
            x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
            return x, y, x + w, y + h
    return _central(size, aspect)


def _central(size: Size, aspect: tuple[float, float]) -> tuple[int, int, int, int]:
    """Return the largest central patch with the ratio of `aspect` nearest to the image's."""
    height, width = size
    ratio = min(max(width / height, aspect[0]), aspect[1])
    w = max(1, min(width, round(height * ratio)))
    h = max(1, min(height, round(width / ratio)))
    x, y = (width - w) // 2, (height - h) // 2
    return x, y, x + w, y + h
