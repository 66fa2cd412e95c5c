"""Crops a second on a GPU: naive code, ours, compiled, `detect run` from end to end, training.

    python benchmarks/gpu.py                     # under 130 s on an H200 before training was added
    python benchmarks/gpu.py --device cpu --side 32 --width 0.25 --images 4 --boxes 100 --batch 8

Of the networks alone the shortest of the rounds counts, after one to warm up. From end to end it is
one `detect run` each over stored proposals of synthetic images, read from files: the rate after the
first quarter of the images, and that of the whole command, start and compiling included. Random
weights: all classes of all regions are above the threshold, the most that selection can have.
Training, in batches half as large, is what gpu_training.py measures, which has more options.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from gpu_training import main as train
from pictures import SIZE, picture, random_boxes
from torch import Tensor

from detect.crops import batched
from detect.crops.geometry import windows
from detect.detector.cutting import Look, by_torch
from detect.detector.selecting import DeviceSelection
from detect.ensemble import Combination
from detect.models.cards import RegionClassifierCard
from detect.models.checkpoints import save_model
from detect.models.compiled import compiled
from detect.models.crop_time import describe, finish, forget_peaks, peaks
from detect.models.device import resolve_precision
from detect.models.inference import ready_on
from detect.models.normalised import IMAGENET_MEAN, IMAGENET_STD
from detect.models.region_classifier import RegionClassifier
from detect.progress import Silence
from detect.stages.run import run
from detect.storage.proposals import write_proposals
from detect.structures import Proposals

MEAN = (124.0, 117.0, 104.0)
NAIVE = 32  # crops that are classified one at a time


def main() -> None:
    """Print a line as soon as it is measured."""
    options = _options()
    device = torch.device(options.device)
    torch.manual_seed(0)
    model = RegionClassifier(options.classes, options.variant, options.width, auxiliary=False)
    print(f"{describe(device)}, PyTorch {torch.__version__}, GoogLeNet-{options.variant}, ", end="")
    print(f"{options.side} px, {resolve_precision(device)}", flush=True)
    _networks(options, model, device)
    _alone(options, device)
    with tempfile.TemporaryDirectory() as folder:
        _end_to_end(options, model.eval(), Path(folder))
    print()
    crops, batch = f"--size={options.side}", f"--batch={options.batch // 2}"
    told = (f"--device={options.device}", f"--variant={options.variant}", crops, batch)
    train([*told, f"--images={options.images}", "--seconds=1.5"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--side", type=int, default=224, help="side of a crop, px")
    parser.add_argument("--variant", default="bn", choices=("paper", "bn", "torchvision"))
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--boxes", type=int, default=1800, help="of an image")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", action="store_true", help="leave out what compiles")
    return parser.parse_args()


def _shortest(work: Callable[[], object], rounds: int, device: torch.device) -> float:
    """Return the fewest seconds of `work`, the first round not counted."""
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        finish(device)
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


def _say(name: str, count: int, seconds: float) -> None:
    print(f"{name:54}{count / seconds:10,.0f} crops/s{1e6 * seconds / count:9.1f} us", flush=True)


def _networks(options: argparse.Namespace, model: RegionClassifier, device: torch.device) -> None:
    """Print crops a second of the network alone, the crops being on the device."""
    shape = (options.batch, 3, options.side, options.side)
    crops = (torch.rand(shape) * 255).to(device)
    plain = model.eval().to(device)
    naive = min(NAIVE, options.batch)
    measure = partial(_shortest, rounds=options.rounds, device=device)
    single = [crops[n : n + 1] for n in range(naive)]
    seconds = measure(lambda: _classify(plain, *single))
    _say("naive: float32 (TF32), NCHW, one at a time", naive, seconds)
    half = crops[: max(1, options.batch // 2)]
    seconds = measure(lambda: _classify(plain, half))
    _say(f"float32 (TF32), NCHW, batches of {len(half)}", len(half), seconds)
    last = crops.contiguous(memory_format=torch.channels_last)
    for name, ready in _ready(options, model.cpu(), device):
        start = time.perf_counter()
        _classify(ready, last)
        finish(device)
        first = time.perf_counter() - start
        seconds = measure(partial(_classify, ready, last))
        _say(f"{name}, batches of {options.batch}", options.batch, seconds)
        print(f"    its first call took {first:.1f} s", flush=True)


def _ready(
    options: argparse.Namespace, model: Any, device: torch.device
) -> Iterator[tuple[str, Any]]:
    """Yield the network as the detector has it, and compiled in two ways."""
    ready = ready_on(device, model)
    yield "ours", ready
    if not options.no_compile:
        yield "ours, compiled", compiled(ready, dynamic=False)
        if device.type == "cuda":
            yield "with CUDA graphs", torch.compile(ready, mode="reduce-overhead", dynamic=False)


@torch.inference_mode()
def _classify(network: Callable[[Tensor], Tensor], *batches: Tensor) -> None:
    for batch in batches:
        network(batch).float().softmax(dim=1)


def _alone(options: argparse.Namespace, device: torch.device) -> None:
    """Print what an image's crops cost, and its selection."""
    rng = np.random.default_rng(0)
    image, boxes = picture(rng), random_boxes(rng, options.boxes)
    shown = windows(boxes, SIZE, options.side)
    measure = partial(_shortest, rounds=options.rounds, device=device)
    _say("windows on the host", len(boxes), measure(lambda: windows(boxes, SIZE, options.side)))
    ways: list[Any] = [("crops", batched.sample)]
    if not options.no_compile:
        ways.append(("crops, compiled", compiled(batched.sample, dynamic=True)))
    for name, sample in ways:
        cutting = by_torch(device, sample)

        @torch.inference_mode()
        def cut(cutting: Any = cutting) -> None:
            cutter = cutting(image, Look(options.side, MEAN))
            for start in range(0, len(boxes), options.batch):
                piece = shown.take(slice(start, start + options.batch))
                cutter(piece)(slice(0, len(piece)))

        _say(f"{name}, upload included", len(boxes), measure(cut))
    scores = rng.dirichlet(np.full(options.classes + 1, 5.0), len(boxes)).astype(np.float32)
    for kind in ("nms", "soft-nms"):
        how = Combination(kind)
        for by, select in (("NumPy", how.select), ("torch", DeviceSelection(device, how))):
            seconds = measure(partial(select, boxes, scores[None]))
            _say(f"{kind} by {by}, dense scores", len(boxes), seconds)


