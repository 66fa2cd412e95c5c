"""Tiny untrained networks whose scores differ from crop to crop."""

import copy
import dataclasses
import functools
from typing import Any

import torch
from builders import CLASSES

from detect.models.card import ModelCard
from detect.models.region_classifier import RegionClassifier

CARD = ModelCard(
    variant="bn",
    width=0.25,
    classes=CLASSES,
    input_size=32,
    mean=(120.0, 115.0, 100.0),
    std=(60.0, 60.0, 60.0),
    context=16.0,
    crop_mode="warp",
    image_side=0,
)


def network(seed: int = 0, **changes: Any) -> tuple[RegionClassifier, ModelCard]:
    """Return a network to evaluate and its card: CARD with `changes`."""
    card = dataclasses.replace(CARD, **changes)
    return copy.deepcopy(_warmed(seed, len(card.classes))), card


@functools.cache
def _warmed(seed: int, classes: int) -> RegionClassifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RegionClassifier(classes, CARD.variant, CARD.width, CARD.mean, CARD.std).train()
        with torch.no_grad():  # Without running means of its own every crop scores the same.
            model.network.fc.weight.mul_(30)
            for _ in range(10):
                model(torch.rand(16, 3, 32, 32) * 255)
    return model.eval()
