"""Training steps a second: two processes of one thread against one, and one of two threads.

    python benchmarks/torchrun.py [--size 96] [--batch 32] [--steps 20] [--rounds 3]

Every way trains the same network on the same global batches (coloured noise in a folder of
classes, so that reading and augmenting are measured too), in turn, several rounds. A round's
figure is the time between the step at a quarter of a run and its last, as the run reports them:
starting is not measured. Batches are made in a thread of their own, with one process on the
core that is left. The median of the rounds counts; ratios compare ways of one run. Needs
a machine with two cores that nothing else uses.
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

# Steps are timed from here on: a quarter of a run warms up.
_WARM = 4


@dataclass(frozen=True)
class Way:
    """One way to train: processes, and threads of each."""

    processes: int
    threads: int

    @property
    def name(self) -> str:
        """A line's heading."""
        many = "processes" if self.processes > 1 else "process"
        return f"{self.processes} {many} of {self.threads} thread{'s' * (self.threads > 1)}"


WAYS = (Way(1, 1), Way(2, 1), Way(1, 2))


def main() -> None:
    """Measure every way and print a table."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write_images(root / "data", options.size)
        (root / "recipe.toml").write_text(_recipe(options))
        rates: dict[Way, list[float]] = {way: [] for way in WAYS}
        for number in range(options.rounds):
            for way in WAYS:
                out = root / f"{number}-{way.processes}-{way.threads}"
                rates[way].append(_rate(root, way, out))
    print(f"GoogLeNet-{options.variant}, {options.size} px, batches of {options.batch}, ", end="")
    print(f"load average {os.getloadavg()[0]:.1f} at the end (this run included)")
    base = statistics.median(rates[WAYS[0]])
    for way in WAYS:
        rate = statistics.median(rates[way])
        print(f"{way.name:<26}{rate:8.3f} steps/s{rate / base:8.2f} x")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=96, help="side of a patch, px")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument("--batch", type=int, default=32, help="samples of all processes")
    parser.add_argument("--steps", type=int, default=20, help="of a run, a multiple of 4")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.steps % _WARM:
        parser.error(f"--steps {options.steps}: expected a multiple of {_WARM}")
    return options


def _write_images(root: Path, size: int) -> None:
    """Write 32 images of coarse noise in two classes."""
    rng = np.random.default_rng(0)
    for number in range(32):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC)
        path = root / "train" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)


def _recipe(options: argparse.Namespace) -> str:
    return (
        f"batch_size = {options.batch}\n[model]\nvariant = '{options.variant}'\n"
        f"input_size = {options.size}\n[optimizer]\nsteps = {options.steps}\n"
        f"[run]\nvalidate_every = {options.steps // _WARM}\nsave_every = {options.steps}\n"
    )


def _rate(root: Path, way: Way, out: Path) -> float:
    """Train once and return steps a second after warming up."""
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(way.processes)]
    program = ["--no-python", sys.executable, "-c", "from detect.cli import main; main()"]
    arguments = ["pretrain", root / "data", "--split", "train", "--config", root / "recipe.toml"]
    command = [sys.executable, "-m", *launcher, *program, *arguments, "--out", out]
    environment = {**os.environ, "OMP_NUM_THREADS": str(way.threads)}
    lines, marks = [], []
    with subprocess.Popen(
        [*map(str, command), "--device", "cpu"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        for line in running.stderr or ():
            lines.append(line)
            if line.startswith("step "):  # a row of results.csv, shown as soon as it is there
                marks.append((int(line.split()[1].rstrip(",")), time.perf_counter()))
    if running.returncode:
        sys.exit("".join(lines))
    (first, start), (last, end) = marks[0], marks[-1]
    return (last - first) / (end - start)


if __name__ == "__main__":
    main()
