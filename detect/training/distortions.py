"""Howard's photometric distortions of many crops at once by torch (detect/data/augment.py).

To at most 2 of 255 levels those of `CropAugmenter.change`: it rounds to whole levels after each of
the three, here the last one alone is rounded.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detect.crops.resampled import to_device

# Of red, green and blue in a grey level: ITU-R BT.601, as in OpenCV's and PIL's grey.
_GREY = (0.299, 0.587, 0.114)
# The numbers of the distortions in Changes.orders; 0 is brightness.
_CONTRAST, _COLOUR = 1, 2


def distorted(crops: Tensor, orders: NDArray[np.intp], factors: NDArray[np.float64]) -> Tensor:
    """`crops` (N, S, S, 3 or more) uint8, `orders` and `factors` (N, 3) -> uint8 (N, S, S, 3).

    Each distortion blends a crop by its factor with black, with its mean grey or with its grey
    picture, in the order of `orders`.
    """
    columns = np.concatenate([orders == _CONTRAST, orders == _COLOUR, factors], axis=1)
    table = to_device(torch.from_numpy(columns.astype(np.float32)), crops.device)
    is_contrast, is_colour, factor = torch.split(table[:, :, None, None], 3, dim=1)
    planes = torch.empty((3, *crops.shape[:3]), device=crops.device)
    planes.copy_(crops[..., :3].permute(3, 0, 1, 2))
    for number in range(3):
        grey = planes[0] * _GREY[0]
        grey.add_(planes[1], alpha=_GREY[1]).add_(planes[2], alpha=_GREY[2])
        mean = grey.mean(dim=(1, 2), keepdim=True)
        other = grey.mul_(is_colour[:, number]).add_(mean * is_contrast[:, number])
        planes = torch.lerp(other, planes, factor[:, number]).clamp_(0, 255)
    return (
        planes.add_(0.5).permute(1, 2, 3, 0).to(torch.uint8, memory_format=torch.contiguous_format)
    )
