"""`detect propose` with one worker against two, on the same images, in one run.

    python benchmarks/propose.py [--images 60] [--data DATA --split S] [--preset rcnn]

Whole commands are timed, starting Python and the workers included; both write the same bytes.
Without --data it makes pictures of 640x480 px: ellipses on blotches, about 2 s each a core.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (480, 640)
PROGRAM = "import sys; from detect.cli import main; main(['propose', *sys.argv[1:]])"


def main() -> None:
    """Time both and print seconds, images a second and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=60, help="how many are made")
    parser.add_argument("--data", help="a data set or folder in place of made images")
    parser.add_argument("--split", help="of --data")
    parser.add_argument("--preset", default="rcnn")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = [given.data or str(make_images(folder / "images", given.images))]
        data += ["--split", given.split] if given.split else []
        seconds = {
            workers: run([*data, "--preset", given.preset], folder / f"{workers}.parquet", workers)
            for workers in (1, 2)
        }
        if (folder / "1.parquet").read_bytes() != (folder / "2.parquet").read_bytes():
            sys.exit("one and two workers wrote different bytes")
    for workers, spent in seconds.items():
        print(f"{workers} worker{'s' * (workers > 1)}: {spent:.1f} s")
    print(f"two against one: {seconds[1] / seconds[2]:.2f} times as fast")


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
