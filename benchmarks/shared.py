"""The exact path, one trunk, and a cascade of both, side by side over the same stored proposals.

    python benchmarks/shared.py DATA --split S --proposals P --exact RUN --shared RUN [--images 16]
        [--device cuda]

Seconds an image from its decoded pixels to its detections, start-up apart: every way in turn over
the same images, several rounds after one to warm up; the median of the rounds. Ratios compare ways
of one run, on one machine. mAP (voc2012) and AP over IoU 0.50 to 0.95 (coco) are of these images
alone. The cascade: one trunk scores all regions, the exact network its best 50.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from side_by_side import median_seconds
from stored_pairs import Pairs, found_in, read_pairs

from detect.detector import RegionScorer
from detect.ensemble import Combination
from detect.evaluation.average_precision import evaluate
from detect.models.crop_time import describe
from detect.models.device import choose_device
from detect.models.region_networks import load_region_network
from detect.structures import Dataset, Detections, Image, Proposals

Way = Callable[[Pairs], list[Detections]]


def main() -> None:
    """Measure every way and print a table."""
    told = _options()
    torch.set_num_threads(told.threads)
    dataset, pairs = read_pairs(told.data, told.split, told.proposals, told.images)
    ways = _ways(told, dataset)
    boxes = sum(len(proposals) for _, proposals in pairs) / len(pairs)
    print(f"{len(pairs)} images of {boxes:.0f} boxes, torch {torch.__version__}, ", end="")
    print(f"{describe(choose_device(told.device))}, ", end="")
    print(f"load average {os.getloadavg()[0]:.1f} at the start")
    found = {name: way(pairs) for name, way in ways.items()}
    taken = median_seconds({name: partial(way, pairs) for name, way in ways.items()}, told.rounds)
    seconds = {name: value / len(pairs) for name, value in taken.items()}
    _print_table(seconds, found, dataset)
    print(f"load average {os.getloadavg()[0]:.1f} at the end (this run included)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", required=True)
    for name in ("--proposals", "--exact", "--shared"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--best", type=int, default=50, help="regions of the cascade")
    parser.add_argument("--vote", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def _ways(told: argparse.Namespace, dataset: Dataset) -> dict[str, Way]:
    chosen, device = Combination(vote=told.vote), choose_device(told.device)
    exact, shared = (
        RegionScorer(
            [load_region_network(path)], device, classes=dataset.classes, combination=chosen
        )
        for path in (told.exact, told.shared)
    )

    def best(image: Image, proposals: Proposals) -> Proposals:
        scores = shared.outputs(image, proposals.boxes).scores[0, :, :-1].max(axis=1)
        return proposals.take(np.argsort(-scores, kind="stable")[: told.best])

    def cascade(pairs: Pairs) -> list[Detections]:
        return found_in(exact, [(image, best(image, proposals)) for image, proposals in pairs])

    return {
        "exact": partial(found_in, exact),
        "one trunk": partial(found_in, shared),
        f"cascade of {told.best}": cascade,
    }


def _print_table(
    seconds: dict[str, float], found: dict[str, list[Detections]], dataset: Dataset
) -> None:
    print(f"{'':16}{'ms/image':>10}{'x exact':>9}{'mAP@0.5':>9}{'0.50:0.95':>11}")
    for name, value in seconds.items():
        scored = {one.named_id: one for one in found[name]}
        figures = evaluate(dataset, scored, "all")
        row = (figures["voc2012"]["map"], figures["coco"]["map_50_95"])
        ratio = seconds["exact"] / value
        print(f"{name:16}{1000 * value:10.1f}{ratio:9.2f}{row[0]:9.3f}{row[1]:11.3f}")


if __name__ == "__main__":
    main()
