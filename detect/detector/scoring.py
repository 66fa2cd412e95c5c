"""What a network says of crops: its softmax, or linear SVMs in place of it, and deltas of boxes."""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from detect.models.exported.network import EngineNetwork
from detect.models.region_classifier import Outputs, RegionClassifier
from detect.models.region_networks import RegionNetwork
from detect.models.svm import LinearSvms

# log(1000 / 16): no side grows further in torchvision (models.detection._utils.BoxCoder); ours is
# that no centre moves further, in sides.
_LARGEST_DELTA = math.log(1000 / 16)

# A network, RegionClassifier or EngineNetwork, and crops (n, 3, S, S), 0..255, or a SharedNetwork
# and regions of its maps -> scores (n, C+1) of its classes, background last, and behind them
# (n, 4K) how the boxes move, if it says so.
Score = Callable[[Any, Tensor], Tensor]


def softmax(network: RegionNetwork | EngineNetwork, crops: Tensor) -> Tensor:
    """`crops` (n, 3, S, S) -> probabilities (n, C+1), and deltas (n, 4K) if boxes are moved."""
    outputs = network(crops)
    logits = outputs.logits if isinstance(outputs, Outputs) else outputs
    probabilities = cast(Tensor, logits).float().softmax(dim=1)
    if not isinstance(outputs, Outputs):
        return probabilities
    deltas = outputs.deltas.flatten(1).clamp(-_LARGEST_DELTA, _LARGEST_DELTA)
    return torch.cat([probabilities, deltas], 1)


def mirrored(score: Score) -> Score:
    """Return what scores crops by the mean of `score` of them and of their mirror images.

    GoogLeNet averages so over the crops of an image it classifies (arXiv 1409.4842, section 7);
    for regions it is ours. A box that moves right in the mirror image moves left. Of SVMs, which
    are linear, it is their score of the mean features.
    """

    def both(network: RegionClassifier, crops: Tensor) -> Tensor:
        turned = score(network, crops.flip(3))
        turned[:, network.num_classes + 1 :: 4] *= -1  # t_x of every delta
        return (score(network, crops) + turned) / 2

    return both


def svm_scores(svms: LinearSvms) -> Score:
    """Return what scores crops by `svms` on the network's features, as R-CNN does.

    Background gets 0, where an SVM decides; nothing is selected by it.
    """

    def score(network: RegionClassifier, crops: Tensor) -> Tensor:
        found = svms.scores(network.pooled(crops).cpu().numpy())
        return torch.from_numpy(np.pad(found, ((0, 0), (0, 1))))

    return score
