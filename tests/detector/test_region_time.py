"""What timing a detector counts; how long it takes is not for a test to say."""

import numpy as np
import pytest
import torch
from networks import network

from detect.detector.region_time import time_regions
from detect.detector.scoring import mirrored, softmax
from detect.models.region_classifier import RegionClassifier
from detect.structures import Image, Proposals

CPU = torch.device("cpu")


def pair(count: int) -> tuple[Image, Proposals]:
    """Return a grey image and `count` different boxes in it."""
    corners = np.stack([np.arange(count) % 50, np.arange(count) // 50 * 2], 1)
    boxes = np.concatenate([corners, corners + 40], 1)
    scores, sources = np.ones(count), np.full(count, "test")
    return np.full((120, 100, 3), 128, np.uint8), Proposals("1", (120, 100), boxes, scores, sources)


def test_structures_of_all_images_but_the_first_count() -> None:
    model, card = network()
    found = time_regions(model, card, CPU, "float32", [pair(5), pair(0), pair(3)])
    # Four images, those without regions left out: 5, 3, 5 and 3 of them.
    assert found.regions == 3 + 5 + 3
    assert found.seconds > 0
    assert found.peak.memory > 0
    assert found.peak.gpu == 0


def test_what_is_timed_scores_as_told() -> None:
    crops = 0

    def counted(network: RegionClassifier, batch: torch.Tensor) -> torch.Tensor:
        nonlocal crops
        crops += len(batch)
        return softmax(network, batch)

    time_regions(*network(), CPU, "float32", [pair(32)], counted)
    once, crops = crops, 0
    time_regions(*network(), CPU, "float32", [pair(32)], mirrored(counted))
    assert crops == 2 * once > 0


def test_of_an_image_with_many_regions_two_batches_are_taken() -> None:
    model, card = network()
    found = time_regions(model, card, CPU, "float32", [pair(700)])
    assert found.regions == 3 * 2 * 256


def test_no_region_at_all_is_a_callers_mistake() -> None:
    with pytest.raises(ValueError, match="at least one region"):
        time_regions(*network(), CPU, "float32", [pair(0)])
