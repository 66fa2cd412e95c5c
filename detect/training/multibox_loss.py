"""MultiBox's objective: F = alpha * F_match + F_conf (arXiv 1312.2249, equations 1 to 4).

In the units the offsets are encoded in: with scale 0.01 an alpha of 0.3 is 3,000 in fractions of
the window; taken literally (scale 1) it all but switches localisation off, which the paper does
not say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from detect.boxes import iou_matrix
from detect.config.multibox import ObjectiveSection
from detect.matching import BACKGROUND
from detect.models.multibox import MultiBox
from detect.models.shared import SharedNetwork
from detect.structures import FloatArray
from detect.training.slots import Costs, Slots, assign_slots, squared_distances

# Lin et al., arXiv 1708.02002, section 5.1: the best of their grid.
_FOCAL_GAMMA, _FOCAL_ALPHA = 2.0, 0.25
_LARGEST = torch.finfo(torch.float32).max


@dataclass(frozen=True, eq=False)
class WindowTruth:
    """What one window shows, fractions of it: `boxes` (M, 4) objects, `crowd` (R, 4) regions."""

    boxes: FloatArray
    crowd: FloatArray


def multibox_losses(
    model: MultiBox | SharedNetwork,
    offsets: Tensor,
    logits: Tensor,
    truths: Sequence[WindowTruth],
    objective: ObjectiveSection,
) -> dict[str, Tensor]:
    """`offsets` (N, K, 4), `logits` (N, K), N truths -> "loss" and its two terms.

    "location_loss" and "confidence_loss" come without alpha. `log` divides by the N windows,
    `focal` by the matched slots, at least N (RetinaNet's normalisation, ours for windows without
    objects). The assignment is held constant.
    """
    slots = [
        _assign(model, offsets[row].detach(), logits[row].detach(), truth, objective)
        for row, truth in enumerate(truths)
    ]
    matched = torch.from_numpy(np.stack([one.truths for one in slots])).to(logits.device)
    ignored = torch.from_numpy(np.stack([one.ignored for one in slots])).to(logits.device)
    positive = matched != BACKGROUND
    location = _location(model, offsets, slots, truths, objective.location)
    confidence = (_confidence(logits, positive, objective.confidence) * ~ignored).sum()
    count = float(len(truths))
    if objective.confidence == "focal":
        count = max(count, float(positive.sum()))
    location, confidence = location / count, confidence / count
    total = objective.alpha * location + confidence
    return {"loss": total, "location_loss": location, "confidence_loss": confidence}


def _assign(
    model: MultiBox | SharedNetwork,
    offsets: Tensor,
    logits: Tensor,
    truth: WindowTruth,
    objective: ObjectiveSection,
) -> Slots:
    priors = model.priors.cpu().numpy()
    costs = _costs(model, offsets, logits, truth, objective)
    bounds = (objective.positive_iou, objective.ignore_iou)
    return assign_slots(truth.boxes, truth.crowd, priors, costs, *bounds)


def _costs(
    model: MultiBox | SharedNetwork,
    offsets: Tensor,
    logits: Tensor,
    truth: WindowTruth,
    objective: ObjectiveSection,
) -> Costs | None:
    """Return what giving each slot to each object costs (M, K); None to match by threshold."""
    priors = model.priors.cpu().numpy()
    if objective.matching == "iou" or not len(truth.boxes):
        return None
    if objective.matching == "prior_l2":
        return squared_distances(truth.boxes, priors)
    if objective.matching == "prior_iou":
        return -iou_matrix(truth.boxes, priors)
    targets = _encode(model, torch.from_numpy(truth.boxes)[:, None].to(offsets.device))
    distances = (targets - offsets[None]).square().sum(-1)
    # -log c + log(1 - c) = -z.
    costs = (objective.alpha / 2 * distances - logits[None]).double()
    # scipy takes finite costs alone. Those of a network that diverged are not, nor is its loss.
    return costs.nan_to_num(_LARGEST, _LARGEST, -_LARGEST).cpu().numpy()


def _location(
    model: MultiBox | SharedNetwork,
    offsets: Tensor,
    slots: Sequence[Slots],
    truths: Sequence[WindowTruth],
    kind: str,
) -> Tensor:
    """Return F_match summed over the matched slots: half of the squared distances, or smooth L1."""
    rows = [np.flatnonzero(one.truths != BACKGROUND) for one in slots]
    boxes = [
        truth.boxes[one.truths[row]] for truth, one, row in zip(truths, slots, rows, strict=True)
    ]
    window = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    place = torch.from_numpy(np.concatenate(rows)).to(offsets.device)
    found = offsets[torch.from_numpy(window).to(offsets.device), place]
    wanted = torch.from_numpy(np.concatenate(boxes)).to(offsets.device)
    targets = model.design.coder.encode(wanted, model.priors[place])
    if kind == "l2":
        return (found - targets).square().sum() / 2
    return smooth_l1_loss(found, targets, reduction="sum")


def _encode(model: MultiBox | SharedNetwork, boxes: Tensor) -> Tensor:
    return model.design.coder.encode(boxes, model.priors)


def _confidence(logits: Tensor, positive: Tensor, kind: str) -> Tensor:
    """`logits`, `positive` (N, K) -> the terms of F_conf (N, K): log loss, or focal loss."""
    target = positive.to(logits.dtype)
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    if kind == "log":
        return entropy
    probability = logits.sigmoid()
    wrong = torch.where(positive, 1 - probability, probability)
    weight = torch.where(positive, _FOCAL_ALPHA, 1 - _FOCAL_ALPHA)
    return weight * wrong**_FOCAL_GAMMA * entropy