def _end_to_end(options: argparse.Namespace, model: Any, folder: Path) -> None:
    """Print what `detect run` does in a second, compiled and not, with and without pictures."""
    _write_set(options, model, folder)
    ways = [("off", False), ("off", True)]
    if not options.no_compile:
        ways += [("on", False), ("on", True)]
    device = torch.device(options.device)
    for compile_, pictures in ways:
        forget_peaks(device)
        clock = Clock()
        run(
            folder / "images",
            model=folder / "model.safetensors",
            proposals=folder / "proposals",
            out=folder / f"{compile_}-{pictures}",
            device=options.device,
            compile=compile_,
            pictures=pictures,
            batch_size=options.batch,
            reporter=clock,
        )
        whole, first = time.perf_counter() - clock.start, max(1, options.images // 4)
        name = f"detect run, compile {compile_}{', pictures' if pictures else ''}"
        later = clock.stamps[-1] - clock.stamps[first - 1]
        _say(f"{name}, after {first} images", (options.images - first) * options.boxes, later)
        _say("    the whole command", options.images * options.boxes, whole)
        peak = peaks(device)
        print(f"    first image after {clock.stamps[0] - clock.start:.1f} s, ", end="")
        print(f"peak memory {peak.memory / 1e9:.1f} GB, GPU {peak.gpu / 1e9:.1f} GB", flush=True)


class Clock(Silence):
    """Notes when every image is done."""

    def __init__(self) -> None:
        self.start, self.stamps = time.perf_counter(), list[float]()

    def track(self, items: Iterable[Any], total: int, what: str, /) -> Iterator[Any]:
        """Yield from `items`, and note the time after each."""
        for item in items:
            yield item
            self.stamps.append(time.perf_counter())

    def say(self, line: str, /) -> None:
        """Print `line`."""
        print(f"    {line}", flush=True)

    warn = say


def _write_set(options: argparse.Namespace, model: RegionClassifier, folder: Path) -> None:
    """Write images, their proposals and the network."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    proposals = []
    for number in range(options.images):
        name = f"{number:04d}"
        cv2.imwrite(str(folder / f"images/{name}.jpg"), picture(rng))
        boxes, scores = random_boxes(rng, options.boxes), np.ones(options.boxes, np.float32)
        sources = np.full(options.boxes, "random")
        proposals.append(Proposals(name, SIZE, boxes, scores, sources))
    recipe = {"method": "random", "images": options.images}
    write_proposals(folder / "proposals", proposals, recipe)
    card = RegionClassifierCard(
        variant=options.variant,
        width=options.width,
        classes=tuple(f"class {number}" for number in range(options.classes)),
        input_size=options.side,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        context=16.0,
        crop_mode="warp",
        image_side=0,
    )
    save_model(folder / "model.safetensors", model, card)


if __name__ == "__main__":
    main()
