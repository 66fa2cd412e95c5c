"""A training step of two processes of one thread against one of one, and one of two threads.

Beside them what the machine allows: two trainings at once that share nothing, of half a batch.

    python benchmarks/torchrun.py [--variant bn] [--size 96] [--batch 64 128] [--precision auto]

Every way trains the same network on the same global batches (coarse noise in a folder of
classes, so that reading and augmenting are measured too), in turn, several rounds. A step counts
whole, from the request for its batch to that for the next one, and of a run the median step
after the first few. Batches are made in a thread of their own, with one process on the core that
is left. Ratios are those within a round, since the pace of a shared machine drifts: their median
and range; beside them the ratio of the shortest steps, which other work has disturbed least.
Needs a machine with two cores that nothing else uses.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from detect.progress import Silence

Item = TypeVar("Item")

# Steps of a run that warm up and do not count; the last one saves, and does not count either.
_WARM, _LAST = 3, 1


@dataclass(frozen=True)
class Way:
    """One way to train: processes, threads of each, and how many trainings at once."""

    name: str
    processes: int
    threads: int
    trainings: int = 1


WAYS = (
    Way("1 process of 1 thread", 1, 1),
    Way("2 processes of 1 thread", 2, 1),
    Way("1 process of 2 threads", 1, 2),
    Way("2 trainings of half a batch", 1, 1, trainings=2),
)


def main() -> None:
    """Measure every way with every size of batch and print a table of each."""
    options = _options()
    if options.train:
        _train(options)
        return
    print(f"GoogLeNet-{options.variant}, {options.size} px, precision {options.precision}")
    print(f"{options.rounds} rounds of {options.steps} steps", end=", ")
    print(f"load average {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as folder:
        _write_images(Path(folder) / "data", options.size)
        for batch in options.batch:
            runs: dict[Way, list[list[float]]] = {way: [] for way in WAYS}
            for _ in range(options.rounds):
                for way in WAYS:
                    runs[way].append(_seconds(Path(folder), way, batch, options))
            _print(batch, runs)


def _print(batch: int, runs: dict[Way, list[list[float]]]) -> None:
    print(f"batches of {batch}{'ms a step':>33}{'times as fast':>16}{'':18}shortest steps")
    base = [statistics.median(steps) for steps in runs[WAYS[0]]]
    shortest = min(map(min, runs[WAYS[0]]))
    for way in WAYS:
        medians = [statistics.median(steps) for steps in runs[way]]
        ratios = [one / this for one, this in zip(base, medians, strict=True)]
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(
            f"{way.name:<28}{1000 * statistics.median(medians):16.0f}"
            f"{statistics.median(ratios):16.2f}  {spread:<16}"
            f"{shortest / min(map(min, runs[way])):16.2f}",
            flush=True,
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=96, help="side of a patch, px")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument(
        "--batch", type=int, nargs="+", default=[64, 128], help="samples of all processes"
    )
    parser.add_argument("--steps", type=int, default=12, help="of a run that are timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _write_images(root: Path, size: int) -> None:
    """Write 32 images of coarse noise in two classes."""
    rng = np.random.default_rng(0)
    for number in range(32):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC)
        path = root / "train" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)


def _seconds(root: Path, way: Way, batch: int, options: argparse.Namespace) -> list[float]:
    """Train in processes of their own; return the seconds of every step that counts."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={way.processes}"]
    same = ("variant", "size", "precision", "steps")
    what = [f"--{name}={getattr(options, name)}" for name in same]
    training = [__file__, f"--train={root}", f"--batch={batch // way.trainings}", *what]
    running = [
        subprocess.Popen(
            [sys.executable, *launcher, *training],
            env={**os.environ, "OMP_NUM_THREADS": str(way.threads)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(way.trainings)
    ]
    seconds: list[float] = []
    for process in running:
        output, errors = process.communicate()
        if process.returncode:
            sys.exit(errors)
        seconds += json.loads(output)
    return seconds


class _Stopwatch(Silence):
    """Notes when each step has ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def track(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`, and note when each was done with."""
        for item in items:
            yield item
            self.times.append(time.perf_counter())


def _train(options: argparse.Namespace) -> None:
    """Train as `detect pretrain` does, and print the seconds of the steps that count."""
    from detect.config import PretrainRecipe
    from detect.data.labelled import open_labelled
    from detect.runs import RunFolder
    from detect.training.call import Call
    from detect.training.distributed import joined
    from detect.training.pretrain import pretrain

    recipe = PretrainRecipe.model_validate(
        {
            "batch_size": options.batch[0],
            "model": {"variant": options.variant, "input_size": options.size},
            "optimizer": {"steps": _WARM + options.steps + _LAST},
            "run": {"precision": options.precision},
        }
    )
    watch = _Stopwatch()
    data = open_labelled(options.train / "data", "train")
    with joined("cpu") as (processes, device):
        folder = RunFolder(Path(tempfile.mkdtemp(dir=options.train)))
        pretrain(recipe, data, Call(folder, device, processes=processes, reporter=watch))
        if processes.first:
            counted = np.diff(watch.times[_WARM - 1 : -_LAST])
            sys.stdout.write(json.dumps(counted.tolist()))


if __name__ == "__main__":
    main()
