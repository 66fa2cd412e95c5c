"""Howard's photometric distortions of many crops at once by torch (detect/data/augment.py).

Those of `CropAugmenter.change`, rounded as there after each of the three, to a level where float32
falls on the other side of a whole number.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detect.crops.uploads import to_device

# Of red, green and blue in a grey level: ITU-R BT.601, as in OpenCV's and PIL's grey.
_GREY = (0.299, 0.587, 0.114)
# The numbers of the distortions in Changes.orders; 0 is brightness.
_CONTRAST, _COLOUR = 1, 2


def distorted(crops: Tensor, orders: NDArray[np.intp], factors: NDArray[np.float64]) -> Tensor:
    """`crops` (N, S, S, 3 or more) uint8, `orders` and `factors` (N, 3) -> uint8 (N, S, S, 3).

    Each distortion blends a crop by its factor with black, with its mean grey or with its grey
    picture, in the order of `orders`.
    """
    is_contrast, is_colour = orders == _CONTRAST, orders == _COLOUR
    # Of colour OpenCV rounds the blend, of the others albumentations leaves out what is behind the
    # point.
    columns = [is_contrast * (1 - factors), is_colour * (1 - factors), factors, is_colour * 0.5]
    table = np.stack(columns).astype(np.float32)[..., None, None]
    by_mean, by_grey, factor, more = to_device(torch.from_numpy(table), crops.device)
    planes = torch.empty((3, *crops.shape[:3]), device=crops.device)
    planes.copy_(crops[..., :3].permute(3, 0, 1, 2))
    for number in range(3):
        grey = planes[0] * _GREY[0]
        grey.add_(planes[1], alpha=_GREY[1]).add_(planes[2], alpha=_GREY[2]).round_()
        mean = grey.mean(dim=(1, 2), keepdim=True)
        other = grey.mul_(by_grey[:, number])
        other.add_(mean * by_mean[:, number] + more[:, number])
        planes = torch.addcmul(other, planes, factor[:, number]).clamp_(0, 255).floor_()
    return planes.permute(1, 2, 3, 0).to(torch.uint8, memory_format=torch.contiguous_format)
