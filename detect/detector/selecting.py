"""Selection by torch on the device that classified: all classes at once.

NMS and soft-NMS are one loop here: of every class the best box is taken, and the others lose by
their IoU with it, a share of their score or all of it. The arithmetic is the host's
(detect.ensemble), in float64 and in its order, so NMS leaves the same boxes; sums of votes and
exponentials differ in their last digits. It waits for its own work alone, in a stream of its own,
and not for what networks still have to do.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detect.boxes import Floats, as_columns
from detect.ensemble import Combination, average
from detect.ensemble.candidates import Selected, check_shapes, ranking
from detect.ensemble.voting import LOWEST_VOTER
from detect.models.out_of_memory import attempt

# Boxes (N, 4) or (N, C, 4) and probabilities (M, N, C+1) -> detections, best first.
Selection = Callable[[Floats, Floats], Selected]

_PAIRS = 2**20  # of boxes that votes compare at once: some 70 MB
_GONE = -math.inf  # instead of a score, which may be an SVM's


def selection_on(device: torch.device, combination: Combination) -> Selection:
    """Return what selects as `combination` says: a GPU what it has classified, else the host."""
    if device.type == "cuda":
        return DeviceSelection(device, combination)
    return combination.select


class DeviceSelection:
    """Turns scores into detections as `combination` says, on `device`."""

    def __init__(self, device: torch.device, combination: Combination) -> None:
        self._device, self._combination = device, combination
        stream: Any = torch.cuda.Stream  # torch leaves it untyped
        self._stream = stream(device) if device.type == "cuda" else None

    def __call__(self, boxes: Floats, probabilities: Floats) -> Selected:
        """`boxes` (N, 4) or (N, C, 4), `probabilities` (M, N, C+1) -> detections, best first.

        What `Combination.select` returns; the host does it for WBF, which goes network by network,
        without regions or classes, and where the device has not the memory. Raises ValueError as
        that does.
        """
        on_host = partial(self._combination.select, boxes, probabilities)
        if self._combination.kind == "wbf" or 0 in probabilities[..., :-1].shape:
            return on_host()
        mean = average(probabilities)
        check_shapes(boxes, mean)
        found = attempt(partial(self._select, boxes, mean), self._device)
        return on_host() if found is None else found

    @torch.inference_mode()
    def _select(self, boxes: Floats, mean: Floats) -> Selected:
        """`boxes` (N, 4) or (N, C, 4), `mean` (N, C+1) -> detections, best first."""
        least = float(np.float32(self._combination.threshold))
        with self._beside():
            columns, scores = self._of_each_class(boxes.astype(np.float32), mean)
            above = scores >= least
            # The best come first: what is above the threshold in no class is left out.
            most = int(above.sum(dim=1).max())
            part = scores.where(above, _GONE)[:, :most]
            places, values = _taken(columns[..., :most], part, self._combination)
            found = columns.gather(2, places.expand(5, -1, -1))
            moved = _corners(found)
            if self._combination.vote != "off":
                moved = _voted(found, columns, scores, self._combination.vote)
            answer = torch.cat([_corners(found), moved, values[..., None]], dim=2).cpu().numpy()
        labels = np.nonzero(answer[..., 8] > _GONE)[0]
        rows = answer[answer[..., 8] > _GONE]
        order = ranking(rows[:, :4], labels, rows[:, 8])
        return rows[order, 4:8].astype(np.float32), labels[order], rows[order, 8]

    def _beside(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _of_each_class(self, boxes: Floats, mean: Floats) -> tuple[Tensor, Tensor]:
        """Return what `boxes.as_columns` of the boxes is (5, C, N) and scores (C, N), best first.

        Equal scores go by x1, y1, x2, y2.
        """
        scores = torch.from_numpy(mean[:, :-1]).to(self._device).double().T
        columns = torch.from_numpy(as_columns(boxes.reshape(-1, 4))).to(self._device)
        columns = columns.reshape(5, len(boxes), -1).transpose(1, 2).expand(5, *scores.shape)
        order = torch.arange(len(boxes), device=self._device).expand(scores.shape)
        for key in (columns[3], columns[2], -columns[1], -columns[0], -scores):
            order = order.gather(1, key.gather(1, order).argsort(dim=1, stable=True))
        return columns.gather(2, order.expand(5, -1, -1)), scores.gather(1, order)


def _taken(columns: Tensor, scores: Tensor, how: Combination) -> tuple[Tensor, Tensor]:
    """`columns` (5, C, N), `scores` (C, N) -> places (C, K) of what stays, and scores (C, K).

    Scores below the threshold are _GONE; those of a class of which less than K stay as well.
    """
    least = float(np.float32(how.threshold))
    count = min(how.per_class, scores.shape[1])
    places = torch.zeros(len(scores), count, dtype=torch.int64, device=scores.device)
    values = scores.new_empty(len(scores), count)
    for turn in range(count):
        value, place = scores.max(dim=1, keepdim=True)  # of equal ones the first
        places[:, turn : turn + 1], values[:, turn : turn + 1] = place, value
        best = columns.gather(2, place.expand(5, -1, -1))
        lowered = _lowered(scores, _iou(best, columns), how)
        scores = lowered.where(lowered >= least, _GONE).scatter(1, places[:, : turn + 1], _GONE)
    return places, values


def _lowered(scores: Tensor, overlaps: Tensor, how: Combination) -> Tensor:
    """`scores` (C, N) of boxes whose IoU with a better one is `overlaps` (C, N) -> the same."""
    if how.kind == "nms":
        return scores.masked_fill(overlaps > how.nms, _GONE)
    if how.decay == "linear":
        return torch.where(overlaps >= how.nms, scores * (1 - overlaps), scores)
    return scores * torch.exp(-(overlaps**2) / how.sigma)


def _voted(found: Tensor, columns: Tensor, scores: Tensor, vote_iou: float) -> Tensor:
    """`found` (5, C, K) of `columns` (5, C, N), `scores` (C, N) -> boxes (C, K, 4), voted."""
    weights = scores.where(scores >= float(np.float32(LOWEST_VOTER)), 0.0)[:, None]
    corners, moved = _corners(columns), _corners(found)
    at_once = max(1, _PAIRS // max(1, scores.shape[1] * found.shape[2]))
    for start in range(0, len(scores), at_once):
        part = slice(start, start + at_once)
        overlaps = _iou(found[:, part, :, None], columns[:, part, None])
        votes = weights[part] * (overlaps >= vote_iou)
        totals = votes.sum(dim=2, keepdim=True)
        means = votes @ corners[part] / totals
        moved[part] = torch.where(totals > 0, means, moved[part])
    return moved


def _iou(columns: Tensor, others: Tensor) -> Tensor:
    """`boxes.iou` in torch: (5, ...) and (5, ...), which broadcast -> (...)."""
    common = torch.minimum(columns[:4], others[:4])
    sides = (common[:2] + common[2:]).clamp(min=0)
    intersection = sides[0] * sides[1]
    return intersection / (columns[4] + others[4] - intersection)


def _corners(columns: Tensor) -> Tensor:
    """`columns` (5, C, N) -> boxes (C, N, 4)."""
    return torch.stack([-columns[0], -columns[1], columns[2], columns[3]], dim=-1)
