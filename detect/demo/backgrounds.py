"""Backgrounds of the scenes: pieces of photographs, tinted and lit.

Train and test scenes share no photograph. There are few to learn from, so train backgrounds are
blended from two and tinted at random: without that a network takes any new texture for an object.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.demo.cutouts import photograph
from detect.structures import Image, Size

TRAIN = ("gravel", "ihc", "text", "retina", "camera", "cell", "clock_motion")
TEST = ("brick", "hubble_deep_field", "grass")
_ZOOM = (0.55, 2.0)  # px of the photograph a px of the scene
# RGB gains that give the grey textures of the test scenes colours such things have.
_TINTS = {
    "brick": ((1.3, 0.8, 0.65), (1.2, 0.95, 0.75), (1.05, 1.0, 0.95)),
    "grass": ((0.72, 1.0, 0.45), (0.62, 0.95, 0.55)),
}
_UNTINTED = ((1.0, 1.0, 1.0),)

Background = Callable[[np.random.Generator, int, Size], NDArray[np.float32]]


def train_backgrounds() -> Background:
    """Return what makes the `number`-th train background of a size, (H, W, 3)."""
    photographs = [photograph(name) for name in TRAIN]

    def make(rng: np.random.Generator, number: int, size: Size) -> NDArray[np.float32]:
        scene = _piece(rng, photographs[number % len(photographs)], size)
        if rng.random() < 0.5:
            second = _piece(rng, photographs[int(rng.integers(len(photographs)))], size)
            scene += np.float32(rng.uniform(0.2, 0.8)) * (second - scene)
        contrast, gains = rng.uniform(0.6, 1.3), rng.uniform(0.65, 1.35, 3)
        mean = scene.mean(axis=(0, 1))
        return _lit(rng, ((scene - mean) * contrast + mean) * gains)

    return make


def held_out_backgrounds() -> Background:
    """Return what makes the `number`-th test background of a size, (H, W, 3)."""
    photographs = [(photograph(name), _TINTS.get(name, _UNTINTED)) for name in TEST]

    def make(rng: np.random.Generator, number: int, size: Size) -> NDArray[np.float32]:
        image, tints = photographs[number % len(photographs)]
        return _lit(rng, _piece(rng, image, size) * tints[int(rng.integers(len(tints)))])

    return make


def _piece(rng: np.random.Generator, image: Image, size: Size) -> NDArray[np.float32]:
    """Cut a random piece of `image`, mirrored or not, and scale it to `size`."""
    low, high = _ZOOM
    scale = rng.uniform(low, min(high, image.shape[0] / size[0], image.shape[1] / size[1]))
    tall, wide = round(size[0] * scale), round(size[1] * scale)
    top = int(rng.integers(image.shape[0] - tall + 1))
    left = int(rng.integers(image.shape[1] - wide + 1))
    piece = image[top : top + tall, left : left + wide][:, :: rng.choice((-1, 1))]
    interpolation = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(np.ascontiguousarray(piece), size[::-1], interpolation=interpolation)
    return np.asarray(scaled, np.float32)


def _lit(rng: np.random.Generator, scene: NDArray[np.floating]) -> NDArray[np.float32]:
    """Let light fall on `scene` (H, W, 3) from one side."""
    height, width = scene.shape[:2]
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.25)
    light = rng.uniform(0.85, 1.15) + strength * (np.cos(angle) * columns + np.sin(angle) * rows)
    return np.asarray(np.clip(scene * light[..., None], 0, 255), np.float32)
