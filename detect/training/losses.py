"""The objective of a classifier with auxiliary classifiers."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, smooth_l1_loss


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


def box_loss(deltas: Tensor, targets: Tensor, labels: Tensor, std: Tensor) -> Tensor:
    """`deltas` (N, K, 4), `targets` (N, 4), `labels` (N,) of their objects, -1: none -> the loss.

    Fast R-CNN, arXiv 1504.08083, equations 2 and 3: smooth L1 of the differences over `std` (4,),
    summed over the four, of the object's own class where there is a box a class (K > 1), and over
    the regions that have an object; divided by N, the whole batch, as its code does.
    """
    rows = torch.arange(len(deltas), device=deltas.device)
    own = labels.clamp(min=0) if deltas.shape[1] > 1 else torch.zeros_like(labels)
    found = deltas[rows, own].float() / std
    each = smooth_l1_loss(found, targets / std, reduction="none").sum(dim=1)
    return (each * (labels >= 0)).sum() / len(deltas)
