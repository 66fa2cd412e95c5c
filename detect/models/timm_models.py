"""timm (https://github.com/huggingface/pytorch-image-models): its networks, what they are made for.

It is imported when one of them is built or its weights are read, and not before.
"""

import difflib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from detect.errors import DataError, EnvironmentProblem
from detect.trunks import timm_name

# The Inception modules of GoogLeNet that maps are named by, and their strides.
STRIDES = {"4e": 16, "5b": 32}

Triple = tuple[float, float, float]


def import_timm() -> Any:
    """Return the package timm; EnvironmentProblem where it cannot be imported."""
    try:
        import timm
    except ImportError as error:
        raise EnvironmentProblem(
            f"networks timm/NAME need timm, which cannot be imported ({error}): "
            'pip install "detect[timm]".'
        ) from error
    # It warns of every tensor that a part of a network leaves out.
    logging.getLogger("timm").setLevel(logging.ERROR)
    return timm


def create(variant: str, until: str = "", **told: Any) -> nn.Module:
    """Return timm's network `variant` without classifier, or what makes its maps `until`.

    With fresh weights, unless `told` otherwise. On the CPU always: some of its constants are no
    part of a state. Where nothing is to be stored (torch.device("meta")) torch's generator stays
    as it was. DataError for a name that timm does not know, and for a network without such maps.
    """
    timm, name = import_timm(), timm_name(variant)
    _check_known(timm, name)
    told = {"num_classes": 0, **told}
    if until:
        told = {"features_only": True, "out_indices": (_index(variant, until),), **told}
    kept = torch.get_default_device().type == "meta"
    with torch.random.fork_rng(devices=[], enabled=kept), torch.device("cpu"), refused(variant):
        network: nn.Module = timm.create_model(name, **told)
    return network


def _check_known(timm: Any, name: str) -> None:
    """Raise DataError, with the nearest names, for one that timm does not have."""
    names = {*timm.list_models(), *timm.list_models(pretrained=True)}
    if name in names or ("." not in name and timm.is_model(name)):  # Old names are not listed.
        return
    near = difflib.get_close_matches(name, sorted(names), 3, 0.4)
    nearest = ", ".join(f"timm/{one}" for one in near)
    raise DataError(
        f"model.variant: timm {timm.__version__} has no network {name}."
        + (f" Nearest: {nearest}." if near else "")
    )


@contextmanager
def refused(variant: str, size: int = 0) -> Iterator[None]:
    """Say what goes wrong within, where timm builds or runs `variant`, as a DataError."""
    try:
        yield
    except (MemoryError, DataError):
        raise
    except Exception as error:  # Every network says in its own way what it does not take.
        reason = (str(error).split("\n")[0] or type(error).__name__)[:200]
        at = f" at {size} px: a larger input_size may do" if size else ""
        raise DataError(
            f"model.variant {variant} cannot be used{at} ({reason}). Expected a convolutional "
            "network, such as timm/resnet50 or timm/tf_efficientnet_lite0."
        ) from error


@cache
def map_names(variant: str) -> tuple[tuple[int, str], ...]:
    """Return the stride and the module of every map that timm names in `variant`, in order."""
    with torch.device("meta"):
        info: Any = create(variant, features_only=True).feature_info
    return tuple(zip(info.reduction(), info.module_name(), strict=True))


def _index(variant: str, until: str) -> int:
    """Return the place of the last map with the stride of `until`; DataError without one."""
    strides = [stride for stride, _ in map_names(variant)]
    if STRIDES[until] not in strides:
        raise DataError(
            f"model.variant {variant} has no maps of stride {STRIDES[until]}, which model.until "
            f"{until} means; it has {', '.join(map(str, strides))}."
        )
    return len(strides) - 1 - strides[::-1].index(STRIDES[until])


@cache
def map_shape(variant: str, until: str, size: int) -> tuple[int, int]:
    """Return the channels and the side of the maps `until` ("": the last) of `size` px, measured.

    DataError where the network does not take that size, or gives no maps.
    """
    with torch.device("meta"):
        probe = create(variant, until).to("meta").eval()
        with refused(variant, size):
            maps = run(probe, torch.empty(1, 3, size, size))
    check_maps(variant, probe, maps)
    return int(maps.shape[1]), int(maps.shape[-1])


def check_input(variant: str, size: int) -> None:
    """Raise DataError where `variant` is of timm and does not take `size` px."""
    if timm_name(variant):
        map_shape(variant, "", size)


def run(trunk: nn.Module, images: Tensor) -> Tensor:
    """Return the maps (N, C, H, W) of `images`, of a network of timm or a part of one."""
    maps: Tensor
    if hasattr(trunk, "forward_features"):
        maps = trunk.forward_features(images)  # type: ignore[operator]
    else:
        maps = trunk(images)[-1]
    return maps


def check_maps(variant: str, trunk: Any, maps: Tensor) -> None:
    """Raise DataError unless `maps` are (1, channels of `trunk`, H, H)."""
    whole = hasattr(trunk, "forward_features")
    channels = trunk.num_features if whole else trunk.feature_info.channels()[-1]
    if maps.ndim != 4 or maps.shape[1] != channels:
        got = "x".join(map(str, maps.shape))
        raise DataError(
            f"model.variant {variant}: its features are no maps ({got}, expected 1x{channels}xHxW)."
            " Expected a convolutional network, such as timm/resnet50."
        )


def normalisation(variant: str) -> tuple[Triple, Triple]:
    """Return the mean and std (3,) that timm's weights of `variant` expect, of 0..255 RGB.

    timm's own are of 0..1 (`pretrained_cfg`).
    """
    timm, name = import_timm(), timm_name(variant)
    _check_known(timm, name)
    said = timm.get_pretrained_cfg(name)
    red, green, blue = (
        (round(255 * mean, 4), round(255 * std, 4))
        for mean, std in zip(said.mean, said.std, strict=True)
    )
    mean, std = zip(red, green, blue, strict=True)
    return mean, std


def own_size(variant: str) -> int:
    """Return the side in px of the images that timm's weights of `variant` were trained with."""
    return int(import_timm().get_pretrained_cfg(timm_name(variant)).input_size[-1])
