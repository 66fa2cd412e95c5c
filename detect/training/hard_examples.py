"""Online hard example mining: of a batch only the samples with the highest loss count.

Shrivastava, Gupta and Girshick, arXiv 1604.03540, section 4, who take the hardest of all regions of
two images; here they are the hardest of the regions sampled. How boxes move is learned from
all of them: an object that is easily told may lie badly. Each process, and each piece of a batch
that memory does not hold whole, takes the hardest of its own rows, which are mixed.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from detect.models.googlenet import Logits


def hardest(logits: Logits, labels: Tensor, fraction: float) -> tuple[Logits, Tensor]:
    """Return those rows of `logits` (N, C), and of `labels` (N,), that have the highest loss.

    `fraction` of them, rounded up, in their order. With those of auxiliary classifiers, which come
    last, the network's own cross-entropy chooses for all.
    """
    main = logits if isinstance(logits, Tensor) else logits[0]
    with torch.no_grad():
        losses = cross_entropy(main.float(), labels, reduction="none")
        order = losses.argsort(descending=True, stable=True)
        rows = order[: math.ceil(fraction * len(labels))].sort().values
    if isinstance(logits, Tensor):
        return logits[rows], labels[rows]
    network, first, second = (one[rows] for one in logits)
    return (network, first, second), labels[rows]
