"""Milliseconds of a training step on a CPU: freed memory kept, as trainings do, or given back.

    python benchmarks/training.py [--size 96] [--batch 64 128] [--variant bn] [--threads 2]

A step is forward, backward and update of GoogLeNet on noise, with what memory it took at most.
Each way runs in a process of its own, in turn, several rounds; the medians count.
"""

import argparse
import statistics
import subprocess
import sys
import time

import torch

from detect.config import PretrainRecipe
from detect.memory import keep_freed, peak_memory
from detect.models.device import autocast
from detect.training.losses import classification_losses
from detect.training.optimization import make_optimizer
from detect.training.pretrain import build_image_classifier

_STEPS, _UNCOUNTED = 10, 3


def main() -> None:
    """Measure both ways with every size of batch, and print a line of each."""
    options = _options()
    if options.way is not None:
        _steps(options, options.batch[0], keep=options.way == "kept")
        return
    print(f"GoogLeNet-{options.variant}, {options.size} px, {options.threads} threads")
    for batch in options.batch:
        found: dict[str, list[list[float]]] = {"given back": [], "kept": []}
        for _ in range(options.rounds):
            for way, values in found.items():
                values.append(_measured(way, batch))
        base = statistics.median(seconds for seconds, _ in found["given back"])
        for way, values in found.items():
            step, peak = (statistics.median(column) for column in zip(*values, strict=True))
            print(
                f"batches of {batch}, freed memory {way:<10} {1000 * step:7.0f} ms"
                f"{base / step:7.2f} x {peak:7.0f} MiB",
                flush=True,
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=96, help="side of an input, px")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measured(way: str, batch: int) -> list[float]:
    """Return the seconds of a step and the most memory, MiB, of a process that works that way."""
    arguments = [*sys.argv, "--way", way, "--batch", str(batch)]
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, check=True)
    return [float(value) for value in done.stdout.split()]


def _steps(options: argparse.Namespace, batch: int, *, keep: bool) -> None:
    """Train a few steps and print the median of their seconds, and the most memory in MiB."""
    torch.set_num_threads(options.threads)
    if keep:
        keep_freed()
    model = {"variant": options.variant, "input_size": options.size}
    recipe = PretrainRecipe.model_validate({"model": model, "optimizer": {"steps": _STEPS}})
    network = build_image_classifier(recipe, 10, print).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, recipe.optimizer)
    size = (batch, options.size, options.size, 3)
    patches = torch.randint(0, 256, size, dtype=torch.uint8).permute(0, 3, 1, 2)
    labels = torch.randint(0, 10, (batch,))
    seconds = []
    for _ in range(_STEPS):
        start = time.perf_counter()
        optimizer.zero_grad()
        with autocast(torch.device("cpu"), recipe.run.precision):
            losses = classification_losses(network(patches), labels, 0.3)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    print(statistics.median(seconds[_UNCOUNTED:]), peak_memory() / 2**20)


if __name__ == "__main__":
    main()
