"""Crops of many regions at once by torch, on the device that holds the image.

The image is uploaded once as uint8; the crops never leave the device, and of their windows only
the whole numbers go there. Same windows and same bilinear rule as `detect.crops.opencv`, to at
most 1 of 255 levels: OpenCV returns whole levels and weighs pixels in fixed point, this returns
the unrounded value.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from detect.crops.geometry import Windows, fill_colour

# Crop pixels at once. A million, 20 crops of 224 px and about 50 MB of temporaries, on a CPU,
# whose caches more would leave; a GPU is idle with so few (1,800 crops of 224 px on an H100:
# 0.038 s, of 600 crops at once 0.015 s), and these take 1.6 GB.
_CHUNK_PIXELS = {"cpu": 2**20, "cuda": 2**25}

# Beyond the zeros around an image of any size, one pixel included.
_OUTSIDE = -3.0


def crop(
    image: Tensor, windows: Windows, crop_size: int, mean: ArrayLike, chunk: int | None = None
) -> Tensor:
    """`image` (3, H, W) uint8, Windows of N crops -> float32 (N, 3, S, S), 0..255, channels_last.

    On the image's device; `mean` (3,) 0..255 fills what no window covers. Bilinear with
    half-pixel centres, clamped at the edges of the source window and not antialiased, as
    `cv2.resize` does it. `chunk` crops are made at a time to bound memory (default: a million
    crop pixels on a CPU, 32 million on a GPU). Raises ValueError for another image type.
    """
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != torch.uint8:
        raise ValueError(f"crop: expected uint8 (3, H, W), got {image.dtype} {tuple(image.shape)}")
    step = chunk or chunk_size(crop_size, image.device)
    colour = fill_tensor(mean, image.device)
    bounds = torch.from_numpy(as_rows(windows)).to(image.device)
    crops = torch.empty((len(windows), crop_size, crop_size, 3), device=image.device)
    for start in range(0, len(windows), step):
        part = slice(start, start + step)
        sample(image, bounds[part], colour, crops[part])
    return crops.permute(0, 3, 1, 2)


def chunk_size(crop_size: int, device: torch.device) -> int:
    """Return how many crops of `crop_size` px are made at once on `device`."""
    return max(1, _CHUNK_PIXELS[device.type] // crop_size**2)


def as_rows(windows: Windows) -> NDArray[np.int32]:
    """Windows of N crops -> (N, 8): sources x1, y1, x2, y2, targets x, y, width, height, px."""
    return np.concatenate([windows.sources, windows.targets], axis=1, dtype=np.int32)


def fill_tensor(mean: ArrayLike, device: torch.device) -> Tensor:
    """`mean` (3,) 0..255 -> what `sample` fills with, float32 (3,) on `device`."""
    return torch.from_numpy(fill_colour(mean)).to(device, torch.float32)


def sample(image: Tensor, bounds: Tensor, colour: Tensor, crops: Tensor) -> None:
    """Fill `crops` (N, S, S, 3) from `image` (3, H, W) uint8; `bounds` (N, 8) as `as_rows`.

    `colour` (3,) as `fill_tensor`. All at once. Nothing here asks the device for a value, and a
    compiler makes one kernel of it, for images and numbers of crops of any size.
    """
    height, width, crop_size = image.shape[1], image.shape[2], crops.shape[1]
    columns = _positions(bounds[:, 0::2], crop_size, width)
    rows = _positions(bounds[:, 1::2], crop_size, height)
    shape = (bounds.shape[0], crop_size, crop_size)
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], -1)
    # Less the mean colour, so that grid_sample's zeros outside are the mean. One tall image of all
    # crops: it would want a copy of the image for each.
    pixels = (image.float() - colour[:, None, None])[None]
    found = functional.grid_sample(
        pixels, grid.view(1, -1, crop_size, 2), "bilinear", "zeros", align_corners=False
    )
    found = found.view(3, *shape).add_(colour[:, None, None, None])
    crops.copy_(found.permute(1, 2, 3, 0))


def _positions(ends: Tensor, crop_size: int, length: int) -> Tensor:
    """Where each pixel of n crops lies along one axis of the image -> float32 (n, S).

    `ends` (n, 4): source from, to; target offset, length. In grid_sample's coordinates, -1 to 1
    from edge to edge of the image's `length` px; _OUTSIDE where the window does not reach. float64
    until the last step: float32 alone would cost 0.1 levels more in an image of 4,000 px.
    """
    first, last, offset, target_length = ends[:, :, None].unbind(1)
    pixel = torch.arange(crop_size, device=ends.device)[None, :] - offset
    scale = (last - first).double() / target_length.clamp(min=1)
    centres = first + (pixel + 0.5) * scale
    centres = torch.clamp(centres, first + 0.5, last - 0.5)
    inside = (pixel >= 0) & (pixel < target_length)
    return torch.where(inside, centres * (2 / length) - 1, _OUTSIDE).float()
