"""Whether scores are probabilities: confidence against precision."""

from dataclasses import dataclass

import numpy as np

from detect.boxes import Doubles
from detect.structures import BoolArray, IntArray

# Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv 1706.04599), section 4.
BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """N scores in M bins of equal width: `counts` (M,), their mean `confidence` (M,), `precision`.

    `precision` (M,) is the share that is right. Both are NaN in an empty bin.
    """

    counts: IntArray
    confidence: Doubles
    precision: Doubles

    @property
    def edges(self) -> Doubles:
        """Return where the bins begin and end (M + 1,); a bin has its upper edge."""
        return np.linspace(0, 1, len(self.counts) + 1)

    @property
    def error(self) -> float:
        """Return the expected calibration error (ECE): the mean gap, each bin by its count.

        Guo et al. 2017, equation 3. NaN without a score.
        """
        if not self.counts.any():
            return float("nan")
        gaps = np.abs(self.precision - self.confidence)
        return float(np.nansum(gaps * self.counts) / self.counts.sum())


def reliability(scores: Doubles, right: BoolArray, bins: int = BINS) -> Reliability:
    """`scores` (N,) in [0, 1], `right` (N,) -> Reliability (Guo et al. 2017, section 2).

    Of detections, as in Kueppers et al. 2020 (arXiv 2004.13546), accuracy is precision: objects
    that were missed play no part. Raises ValueError for scores that are no probabilities.
    """
    if len(scores) and not 0 <= scores.min() <= scores.max() <= 1:
        raise ValueError("reliability: expected scores from 0 to 1")
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    place = np.digitize(scores, inner, right=True)
    counts = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, bins) for values in (scores, right)]
    confidence, precision = (
        np.where(counts > 0, total / np.maximum(counts, 1), np.nan) for total in sums
    )
    return Reliability(counts, confidence, precision)
