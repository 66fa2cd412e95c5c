"""A network whose second output is a box regression that was fitted on its features.

The ridge regression of box_regression.py and the head of box_head.py are the same function, linear
in averaged maps: fitted in closed form it takes the head's place, and every region is moved before
NMS, as R-CNN does, by all that takes a network that moves boxes.
"""

from dataclasses import replace

import torch

from detect.models.box_regression import BoxRegression
from detect.models.cards import RegionClassifierCard
from detect.models.kinds import REGION_CLASSIFIER
from detect.models.region_classifier import RegionClassifier


def with_regression(
    network: RegionClassifier,
    card: RegionClassifierCard,
    regression: BoxRegression,
    maps: str,
    grid: int,
) -> tuple[RegionClassifier, RegionClassifierCard]:
    """Return a copy of `network` that moves boxes by `regression`, and its card.

    `maps` and `grid` are what was fitted on. A second output that the network had is replaced.
    """
    moving = replace(card, regression="classwise", regression_maps=maps, regression_grid=grid)
    with torch.device("meta"):
        built = REGION_CLASSIFIER.build(moving)
    kept = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name in built.state_dict() and not name.startswith("regression.")
    }
    built.load_state_dict({**kept, **_head(regression, grid)}, assign=True)
    return built.eval(), moving


def _head(regression: BoxRegression, grid: int) -> dict[str, torch.Tensor]:
    """Return the tensors of BoxHead: it divides by the grid, and the regression scales."""
    weights = torch.from_numpy(regression.weights)  # (C, D + 1, 4)
    features = weights[:, :-1].transpose(1, 2).flatten(0, 1) * (regression.scale * grid)
    return {
        "regression.fc.weight": features.float().contiguous(),
        "regression.fc.bias": weights[:, -1].flatten().float(),
        "regression.mean": torch.zeros(4),
        "regression.std": torch.ones(4),
    }
