"""`detect propose` with one worker against two, or our search against OpenCV's, in one run.

    python benchmarks/propose.py [--images 60] [--data DATA --split S] [--preset rcnn]
    python benchmarks/propose.py --against opencv [the same options]

Without --against whole commands are timed, starting Python and the workers included; both write
the same bytes. With it every image is searched by both in turn in this process, on one core, what
is compiled already compiled, and the boxes are compared.
Without --data it makes pictures of 640x480 px: ellipses on blotches.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.data import open_dataset, read_pixels
from detect.proposals.estimate import spread
from detect.proposals.selective_search import find_boxes, search_module
from detect.proposals.settings import PRESETS, Search

SIZE = (480, 640)
SEARCHES: tuple[Search, ...] = ("own", "opencv")
PROGRAM = "import sys; from detect.cli import main; main(['propose', *sys.argv[1:]])"


def main() -> None:
    """Compare what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--images", type=int, default=60, help="how many are made, or at most compared"
    )
    parser.add_argument("--data", help="a data set or folder in place of made images")
    parser.add_argument("--split", help="of --data")
    parser.add_argument("--preset", default="rcnn")
    parser.add_argument("--against", choices=("workers", "opencv"), default="workers")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = given.data or str(make_images(folder / "images", given.images))
        if given.against == "opencv":
            compare_searches(Path(data), given.split, given.preset, given.images)
        else:
            compare_workers(data, given.split, given.preset, folder)


def compare_workers(data: str, split: str | None, preset: str, folder: Path) -> None:
    """Time the command with one worker and with two, and print both and their ratio."""
    arguments = [data, *(["--split", split] if split else []), "--preset", preset]
    seconds = {
        workers: run(arguments, folder / f"{workers}.parquet", workers) for workers in (1, 2)
    }
    if (folder / "1.parquet").read_bytes() != (folder / "2.parquet").read_bytes():
        sys.exit("one and two workers wrote different bytes")
    for workers, spent in seconds.items():
        print(f"{workers} worker{'s' * (workers > 1)}: {spent:.1f} s")
    print(f"two against one: {seconds[1] / seconds[2]:.2f} times as fast")


def compare_searches(data: Path, split: str | None, preset: str, most: int) -> None:
    """Search at most so many images of `data`, evenly spread, by both; print seconds and boxes."""
    cv2.setNumThreads(1)
    search_module().prepare()
    settings = {name: replace(PRESETS[preset], search=name) for name in SEARCHES}
    seconds = dict.fromkeys(SEARCHES, 0.0)
    boxes = same = alike = 0
    samples = spread(open_dataset(data, split).samples, most)
    for number, sample in enumerate(samples):
        image = read_pixels(sample)
        found: dict[str, set[tuple[float, ...]]] = {}
        for name in SEARCHES if number % 2 else reversed(SEARCHES):
            start = time.process_time()
            rows = find_boxes(image, settings[name])
            seconds[name] += time.process_time() - start
            found[name] = set(map(tuple, rows.tolist()))
        boxes += len(found["opencv"])
        same += len(found["own"] & found["opencv"])
        alike += found["own"] == found["opencv"]
    for name, spent in seconds.items():
        print(f"{name}: {spent:.1f} s, {spent / len(samples):.3f} an image")
    print(f"own against opencv: {seconds['opencv'] / seconds['own']:.2f} times as fast")
    print(f"{same} of {boxes} boxes the same; {alike} of {len(samples)} images all alike")


def run(arguments: list[str], out: Path, workers: int) -> float:
    """Return the seconds of one `detect propose`, from start to exit."""
    command = [sys.executable, "-c", PROGRAM, *arguments, "--out", str(out)]
    start = time.perf_counter()
    subprocess.run([*command, "--workers", str(workers)], check=True)
    return time.perf_counter() - start


def make_images(folder: Path, count: int) -> Path:
    """Write `count` pictures to `folder`, the same ones every time."""
    folder.mkdir()
    for number in range(count):
        image = picture(np.random.default_rng(number))
        cv2.imwrite(str(folder / f"{number:03d}.png"), image)
    return folder


def picture(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return ellipses of all sizes on a blotchy background, (H, W, 3)."""
    height, width = SIZE
    coarse = rng.uniform(60, 190, (height // 40, width // 40, 3)).astype(np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(8, 90)), int(rng.integers(8, 90)))
        colour = tuple(float(value) for value in rng.uniform(0, 255, 3))
        cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    noisy = image + rng.normal(0, 8, image.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


if __name__ == "__main__":
    main()
