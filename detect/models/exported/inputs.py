"""What an exported network is given: its inputs by name, made up to export and compare it with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.models.cards import MultiBoxCard, RegionClassifierCard
from detect.models.shared_card import SharedCard

Inputs = dict[str, NDArray[Any]]
ExportedCard = RegionClassifierCard | MultiBoxCard | SharedCard

CROPS = "crops"
IMAGES, BOXES, PLACES = "images", "boxes", "places"
# The axis of an input, its first, whose length may be any.
AXES = {CROPS: "batch", IMAGES: "batch", BOXES: "regions", PLACES: "regions"}
_REGIONS = 3  # of an image made up


def made_inputs(card: ExportedCard, count: int) -> Inputs:
    """Return `count` crops or images as the network with `card` sees them, from flat ones to noise.

    With one trunk regions of each as well.
    """
    rng = np.random.default_rng(count)
    if not isinstance(card, SharedCard):
        return {CROPS: _pixels(rng, count, card.input_size, card.input_size)}
    corners = rng.uniform(0, 0.5, (count * _REGIONS, 2)).astype(np.float32)
    sides = rng.uniform(0.1, 0.5, (count * _REGIONS, 2)).astype(np.float32)
    return {
        IMAGES: _pixels(rng, count, card.input_height, card.input_size),
        BOXES: np.concatenate([corners, corners + sides], axis=1),
        PLACES: np.arange(count * _REGIONS) % count,
    }


def _pixels(rng: np.random.Generator, count: int, height: int, width: int) -> NDArray[np.uint8]:
    noise = rng.normal(size=(count, 3, height, width))
    noise *= np.linspace(2, 80, count)[:, None, None, None]
    middle = rng.uniform(0, 255, (count, 3, 1, 1))
    return np.clip(middle + noise, 0, 255).astype(np.uint8)
