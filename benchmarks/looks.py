"""What boxes that move, voting, mirrored crops and a second round bring, and what they cost.

    python benchmarks/looks.py DATA --split S --proposals P --model RUN [--images 16]
        [--device cuda]

Over the same stored proposals, from decoded pixels to detections, start-up apart: every way in turn
over the same images, several rounds after one to warm up; the median of the rounds. Ratios compare
ways of one run, on one machine. Crops an image are what the networks see. mAP (voc2012) and AP over
IoU 0.50 to 0.95 (coco) are of these images alone.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from side_by_side import median_seconds
from stored_pairs import Pairs, found_in, read_pairs

from detect.detector import RegionScorer
from detect.detector.scoring import mirrored, softmax
from detect.ensemble import Combination
from detect.ensemble.rounds import AGAIN, Rounds
from detect.evaluation.average_precision import evaluate
from detect.models.crop_time import describe
from detect.models.device import choose_device
from detect.models.region_networks import load_region_network

_VOTED = {"combination": Combination(vote=0.5)}
# Of RegionScorer.
WAYS: Mapping[str, Mapping[str, Any]] = {
    "boxes as proposed": {"regression": False},
    "moved": {},
    "voted": _VOTED,
    "voted, two rounds": {**_VOTED, "rounds": Rounds(2, AGAIN)},
    "voted, mirrored": {**_VOTED, "score": mirrored(softmax)},
    "all of these": {**_VOTED, "rounds": Rounds(2, AGAIN), "score": mirrored(softmax)},
}


def main() -> None:
    """Measure every way and print a table."""
    told = _options()
    torch.set_num_threads(told.threads)
    dataset, pairs = read_pairs(told.data, told.split, told.proposals, told.images)
    device = choose_device(told.device)
    models = [load_region_network(path) for path in told.model]
    scorers = {
        name: RegionScorer(models, device, classes=dataset.classes, **how)
        for name, how in WAYS.items()
    }
    boxes = sum(len(proposals) for _, proposals in pairs) / len(pairs)
    print(f"{len(models)} networks, {len(pairs)} images of {boxes:.0f} boxes, ", end="")
    print(f"{describe(device)}, torch {torch.__version__}, ", end="")
    print(f"load average {os.getloadavg()[0]:.1f} at the start")
    ways = {name: partial(found_in, scorer, pairs) for name, scorer in scorers.items()}
    seconds = median_seconds(ways, told.rounds)
    print(f"{'':20}{'crops':>8}{'ms/image':>10}{'ms/crop':>9}{'x moved':>9}{'mAP@0.5':>9}", end="")
    print(f"{'0.50:0.95':>11}")
    for (name, scorer), crops in zip(
        scorers.items(), _crops(list(scorers.values()), pairs), strict=True
    ):
        taken = seconds[name] / len(pairs)
        scored = {one.named_id: one for one in found_in(scorer, pairs)}
        figures = evaluate(dataset, scored, "all")
        print(f"{name:20}{crops:8.0f}{1000 * taken:10.1f}{1000 * taken / crops:9.2f}", end="")
        print(f"{seconds[name] / seconds['moved']:9.2f}{figures['voc2012']['map']:9.3f}", end="")
        print(f"{figures['coco']['map_50_95']:11.3f}")
    print(f"load average {os.getloadavg()[0]:.1f} at the end (this run included)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", required=True)
    parser.add_argument("--proposals", type=Path, required=True)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def _crops(scorers: Sequence[RegionScorer], pairs: Pairs) -> Iterator[float]:
    """Yield the crops an image that each network of a way classifies."""
    counts = [len(proposals) for _, proposals in pairs]
    for scorer, how in zip(scorers, WAYS.values(), strict=True):
        seen = [count + scorer.rounds.later(count) for count in counts]
        yield sum(seen) / len(pairs) * (2 if "score" in how else 1)


if __name__ == "__main__":
    main()
