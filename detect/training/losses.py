"""The objective of a classifier with auxiliary classifiers."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def classification_losses(
    logits: Tensor | tuple[Tensor, ...], labels: Tensor, auxiliary_weight: float
) -> dict[str, Tensor]:
    """`logits` (N, C) or those of the network and of its auxiliary classifiers, `labels` (N,).

    Returns "loss": cross-entropy plus `auxiliary_weight` of each auxiliary one (0.3: arXiv
    1409.4842, section 5), and "main_loss" without them where there are any.
    """
    if isinstance(logits, Tensor):
        return {"loss": cross_entropy(logits.float(), labels)}
    main, *sides = (cross_entropy(output.float(), labels) for output in logits)
    return {"loss": main + auxiliary_weight * torch.stack(sides).sum(), "main_loss": main}
