"""How weights are changed and averaged: learning rate, optimizer, Polyak averaging."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from detect.config import OptimizerSection
from detect.training.freezing import trunk


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
    """Return SGD or AdamW; weight decay is on kernels, not on biases and norms (ours).

    Each group of parameters has its `share` of the learning rate.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    parts = [(1.0, parameters)]
    if optimizer.trunk_rate != 1:
        slow = {id(p) for one in trunk(model) for p in one.parameters(recurse=False)}
        parts = [
            (1.0, [p for p in parameters if id(p) not in slow]),
            (optimizer.trunk_rate, [p for p in parameters if id(p) in slow]),
        ]
    groups = [group for share, some in parts for group in _groups(some, share, optimizer)]
    rate, momentum = optimizer.learning_rate, optimizer.momentum
    if optimizer.algorithm == "adamw":
        return torch.optim.AdamW(groups, lr=rate, betas=(momentum, 0.999), fused=True)
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, fused=True)


def _groups(
    parameters: Sequence[Tensor], share: float, optimizer: OptimizerSection
) -> list[dict[str, Any]]:
    """Return the groups of `parameters`: kernels, which decay, and the others."""
    kernels = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    return [
        {"params": kernels, "weight_decay": optimizer.weight_decay, "share": share},
        {"params": others, "weight_decay": 0.0, "share": share},
    ]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step have the learning rate `rate`, and each group its share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]


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
        for means, values in by_type(averaged, current):
            if means[0].is_floating_point():
                torch._foreach_lerp_(means, values, weight)
            else:
                torch._foreach_copy_(means, values)

    return average


class WeightAverage(AveragedModel):
    """The ramped average of the weights and buffers of `model`.

    torch's AveragedModel, with its state, but no GPU is waited for to count the updates.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        average = ramped_average(decay)
        super().__init__(model, multi_avg_fn=average, use_buffers=True)
        self._average = average

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take the weights of `model` in; the first ones are copied."""
        averaged, current = ([*m.parameters(), *m.buffers()] for m in (self.module, model))
        updates = int(self.n_averaged)  # It is on the CPU, wherever the weights are.
        if updates:
            self._average(averaged, current, updates)
        else:
            for first, values in by_type(averaged, current):
                torch._foreach_copy_(first, values)
        self.n_averaged += 1


def by_type(
    some: Sequence[Tensor], others: Sequence[Tensor]
) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Yield pairs of tensors, those of one type together: torch takes many of one type at once."""
    for dtype in dict.fromkeys(one.dtype for one in some):
        pairs = zip(some, others, strict=True)
        chosen = [(one, other) for one, other in pairs if one.dtype == dtype]
        yield [one for one, _ in chosen], [other for _, other in chosen]
