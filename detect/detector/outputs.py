"""What networks say of the regions of an image."""

from dataclasses import dataclass

from detect.ensemble.moving import moved
from detect.structures import FloatArray, Proposals


@dataclass(frozen=True, eq=False)
class RegionOutputs:
    """Of M networks and N regions: `scores` (M, N, C+1), background last, and how boxes move.

    `deltas` (M, N, K, 4), K 1 or C, as models.box_regression.encode has them; None where boxes
    stay.
    """

    scores: FloatArray
    deltas: FloatArray | None = None

    def moved(self, proposals: Proposals) -> FloatArray:
        """Return the boxes of `proposals` where they belong: (N, 4), or (N, C, 4) one a class."""
        if self.deltas is None:
            return proposals.boxes
        return moved(proposals.boxes, self.deltas, proposals.size)
