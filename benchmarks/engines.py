"""Crops a second on every engine of `detect run --engine`, beside PyTorch in the same run.

    python benchmarks/engines.py [--size 224] [--batch 16] [--variant bn] [--threads N] [--rounds 7]

One network, exported and compared with PyTorch's first, classifies the same batch on every engine
in turn, several rounds after one that does not count: from bytes as `detect run` cuts them to
logits. The figure is the median of the rounds; ratios are to PyTorch in float32. bfloat16 is
measured where the processor has it. Needs the extras onnx and openvino.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version

import torch
from side_by_side import median_seconds
from torch import Tensor

from detect.models.cards import RegionClassifierCard
from detect.models.device import bfloat16_unit
from detect.models.exported.engines import start_engine
from detect.models.exported.exporting import export_network
from detect.models.exported.forms import ENGINES
from detect.models.exported.network import EngineNetwork
from detect.models.inference import ready_on
from detect.models.normalised import IMAGENET_MEAN, IMAGENET_STD
from detect.models.region_classifier import RegionClassifier

CLASSES = tuple(f"class {number}" for number in range(20))
CPU = torch.device("cpu")
Way = tuple[str, Callable[[Tensor], object]]


def main() -> None:
    """Measure every engine and print a table."""
    options = _options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = RegionClassifier(len(CLASSES), options.variant, auxiliary=False).eval()
    ways = list(_ways(model, options.variant, options.size))
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", *ENGINES.values()))
    print(f"GoogLeNet-{options.variant}, {options.size} px, batches of {options.batch}, ", end="")
    print(f"{options.threads} threads, {bfloat16_unit(CPU) or 'no bfloat16'}, {versions}")
    print(f"load average {os.getloadavg()[0]:.1f} at the start")
    crops = torch.randint(0, 256, (options.batch, options.size, options.size, 3), dtype=torch.uint8)
    batch = crops.permute(0, 3, 1, 2)
    with torch.inference_mode():
        seconds = median_seconds({name: partial(way, batch) for name, way in ways}, options.rounds)
    print(f"\n{'engine':28}{'crops a second':>16}{'times torch':>14}")
    for name, _ in ways:
        rate, ratio = options.batch / seconds[name], seconds[ways[0][0]] / seconds[name]
        print(f"{name:28}{rate:16.1f}{ratio:14.2f}")
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end (this run included)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=224, help="side of a crop, px")
    parser.add_argument("--batch", type=int, default=16, help="crops at a time")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _ways(model: RegionClassifier, variant: str, size: int) -> Iterator[Way]:
    """Yield every engine in every precision, PyTorch in float32 first."""
    card = RegionClassifierCard(
        variant=variant, width=1.0, classes=CLASSES, input_size=size, mean=IMAGENET_MEAN,
        std=IMAGENET_STD, context=16.0, crop_mode="warp", image_side=0,
    )  # fmt: skip
    precisions = ("float32", "bfloat16") if bfloat16_unit(CPU) else ("float32",)
    for precision in precisions:
        yield f"torch, {precision}", ready_on(CPU, model, precision)
    for form, engine in ENGINES.items():
        exported, difference = export_network(model, card, "", form)
        print(f"{engine}: {difference.name} differ by at most {difference.value:.2g} in float32")
        for precision in precisions if engine == "openvino" else ("float32",):
            started = start_engine(engine, exported, form, precision)
            yield f"{engine}, {precision}", EngineNetwork(started, len(CLASSES))


if __name__ == "__main__":
    main()
