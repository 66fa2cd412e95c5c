"""One way to turn networks' scores into detections, chosen by its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from detect.ensemble.averaging import average
from detect.ensemble.box_fusion import select_fused
from detect.ensemble.candidates import Selected, candidates
from detect.ensemble.selection import select
from detect.ensemble.soft_nms import gaussian, linear, select_softly
from detect.ensemble.voting import LOWEST_VOTER, vote
from detect.storage.scores_card import DecayKind, Kind, Vote

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Combination:
    """How scores become detections.

    `kind` nms and soft-nms average the networks first, wbf fuses each one's own detections.
    `threshold`, `nms`, `per_class` as in `select`; `nms` is where the linear decay begins as
    well (0.3: arXiv 1704.04503, the experiments). `decay` and `sigma` (0.5: the same) are
    soft-NMS's, `fusion_iou` is WBF's (0.55: arXiv 1910.13302). `vote` is the IoU of `voting.vote`
    after nms or soft-nms, by the averaged scores of all regions from LOWEST_VOTER up, or "off".
    Raises ValueError on a kind or decay that is none, a vote with wbf, whose boxes are means
    already, and one that is no IoU above 0.
    """

    kind: Kind = "nms"
    threshold: float = 0.01
    nms: float = 0.3
    per_class: int = 100
    decay: DecayKind = "gaussian"
    sigma: float = 0.5
    fusion_iou: float = 0.55
    vote: Vote = "off"

    def __post_init__(self) -> None:
        """Check the names and the vote."""
        for name, known in (("kind", get_args(Kind)), ("decay", get_args(DecayKind))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected {', '.join(known)}, got {getattr(self, name)}")
        if self.vote != "off" and (self.kind == "wbf" or not 0 < self.vote <= 1):
            raise ValueError(f"vote: expected an IoU above 0, and no wbf, got {self.vote}")

    def select(
        self, boxes: Floats, probabilities: Floats, weights: Sequence[float] | None = None
    ) -> Selected:
        """`boxes` (N, 4), `probabilities` (M, N, C+1), `weights` (M,) -> detections, best first.

        Raises ValueError as `average`.
        """
        limits = (self.threshold, self.nms, self.per_class)
        if self.kind == "wbf":
            return select_fused(boxes, probabilities, weights, *limits, self.fusion_iou)
        mean = average(probabilities, weights)
        found = self._suppress(boxes, mean)
        if self.vote == "off":
            return found
        return vote(found, candidates(boxes, mean, LOWEST_VOTER), self.vote)

    def _suppress(self, boxes: Floats, mean: Floats) -> Selected:
        """`boxes` (N, 4), `mean` (N, C+1) of the networks -> what NMS of `kind` leaves."""
        if self.kind == "nms":
            return select(boxes, mean, self.threshold, self.nms, self.per_class)
        decay = linear(self.nms) if self.decay == "linear" else gaussian(self.sigma)
        return select_softly(boxes, mean, decay, self.threshold, self.per_class)
