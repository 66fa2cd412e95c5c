"""The mean of several networks' probabilities."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detect.structures import FloatArray

Floats = NDArray[np.floating]


def average(probabilities: Floats, weights: Sequence[float] | None = None) -> FloatArray:
    """`probabilities` (M, N, C+1) of M networks, `weights` (M,) -> weighted mean (N, C+1).

    Without weights every network counts the same. Raises ValueError on another shape, and on
    weights that are negative, not finite, or all zero.
    """
    shares = network_shares(probabilities, weights)
    mean = np.tensordot(shares, probabilities.astype(np.float64), axes=1)
    return np.asarray(mean, np.float32)


def network_shares(
    probabilities: Floats, weights: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Return `weights` (M,), equal where None, divided by their sum; ValueError as `average`."""
    if probabilities.ndim != 3 or len(probabilities) == 0:
        raise ValueError(f"probabilities: expected (M, N, C+1), got {probabilities.shape}")
    shares = np.ones(len(probabilities)) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (len(probabilities),):
        raise ValueError(f"weights: expected {len(probabilities)}, one a network, got {weights}")
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.sum() > 0):
        raise ValueError(f"weights: expected finite, none below 0, a sum above 0, got {weights}")
    return np.asarray(shares / shares.sum(), np.float64)
