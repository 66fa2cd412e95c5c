"""`detect check` against only decoding the same images one after the other, in one run.

    python benchmarks/check.py [--images 10000] [--distinct 200]

A VOC set of JPEGs of 640x480 px, hard links of `--distinct` pictures, three boxes each. Whole
processes are timed, starting Python included; peaks of resident memory are those of the process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from propose import picture

CHECK = "from detect.cli import main; main(['check', sys.argv[1], '--json', sys.argv[2]])"
DECODE = """
from pathlib import Path
from detect.images import read_image
for path in sorted(Path(sys.argv[1], "JPEGImages").iterdir()):
    read_image(path)
"""
USED = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
"""
OBJECT = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>"
    "<ymax>{}</ymax></bndbox></object>"
)
SIZE = "<size><width>640</width><height>480</height></size>"


def main() -> None:
    """Time both and print seconds, memory and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--distinct", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "voc"
        write_set(root, given.images, given.distinct)
        checked, worked, memory = run(CHECK, root, Path(name) / "all.json")
        decoded, others, plain = run(DECODE, root)
    print(f"detect check: {checked:.1f} s, of processors {worked:.1f} s, {memory:.0f} MiB")
    print(f"decoding alone: {decoded:.1f} s, of processors {others:.1f} s, {plain:.0f} MiB")
    print(f"{given.images} images; check takes {checked / decoded:.2f} times as long")


def run(program: str, *arguments: Path) -> tuple[float, float, float]:
    """Return seconds, processor seconds and peak MiB of a process that runs `program`."""
    text = f"import atexit, sys\natexit.register(lambda: exec({USED!r}))\n{program}"
    start = time.perf_counter()
    command = [sys.executable, "-c", text, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    worked, memory = map(float, done.stdout.split()[-2:])
    return time.perf_counter() - start, worked, memory


def write_set(root: Path, count: int, distinct: int) -> None:
    """Write a VOC set of `count` images with one split, train."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(distinct):
        cv2.imwrite(str(root.parent / f"{number}.jpg"), picture(np.random.default_rng(number)))
    for number in range(count):
        os.link(root.parent / f"{number % distinct}.jpg", root / f"JPEGImages/{number:06d}.jpg")
        corners = rng.integers(1, 240, (3, 2))
        boxes = np.concatenate([corners, corners + rng.integers(20, 200, (3, 2))], axis=1)
        objects = "".join(OBJECT.format("abc"[at], *box) for at, box in enumerate(boxes.tolist()))
        text = f"<annotation>{SIZE}{objects}</annotation>"
        (root / f"Annotations/{number:06d}.xml").write_text(text, encoding="utf-8")
    ids = "".join(f"{number:06d}\n" for number in range(count))
    (root / "ImageSets/Main/train.txt").write_text(ids, encoding="utf-8")


if __name__ == "__main__":
    main()
