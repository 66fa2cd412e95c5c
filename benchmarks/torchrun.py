"""Training steps a second: two processes of one thread against one, and one of two threads.

Beside them what the machine allows: two trainings at once that share nothing, of half a batch.

    python benchmarks/torchrun.py [--size 96] [--batch 32 64 128] [--steps 20] [--rounds 3]

Every way trains the same network on the same global batches (coloured noise in a folder of
classes, so that reading and augmenting are measured too), in turn, several rounds. A way is
run twice, a few steps and `--steps` more: the difference of the times is that of the steps alone,
without starting and saving, which a real training does once. Batches are made in a thread of
their own, with one process on the core that is left. The median of the rounds counts, of
ratios those within a round. Needs a machine with two cores that nothing else uses.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

# Steps of the shorter run.
_FEW = 4


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
    print(f"GoogLeNet-{options.variant}, {options.size} px, median of {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write_images(root / "data", options.size)
        for batch in options.batch:
            _print(batch, _rates(root, batch, options))


def _rates(root: Path, batch: int, options: argparse.Namespace) -> dict[Way, list[float]]:
    """Return the steps a second of every way, a figure a round."""
    rates: dict[Way, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            few, more = (
                _seconds(root, way, _recipe(options, batch // way.trainings, steps))
                for steps in (_FEW, _FEW + options.steps)
            )
            rates[way].append(options.steps / (more - few))
    return rates


def _print(batch: int, rates: dict[Way, list[float]]) -> None:
    load = os.getloadavg()[0]
    print(f"batches of {batch}, load average {load:.1f} at the end (this run included)")
    for way in WAYS:
        # Within a round, since the pace of a shared machine drifts.
        ratios = [rate / base for rate, base in zip(rates[way], rates[WAYS[0]], strict=True)]
        rate, ratio = statistics.median(rates[way]), statistics.median(ratios)
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{way.name:<28}{rate:8.3f} steps/s{ratio:8.2f} x  {spread}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=96, help="side of a patch, px")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument(
        "--batch", type=int, nargs="+", default=[32, 64, 128], help="samples of all processes"
    )
    parser.add_argument("--steps", type=int, default=20, help="that are timed")
    parser.add_argument("--rounds", type=int, default=3)
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


def _recipe(options: argparse.Namespace, batch: int, steps: int) -> str:
    return (
        f"batch_size = {batch}\n[model]\nvariant = '{options.variant}'\n"
        f"input_size = {options.size}\n[optimizer]\nsteps = {steps}\n"
        f"[run]\nvalidate_every = {steps}\nsave_every = {steps}\n"
    )


def _seconds(root: Path, way: Way, recipe: str) -> float:
    """Train and return the seconds that it took."""
    (root / "recipe.toml").write_text(recipe)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(way.processes)]
    program = ["--no-python", sys.executable, "-c", "from detect.cli import main; main()"]
    arguments = ["pretrain", root / "data", "--split", "train", "--config", root / "recipe.toml"]
    command = [sys.executable, "-m", *launcher, *program, *arguments, "--device", "cpu", "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(way.threads)}
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            [*map(str, command), tempfile.mkdtemp(dir=root) + "/run"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(way.trainings)
    ]
    for training in running:
        _, errors = training.communicate()
        if training.returncode:
            sys.exit(errors)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
