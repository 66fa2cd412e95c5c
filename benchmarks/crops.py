"""Crops a second of each back end, batched and one at a time, side by side in one run.

    python benchmarks/crops.py                    # crops of 64 px
    python benchmarks/crops.py --crop-size 224 --device cuda:0

Rounds alternate between the ways and the best round counts, so that other work on the machine
falls on all alike. Boxes are of every size and place of a 375 x 500 px picture (VOC's usual).
"""

import platform
import time
from collections.abc import Callable
from functools import partial

import click
import cv2
import numpy as np
from pictures import SIZE, picture, random_boxes

from detect.crops import opencv
from detect.crops.geometry import windows
from detect.structures import FloatArray, Image

MEAN = (124.0, 117.0, 104.0)
Ways = dict[str, Callable[[], None]]


def by_opencv(image: Image, boxes: FloatArray, crop_size: int, batch: int) -> None:
    """Crop `boxes` (N, 4), `batch` at a time, on the CPU."""
    for start in range(0, len(boxes), batch):
        shown = windows(boxes[start : start + batch], SIZE, crop_size)
        opencv.crop(image, shown, crop_size, MEAN)


def torch_ways(image: Image, boxes: FloatArray, crop_size: int, batch: int, device: str) -> Ways:
    """Return the ways of cropping by torch on `device`; the upload is part of each."""
    import torch

    from detect.crops import batched

    def crop(at_once: int) -> None:
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device)
        for start in range(0, len(boxes), at_once):
            shown = windows(boxes[start : start + at_once], SIZE, crop_size)
            batched.crop(pixels, shown, crop_size, MEAN)
        if device != "cpu":
            torch.cuda.synchronize(device)

    return {
        f"torch {device}, batches of {batch}": partial(crop, batch),
        f"torch {device}, one at a time": partial(crop, 1),
    }


def best_seconds(ways: Ways, rounds: int) -> dict[str, float]:
    """Return the shortest of `rounds` alternating runs of each way, after one to warm up."""
    best = dict.fromkeys(ways, float("inf"))
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@click.command()
@click.option("--crop-size", default=64, show_default=True, help="Side of a crop, px.")
@click.option("--boxes", "count", default=1000, show_default=True, help="Crops a round.")
@click.option("--batch", default=250, show_default=True, help="Crops at once.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Of torch: cpu, cuda:0.")
def main(crop_size: int, count: int, batch: int, rounds: int, device: str) -> None:
    """Print a table: the way, crops a second, how many times OpenCV one at a time."""
    rng = np.random.default_rng(0)
    image, boxes = picture(rng), random_boxes(rng, count)
    base = "OpenCV, one at a time"
    ways: Ways = {
        base: partial(by_opencv, image, boxes, crop_size, 1),
        f"OpenCV, batches of {batch}": partial(by_opencv, image, boxes, crop_size, batch),
        **torch_ways(image, boxes, crop_size, batch, device),
    }
    seconds = best_seconds(ways, rounds)
    click.echo(f"{count} crops of {crop_size} px, best of {rounds} rounds, {platform.machine()}")
    click.echo(f"OpenCV {cv2.__version__}, {cv2.getNumThreads()} threads")
    for name, value in seconds.items():
        rate, ratio = count / value, seconds[base] / value
        click.echo(f"{name:32} {rate:10,.0f} crops/s {ratio:8.2f}x")


if __name__ == "__main__":
    main()
