"""How large the maps of a network are, measured on one without storage."""

from functools import cache

import torch

from detect.models.googlenet import GoogLeNet
from detect.models.timm_models import map_shape
from detect.trunks import timm_name


@cache
def map_side(variant: str, until: str, input_size: int) -> int:
    """Return the side of the maps of module `until` for inputs of `input_size` px."""
    if timm_name(variant):
        return map_shape(variant, until, input_size)[1]
    with torch.device("meta"):
        trunk = GoogLeNet(1, variant, auxiliary=False).eval()
        return int(trunk.features(torch.empty(1, 3, input_size, input_size), until).shape[-1])
