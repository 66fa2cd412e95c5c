"""What a network says of crops: its softmax, or linear SVMs in place of it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from detect.models.region_classifier import RegionClassifier
from detect.models.svm import LinearSvms

# A network and crops (n, 3, S, S), 0..255 -> scores (n, C+1) of its classes, background last.
Score = Callable[[RegionClassifier, Tensor], Tensor]


def softmax(network: RegionClassifier, crops: Tensor) -> Tensor:
    """`crops` (n, 3, S, S) -> probabilities (n, C+1)."""
    logits: Tensor = network(crops)
    return logits.float().softmax(dim=1)


def mirrored(score: Score) -> Score:
    """Return what scores crops by the mean of `score` of them and of their mirror images.

    GoogLeNet averages so over the crops of an image it classifies (arXiv 1409.4842, section 7);
    for regions it is ours. Of SVMs, which are linear, it is their score of the mean features.
    """

    def both(network: RegionClassifier, crops: Tensor) -> Tensor:
        return (score(network, crops) + score(network, crops.flip(3))) / 2

    return both


def svm_scores(svms: LinearSvms) -> Score:
    """Return what scores crops by `svms` on the network's features, as R-CNN does.

    Background gets 0, where an SVM decides; nothing is selected by it.
    """

    def score(network: RegionClassifier, crops: Tensor) -> Tensor:
        found = svms.scores(network.pooled(crops).cpu().numpy())
        return torch.from_numpy(np.pad(found, ((0, 0), (0, 1))))

    return score
