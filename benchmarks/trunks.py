"""Milliseconds of a training step of a trunk of timm on a CPU: how much of it learns, and how.

    python benchmarks/trunks.py [--variant timm/tf_efficientnet_lite0] [--size 128] [--batch 64]

A step is forward and backward on noise. Networks take turns in one process; the medians count.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from detect.config import OptimizerSection
from detect.memory import keep_freed
from detect.models.box_head import BoxHeadDesign
from detect.models.region_classifier import RegionClassifier
from detect.training.freezing import Frozen
from detect.training.passes import keep_inputs

# What learns, and whether activations keep what their gradients need, as all trainings do.
_WAYS: dict[str, tuple[dict[str, int | bool], bool]] = {
    "all, activations in place": ({}, False),
    "all": ({}, True),
    "statistics frozen": ({"frozen_statistics": True}, True),
    "statistics and a stage frozen": ({"frozen_statistics": True, "frozen_stages": 1}, True),
    "statistics and two stages frozen": ({"frozen_statistics": True, "frozen_stages": 2}, True),
}


def main() -> None:
    """Measure all ways in turn, and print a line of each."""
    options = _options()
    torch.set_num_threads(options.threads)
    keep_freed()
    networks = {way: _network(options, way) for way in _WAYS}
    size = (options.batch, options.size, options.size, 3)
    crops = torch.randint(0, 256, size, dtype=torch.uint8).permute(0, 3, 1, 2)
    seconds: dict[str, list[float]] = {way: [] for way in networks}
    for _ in range(options.rounds + 1):
        for way, (network, frozen) in networks.items():
            seconds[way].append(_step(network, frozen, crops))
    base, *_ = (statistics.median(taken[1:]) for taken in seconds.values())
    print(
        f"{options.variant}, {options.batch} crops of {options.size} px, {options.threads} threads"
    )
    for way, taken in seconds.items():
        step = statistics.median(taken[1:])  # The first prepares every convolution.
        print(f"{way:<34}{1000 * step:7.0f} ms{base / step:7.2f} x")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--variant", default="timm/tf_efficientnet_lite0")
    parser.add_argument("--size", type=int, default=128, help="side of a crop, px")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _network(options: argparse.Namespace, way: str) -> tuple[nn.Module, Frozen]:
    told, kept = _WAYS[way]
    head = BoxHeadDesign("classwise", "4e", 3)
    network = RegionClassifier(3, options.variant, regression=head)
    network.to(memory_format=torch.channels_last)
    if kept:
        keep_inputs(network)
    return network, Frozen(network, OptimizerSection.model_validate({"steps": 1, **told}))


def _step(network: nn.Module, frozen: Frozen, crops: torch.Tensor) -> float:
    start = time.perf_counter()
    network.zero_grad()
    with frozen.training():
        logits, deltas = network(crops)
    (logits.square().mean() + deltas.square().mean()).backward()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
