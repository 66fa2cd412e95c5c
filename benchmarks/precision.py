"""bfloat16 against float32 on this processor: crops classified, and steps of training.

    python benchmarks/precision.py
    python benchmarks/precision.py --variant paper --size 80 --batch 64 --rounds 5

Both in turn in one process, the shortest of the rounds each: what `--precision auto` chooses
between. A step of training is GoogLeNet with its auxiliary classifiers, forward, backward, update.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from detect.config import OptimizerSection
from detect.models.crop_time import describe
from detect.models.device import autocast, bfloat16_unit
from detect.models.inference import prepare_for_inference
from detect.models.region_classifier import RegionClassifier
from detect.training.losses import classification_losses
from detect.training.optimization import make_optimizer

CPU = torch.device("cpu")
CLASSES = 20
PRECISIONS = ("float32", "bfloat16")


def crops(options: argparse.Namespace) -> Tensor:
    """Return a batch of noise, channels last."""
    shape = (options.batch, 3, options.size, options.size)
    drawn = torch.randint(0, 256, shape, dtype=torch.uint8)
    return drawn.contiguous(memory_format=torch.channels_last)


def classifying(options: argparse.Namespace) -> Callable[[str], object]:
    """Return what classifies a batch in a precision."""
    model = RegionClassifier(CLASSES, options.variant, auxiliary=False)
    network, batch = prepare_for_inference(model), crops(options)

    @torch.inference_mode()
    def classify(precision: str) -> object:
        with autocast(CPU, precision):
            return network(batch)

    return classify


def training(options: argparse.Namespace) -> Callable[[str], object]:
    """Return what does a step of training in a precision."""
    network = RegionClassifier(CLASSES, options.variant).train()
    network = network.to(memory_format=torch.channels_last)
    batch, labels = crops(options), torch.randint(0, CLASSES, (options.batch,))
    optimizer = make_optimizer(network, OptimizerSection(steps=1, learning_rate=1e-9))

    def step(precision: str) -> object:
        optimizer.zero_grad()
        with autocast(CPU, precision):
            loss = classification_losses(network(batch), labels, 0.3)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        return optimizer.step()

    return step


def shortest(work: Callable[[str], object], rounds: int) -> dict[str, float]:
    """Return the least seconds of `work` in each precision, the first round not counted."""
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(rounds + 1):
        for precision in PRECISIONS:
            start = time.perf_counter()
            work(precision)
            seconds[precision].append(time.perf_counter() - start)
    return {precision: min(taken[1:]) for precision, taken in seconds.items()}


def main() -> None:
    """Print how many times as fast bfloat16 is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--variant", default="bn", choices=("bn", "paper"))
    parser.add_argument("--size", type=int, default=80)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    unit = bfloat16_unit(CPU) or "nothing that multiplies bfloat16 faster"
    print(f"{describe(CPU)}, PyTorch {torch.__version__}; {unit}")
    for name, make in (("classify", classifying), ("train", training)):
        exact, reduced = shortest(make(options), options.rounds).values()
        per_crop = ", ".join(f"{1000 * s / options.batch:.2f}" for s in (exact, reduced))
        print(
            f"{name}, {options.variant}, {options.size} px, batches of {options.batch}: "
            f"{per_crop} ms a crop, {exact / reduced:.2f} times as fast in bfloat16"
        )


if __name__ == "__main__":
    main()
