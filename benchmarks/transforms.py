"""Changing a batch of crops by mirror and distortions alone, and with five transforms after them.

    python benchmarks/transforms.py [--crops 128] [--side 80]

Seconds of one core, the least of ten batches each, one after the other in turns. The transforms
come with chance 1/2, the library's; with chance 0 what is left is calls and seeding.
"""

import argparse
import time

import cv2
import numpy as np

from detect.data.augment import CropAugmenter
from detect.data.pixel_transforms import make_transforms

FIVE = ("GaussNoise", "MotionBlur", "CLAHE", "RandomShadow", "ImageCompression")
ROUNDS = 10


def main() -> None:
    """Time all three and print milliseconds a batch and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--crops", type=int, default=128, help="in a batch")
    parser.add_argument("--side", type=int, default=80, help="of a crop, px")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    shape = (given.crops, given.side, given.side, 3)
    batch = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    more = {"without": [], "never": with_chance(0.0), "with five": with_chance(0.5)}
    augmenters = {
        name: CropAugmenter(more=make_transforms(tables, given.side))
        for name, tables in more.items()
    }
    seconds = dict.fromkeys(augmenters, float("inf"))
    for number in range(ROUNDS):
        for name, augmenter in augmenters.items():
            start = time.process_time()
            augmenter.apply(np.random.default_rng(number), batch)
            seconds[name] = min(seconds[name], time.process_time() - start)
    for name, spent in seconds.items():
        ratio = spent / seconds["without"]
        print(f"{name}: {1000 * spent:.1f} ms a batch, {ratio:.1f} times")


def with_chance(chance: float) -> list[dict[str, object]]:
    """Return the tables of the five."""
    return [{"name": name, "p": chance} for name in FIVE]


if __name__ == "__main__":
    main()
