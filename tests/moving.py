"""Tiny untrained networks that move boxes."""

from typing import Any

import torch
from networks import network

from detect.models.cards import RegionClassifierCard
from detect.models.region_classifier import RegionClassifier


def moving(
    seed: int = 0, kind: str = "agnostic", far: float = 0.1, **changes: Any
) -> tuple[RegionClassifier, RegionClassifierCard]:
    """Return a network as `networks.network` does that moves boxes as well, and its card.

    It scores as the other does; deltas differ from crop to crop by about `far`, 0: nothing moves.
    """
    told = {"regression": kind, "regression_maps": "4e", "regression_grid": 2}
    still, card = network(seed, **{**told, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shape = (len(card.classes), card.variant, card.width, card.mean, card.std)
        model = RegionClassifier(*shape, regression=card.design.regression).eval()
        crops = torch.rand(16, 3, 32, 32) * 255
    model.load_state_dict(still.state_dict(), strict=False)
    assert model.regression is not None
    with torch.no_grad():
        spread = model(crops).deltas.std(dim=0).mean()
        model.regression.fc.weight.mul_(far / spread)
    return model, card
