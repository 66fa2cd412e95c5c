"""Crops of many regions at once by torch, on the device that holds the image.

The image is uploaded once as uint8; the crops never leave the device. Same windows and same
bilinear rule as `detect.crops.opencv`, to at most 1 of 255 levels: OpenCV returns whole levels
and weighs pixels in fixed point, this returns the unrounded value.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from detect.crops.geometry import Windows, fill_colour
from detect.structures import FloatArray

# A million crop pixels at once: 20 crops of 224 px, about 50 MB of temporaries. More is slower
# on a CPU, whose caches it leaves.
_CHUNK_PIXELS = 2**20

# Beyond the zeros around an image of any size, one pixel included.
_OUTSIDE = -3.0


def crop(
    image: Tensor, windows: Windows, crop_size: int, mean: ArrayLike, chunk: int | None = None
) -> Tensor:
    """`image` (3, H, W) uint8, Windows of N crops -> float32 (N, 3, S, S), 0..255, channels_last.

    On the image's device; `mean` (3,) 0..255 fills what no window covers. Bilinear with
    half-pixel centres, clamped at the edges of the source window and not antialiased, as
    `cv2.resize` does it. `chunk` crops are made at a time to bound memory (default: a million
    crop pixels). Raises ValueError for another image type.
    """
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != torch.uint8:
        raise ValueError(f"crop: expected uint8 (3, H, W), got {image.dtype} {tuple(image.shape)}")
    step = chunk or max(1, _CHUNK_PIXELS // crop_size**2)
    colour = torch.from_numpy(fill_colour(mean)).to(image.device, torch.float32)
    # Less the mean colour, so that grid_sample's zeros outside are the mean.
    pixels = (image.float() - colour[:, None, None])[None]
    crops = torch.empty((len(windows), crop_size, crop_size, 3), device=image.device)
    for start in range(0, len(windows), step):
        group = windows.take(slice(start, start + step))
        crops[start : start + step] = _sampled(pixels, group, crop_size).permute(1, 2, 3, 0)
    return crops.add_(colour).permute(0, 3, 1, 2)


def _sampled(pixels: Tensor, windows: Windows, crop_size: int) -> Tensor:
    """`pixels` (1, 3, H, W) float, Windows of n crops -> (3, n, S, S), zero outside of them."""
    height, width = pixels.shape[2:]
    columns = torch.from_numpy(_positions(windows, 0, crop_size, width)).to(pixels.device)
    rows = torch.from_numpy(_positions(windows, 1, crop_size, height)).to(pixels.device)
    shape = (len(windows), crop_size, crop_size)
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], -1)
    # One tall image of all crops: grid_sample would want a copy of the image for each.
    sampled = functional.grid_sample(
        pixels, grid.view(1, -1, crop_size, 2), "bilinear", "zeros", align_corners=False
    )
    return sampled.view(3, *shape)


def _positions(windows: Windows, axis: int, crop_size: int, length: int) -> FloatArray:
    """Where each pixel of n crops lies along one `axis` of the image -> (n, S).

    In grid_sample's coordinates, -1 to 1 from edge to edge of the image's `length` px;
    _OUTSIDE where the window does not reach. float64 until the last step: float32 alone would
    cost 0.1 levels more in an image of 4,000 px.
    """
    first, last = windows.sources[:, axis, None], windows.sources[:, axis + 2, None]
    offset, target_length = windows.targets[:, axis, None], windows.targets[:, axis + 2, None]
    pixel = np.arange(crop_size)[None, :] - offset
    scale = (last - first) / np.maximum(target_length, 1)
    centres = np.clip(first + (pixel + 0.5) * scale, first + 0.5, last - 0.5)
    inside = (pixel >= 0) & (pixel < target_length)
    return np.where(inside, centres * (2 / length) - 1, _OUTSIDE).astype(np.float32)
