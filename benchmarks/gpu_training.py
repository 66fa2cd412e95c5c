"""Training of the region classifier: how long a GPU waits for batches by OpenCV, and by torch.

    python benchmarks/gpu_training.py
    python benchmarks/gpu_training.py --device cpu --size 32 --batch 8 --images 4 --seconds 0.2

On made-up images with drawn boxes and fresh weights: steps on one batch that does not change (the
bound), batches alone, and the training loop with batches made beside it. A GPU waits for the share
of the loop's time that the bound does not take. `--profile` adds the kernels that take longest.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch

from detect.config import RegionClassifierRecipe
from detect.matching import BACKGROUND, Pool
from detect.models.crop_time import describe, finish, forget_peaks, peaks
from detect.models.device import choose_device
from detect.runs import RunFolder
from detect.structures import Annotations, Sample
from detect.training.call import Call
from detect.training.distributed import ALONE
from detect.training.loop import Trainer
from detect.training.region_classifier import BatchMaker, RegionTask, build_region_classifier
from detect.training.region_data import RegionData

CLASSES = tuple(f"class {number}" for number in range(20))
# torch.backends.cudnn: try out which algorithm is the fastest, take none that adds at random.
CUDNN = ("benchmark", "deterministic")
_UNCOUNTED, _PROFILED, _KERNELS = 4, 4, 25


@dataclass(frozen=True)
class Bench:
    """What is measured, and on what."""

    options: argparse.Namespace
    data: RegionData
    folder: Path
    device: torch.device

    def trainer(self, size: int, maker: BatchMaker, threads: int) -> Trainer:
        """Return a training of fresh weights on batches of crops of `size` px."""
        options = self.options
        told = {
            "model": {"variant": options.variant, "input_size": size},
            "sampling": {"batch_size": options.batch},
            "optimizer": {"steps": 10**6, "learning_rate": 1e-9},
        }
        recipe = RegionClassifierRecipe.model_validate(told)
        network, recipe = build_region_classifier(recipe, len(CLASSES), print)
        folder = RunFolder(self.folder)
        task = RegionTask(recipe, self.data, CLASSES, folder, self.device, None, maker)
        call = Call(folder, self.device, threads=threads)
        trainer = Trainer(network, task, recipe, 100.0, call)
        if options.compile:
            trainer.model = torch.compile(trainer.model)  # type: ignore[assignment]
        return trainer

    def timed(self, steps: Iterator[object]) -> float:
        """Return the seconds of one of `steps`, the first ones not counted."""
        for _ in range(_UNCOUNTED):
            next(steps)
        each = self._seconds(steps, _UNCOUNTED)
        return self._seconds(steps, max(4, int(self.options.seconds / each)))

    def _seconds(self, steps: Iterator[object], number: int) -> float:
        """Return the seconds of one of `number` steps: nothing waits for a GPU between them."""
        finish(self.device)
        start = time.perf_counter()
        for _ in range(number):
            next(steps)
        finish(self.device)
        return (time.perf_counter() - start) / number


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every size and print a line of each way; None: what was typed."""
    options = _options(arguments)
    device = choose_device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(options.torch_threads)
    for name in CUDNN:
        setattr(torch.backends.cudnn, name, options.cudnn == name)
    print(
        f"GoogLeNet-{options.variant} on {describe(device)}, torch {torch.__version__}, "
        f"batches of {options.batch}, {options.images} images of {options.side[0]}x"
        f"{options.side[1]} px, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, _data(options, Path(folder)), Path(folder), device)
        for size in options.size:
            _measure(bench, size)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, nargs="+", default=[224, 80], help="of a crop, px")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--side", type=int, nargs=2, default=[500, 375], help="of an image, px")
    cores = min(8, os.cpu_count() or 1)
    parser.add_argument("--threads", type=int, default=cores, help="that make OpenCV's batches")
    parser.add_argument("--torch-threads", type=int, default=2, help="of torch, on a CPU")
    parser.add_argument("--seconds", type=float, default=2.5, help="of each measurement")
    parser.add_argument("--compile", action="store_true", help="the network, by torch.compile")
    parser.add_argument("--cudnn", default="as it is", choices=("as it is", *CUDNN))
    parser.add_argument("--profile", action="store_true", help="print the longest kernels")
    return parser.parse_args(arguments)


