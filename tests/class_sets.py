"""Tiny folders of classes: one coloured shape an image on a textured background."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from builders import CLASSES, save_image, scene


def write_class_folders(
    root: Path, splits: Mapping[str, int], seed: int = 0, *, suffix: str = ".png"
) -> Path:
    """Write `splits` name -> images a class, in folders SPLIT/CLASS/; return `root`."""
    rng = np.random.default_rng(seed)
    for split, count in splits.items():
        left = dict.fromkeys(range(len(CLASSES)), count)
        while any(left.values()):
            image, _, labels = scene(rng, (48, 64), objects=1)
            label = int(labels[0])
            if left[label]:
                save_image(root / split / CLASSES[label] / f"{left[label]}{suffix}", image)
                left[label] -= 1
    return root
