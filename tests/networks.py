"""Tiny untrained networks whose scores differ from crop to crop."""

import copy
import dataclasses
import functools
from typing import Any

import numpy as np
import torch
from builders import CLASSES
from numpy.typing import ArrayLike

from detect.models.box_coder import BoxCoder
from detect.models.box_head import BoxHeadDesign
from detect.models.cards import MultiBoxCard, RegionClassifierCard
from detect.models.multibox import MultiBox, MultiBoxDesign
from detect.models.priors import grid_priors
from detect.models.region_classifier import RegionClassifier
from detect.models.shared import SharedDesign, SharedNetwork
from detect.models.shared_card import SharedCard

# Features of a region: GoogLeNet has 1,024 at width 1.
DIMENSIONS = 256
CARD = RegionClassifierCard(
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


def network(seed: int = 0, **changes: Any) -> tuple[RegionClassifier, RegionClassifierCard]:
    """Return a network to evaluate and its card: CARD with `changes`."""
    card = dataclasses.replace(CARD, **changes)
    return copy.deepcopy(_warmed(seed, len(card.classes))), card


def moving_network(
    seed: int = 0, kind: str = "agnostic", **changes: Any
) -> tuple[RegionClassifier, RegionClassifierCard]:
    """Return a network that moves boxes, by some tenths of their sides, and its card."""
    told = {"regression": kind, "regression_maps": "4e", "regression_grid": 2}
    plain, card = network(seed, **{**told, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RegionClassifier(
            len(card.classes), card.variant, card.width, card.mean, card.std,
            regression=card.box_head,
        )  # fmt: skip
        assert model.regression is not None
        model.load_state_dict(plain.state_dict(), strict=False)
        std, mean = torch.tensor([0.1, 0.1, 0.2, 0.2]), torch.tensor([0.05, 0.0, 0.1, -0.1])
        model.regression.set_statistics(mean, std)
        with torch.no_grad():
            model.regression.fc.weight.mul_(1000)
    return model.eval(), card


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


def multibox(
    priors: ArrayLike | None = None,
    logits: ArrayLike | None = None,
    seed: int = 0,
    side: int = 32,
    **changes: Any,
) -> tuple[MultiBox, MultiBoxCard]:
    """Return a MultiBox of inputs of `side` px to evaluate and its card, with `changes` in that.

    With `priors` (K, 4) and `logits` (K,) it finds those in every view; without, 12 boxes that
    differ from image to image.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        corners = torch.rand(12, 2) * 0.6
        wanted = torch.cat([corners, corners + torch.rand(12, 2) * 0.3 + 0.1], 1)
        if priors is not None:
            wanted = torch.as_tensor(np.asarray(priors, np.float32))
        design = MultiBoxDesign("bn", 0.25, "fc", "5b", side, len(wanted), 0, 0, BoxCoder())
        model = MultiBox(design, wanted).train()
        with torch.no_grad():
            for _ in range(10):
                model(torch.rand(16, 3, side, side) * 255)
            for layer, factor in ((model.head.boxes, 50), (model.head.confidences, 10)):
                layer.weight.mul_(factor if priors is None else 0)
            if logits is not None:
                model.head.confidences.bias.copy_(torch.as_tensor(np.asarray(logits, np.float32)))
    values = {"views": "squares", "per_view": 50, "nms": 0.5, "boxes": 200, **changes}
    mean, std = model.normalisation
    card = MultiBoxCard(
        variant="bn", width=0.25, input_size=side, mean=mean, std=std, head="fc", until="5b",
        slots=len(wanted), levels=0, shapes=0, encoding="corners", scale=0.01, **values,
    )  # fmt: skip
    return model.eval(), card


def shared(
    seed: int = 0, kind: str = "classwise", **changes: Any
) -> tuple[SharedNetwork, SharedCard]:
    """Return a detector of one trunk for images of 64x48 px, whose regions differ, and its card."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shapes = np.array([[[0.2, 0.2], [0.4, 0.3]]], np.float32)
        priors = torch.from_numpy(grid_priors(shapes, [(3, 4)]))
        head = BoxHeadDesign(kind, "4e", 2)
        shape = (len(priors), 1, 2, BoxCoder("centre", 0.1), head)
        design = SharedDesign("bn", 0.25, len(CLASSES), 64, 48, *shape)
        model = SharedNetwork(design, priors, CARD.mean, CARD.std, dropout=0.0).train()
        boxes = torch.rand(32, 2) * 0.5
        boxes = torch.cat([boxes, boxes + torch.rand(32, 2) * 0.4 + 0.1], 1)
        with torch.no_grad():
            for _ in range(10):
                maps = model.trunk(torch.rand(8, 3, 48, 64) * 255)
                model.proposed(maps)
                model(model.regions(maps, boxes, torch.arange(32) % 8))
            model.network.fc.weight.mul_(30)
            model.regression.fc.weight.mul_(300)
            model.head.outputs[0].weight.mul_(20)
    card = SharedCard(
        variant="bn", width=0.25, classes=CLASSES, input_size=64, input_height=48,
        mean=CARD.mean, std=CARD.std, slots=len(priors), levels=1, shapes=2,
        encoding="centre", scale=0.1, per_view=50, nms=0.7, boxes=20,
        regression=kind, regression_maps="4e", regression_grid=2,
    )  # fmt: skip
    return model.eval(), dataclasses.replace(card, **changes)