def _data(options: argparse.Namespace, folder: Path) -> RegionData:
    """Write images of soft noise, and draw 50 boxes in each: a quarter of them foreground."""
    rng = np.random.default_rng(0)
    width, height = options.side
    samples, boxes = [], []
    nothing = np.zeros(0, np.bool_)
    none = Annotations(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), nothing, nothing)
    for number in range(options.images):
        noise = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
        samples.append(Sample(str(number), path, (height, width), none))
        corners = np.sort(rng.uniform(0, 1, (50, 2, 2)), axis=1)
        corners[:, 1] = np.maximum(corners[:, 1], corners[:, 0] + 0.05)
        boxes.append((corners.reshape(50, 4) * ([width, height] * 2)).astype(np.float32))
    image, box = np.divmod(np.arange(50 * options.images, dtype=np.int32), 50)
    label = rng.integers(0, len(CLASSES), len(image), np.int32)
    foreground = Pool(image[::4], box[::4], label[::4])
    background = Pool(image, box, np.full(len(image), BACKGROUND, np.int32))
    return RegionData(tuple(samples), tuple(boxes), foreground, background)


def _measure(bench: Bench, size: int) -> None:
    """Print what crops of `size` px take."""
    print(f"\n{size} px{'':26}ms a step   crops/s   waits   peak MiB: memory, GPU")
    bound = _row(bench, "a step alone", 0.0, lambda: _alone(bench, size))
    threads = bench.options.threads
    ways: tuple[tuple[BatchMaker, int], ...] = (("torch", 1), ("torch", 2), ("opencv", threads))
    for way in ways:
        name = "batches by {}, threads: {}".format(*way)
        _row(bench, name, 0.0, partial(_batches, bench, size, *way))
    for way in ways:
        name = "loop by {}, threads: {}".format(*way)
        _row(bench, name, bound, partial(_loop, bench, size, *way))
    if bench.options.profile:
        _profile(bench, "a step alone", _alone(bench, size))
        _profile(bench, "batches by torch", _batches(bench, size, "torch", 1))
        _profile(bench, "loop by torch", _loop(bench, size, "torch", 1))


def _row(bench: Bench, name: str, bound: float, work: Callable[[], Iterator[object]]) -> float:
    """Measure `work` and print it, with the share of its time that `bound` s leave, if not 0."""
    forget_peaks(bench.device)
    with closing(work()) as steps:  # type: ignore[type-var]
        seconds = bench.timed(steps)
    memory, gpu = peaks(bench.device)
    waits = f"{100 * max(0.0, 1 - bound / seconds):6.1f} %" if bound else " " * 8
    print(
        f"{name:<32}{1000 * seconds:9.2f}{bench.options.batch / seconds:10.0f}{waits}"
        f"{memory / 2**20:17.0f}{gpu / 2**20:8.0f}",
        flush=True,
    )
    return seconds


def _alone(bench: Bench, size: int) -> Iterator[object]:
    """Do steps of training on one batch that is on the device."""
    trainer = bench.trainer(size, "torch", 1)
    batch = trainer.task.batch(0, ALONE)
    for step in count():
        yield trainer.step(step, batch)


def _batches(bench: Bench, size: int, maker: BatchMaker, threads: int) -> Iterator[object]:
    """Make batches in `threads`, ahead as the loop does."""
    task = bench.trainer(size, maker, threads).task
    with ThreadPoolExecutor(threads) as pool:
        ahead = [pool.submit(task.batch, step, ALONE) for step in range(2 * threads)]
        for step in count(len(ahead)):
            yield ahead.pop(0).result()
            ahead.append(pool.submit(task.batch, step, ALONE))


def _loop(bench: Bench, size: int, maker: BatchMaker, threads: int) -> Iterator[object]:
    """Train as the command does."""
    trainer = bench.trainer(size, maker, threads)
    with closing(trainer.batches(0, 10**6)) as batches:
        for step, batch in batches:
            yield trainer.step(step, batch)


def _profile(bench: Bench, name: str, steps: Iterator[object]) -> None:
    """Print which kernels take longest, and for how much of the time there are any."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if bench.device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    for _ in range(_UNCOUNTED):
        next(steps)
    finish(bench.device)
    with torch.profiler.profile(activities=kinds) as found:
        start = time.perf_counter()
        for _ in range(_PROFILED):
            next(steps)
        finish(bench.device)
        seconds = time.perf_counter() - start
    rows = sorted(found.key_averages(), key=lambda one: -one.self_device_time_total)
    busy = sum(one.self_device_time_total for one in rows) / 1e6 / seconds
    print(f"\n{name}, profiled: {1000 * seconds / _PROFILED:.1f} ms a step, GPU busy {busy:.0%}")
    for one in rows[:_KERNELS]:
        device, host = (
            us / 1000 / _PROFILED for us in (one.self_device_time_total, one.self_cpu_time_total)
        )
        print(f"{device:8.2f} ms {host:8.2f} ms {one.count // _PROFILED:6} x {one.key[:110]}")


if __name__ == "__main__":
    main()
