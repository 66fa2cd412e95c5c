"""How weights are changed and averaged: learning rate, optimizer, Polyak averaging."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from detect.config import OptimizerSection


def learning_rate(optimizer: OptimizerSection, step: int, steps_per_epoch: float) -> float:
    """Return the rate of `step`: linear warm-up, then `paper` or `cosine`.

    `paper`: 4 % down every 8 epochs (arXiv 1409.4842, section 6). `cosine`: to zero at the last
    step (Loshchilov and Hutter, arXiv 1608.03983, equation 5 without restarts).
    """
    warm = min(1.0, (step + 1) / max(optimizer.warmup_steps, 1))
    if optimizer.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * step / optimizer.steps))
    else:
        factor = 0.96 ** math.floor(step / steps_per_epoch / 8)
    return optimizer.learning_rate * warm * factor


def make_optimizer(model: nn.Module, optimizer: OptimizerSection) -> torch.optim.Optimizer:
    """Return SGD or AdamW; weight decay is on kernels, not on biases and norms (ours)."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": optimizer.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate, momentum = optimizer.learning_rate, optimizer.momentum
    if optimizer.algorithm == "adamw":
        return torch.optim.AdamW(groups, lr=rate, betas=(momentum, 0.999), fused=True)
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=True)


def ramped_average(
    decay: float,
) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Return Polyak averaging: an exponential moving average of decay min(decay, (1+t)/(10+t)).

    The ramp keeps the first weights out of short runs; from TensorFlow's
    ExponentialMovingAverage with num_updates, the tool of the paper's authors.
    """

    @torch.no_grad()
    def average(
        averaged: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int
    ) -> None:
        weight = 1 - min(decay, (1 + int(updates)) / (10 + int(updates)))
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:
                mean.copy_(value)

    return average
