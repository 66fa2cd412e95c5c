"""GoogLeNet crops a second: as naive code computes them, and as `detect run` does.

    python benchmarks/classify.py [--size 224] [--variant bn] [--threads N] [--rounds 7]

Every way classifies the same crops in turn, several rounds, after a round to warm up; the
figure is the median of the rounds. Ratios compare ways of one run, on one machine.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from side_by_side import median_seconds
from torch import Tensor

from detect.models.device import autocast, bfloat16_unit
from detect.models.inference import prepare_for_inference
from detect.models.region_classifier import RegionClassifier

CLASSES = 20
BATCH_SIZES = (8, 16, 32)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Way:
    """One way to classify `crops` at a time; `classify` does them all."""

    name: str
    crops: int
    classify: Callable[[], None]


def main() -> None:
    """Measure every way and print a table."""
    options = _options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = RegionClassifier(CLASSES, options.variant).eval()
    ways = list(_ways(model, options.size))
    print(f"GoogLeNet-{options.variant}, {options.size} px, torch {torch.__version__}, ", end="")
    print(f"{options.threads} threads, load average {os.getloadavg()[0]:.1f} at the start")
    seconds = median_seconds({way.name: way.classify for way in ways}, options.rounds)
    rates = {way.name: way.crops / seconds[way.name] for way in ways}
    _print_table(ways, rates)
    print(f"load average {os.getloadavg()[0]:.1f} at the end (this run included)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=224, help="side of a crop, px")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _ways(model: RegionClassifier, size: int) -> Iterator[Way]:
    """Yield naive ones first: all in float32, then ours in each precision of this machine."""
    plain = torch.rand(max(BATCH_SIZES), 3, size, size) * 255
    yield Way("NCHW, one at a time", 8, _naive(model, tuple(plain[n : n + 1] for n in range(8))))
    for count in BATCH_SIZES:
        yield Way(f"NCHW, batches of {count}", count, _naive(model, (plain[:count],)))
    ready = prepare_for_inference(model)
    bytes_ = plain.to(torch.uint8).contiguous(memory_format=torch.channels_last)
    for precision in ("float32", *(["bfloat16"] if bfloat16_unit(CPU) else [])):
        for count in BATCH_SIZES:
            name = f"ours, {precision}, batches of {count}"
            yield Way(name, count, _ours(ready, bytes_[:count], precision))


def _naive(model: RegionClassifier, batches: tuple[Tensor, ...]) -> Callable[[], None]:
    @torch.no_grad()
    def classify() -> None:
        for batch in batches:
            model(batch).softmax(dim=1)

    return classify


def _ours(model: RegionClassifier, crops: Tensor, precision: str) -> Callable[[], None]:
    @torch.inference_mode()
    def classify() -> None:
        with autocast(CPU, precision):
            logits = model(crops)
        logits.float().softmax(dim=1)

    return classify


def _print_table(ways: list[Way], rates: dict[str, float]) -> None:
    single = rates[ways[0].name]
    batched = max(rates[way.name] for way in ways if way.name.startswith("NCHW, batches"))
    print(f"{'':34}{'crops/s':>9}{'ms/crop':>9}{'x single':>10}{'x best NCHW batch':>19}")
    for way in ways:
        rate = rates[way.name]
        print(
            f"{way.name:34}{rate:9.1f}{1000 / rate:9.1f}{rate / single:10.2f}{rate / batched:19.2f}"
        )


if __name__ == "__main__":
    main()
