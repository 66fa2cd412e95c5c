"""Top-k error of a classification, as ILSVRC counts it."""

import numpy as np
from numpy.typing import NDArray

from detect.structures import IntArray


def ranks(scores: NDArray[np.floating], labels: IntArray) -> IntArray:
    """`scores` (N, C), `labels` (N,) -> the place (N,) of the right class among all, from 1.

    Of equal scores the wrong class counts as better, so that a network that says nothing is right
    about nothing. Raises ValueError for other shapes.
    """
    if scores.ndim != 2 or labels.shape != (len(scores),):
        raise ValueError(f"ranks: expected (N, C) and (N,), got {scores.shape}, {labels.shape}")
    own = scores[np.arange(len(labels)), labels]
    return np.asarray((scores >= own[:, None]).sum(axis=1), np.int64)


def top_error(places: IntArray, k: int) -> float:
    """`places` (N,) from `ranks` -> share of images whose class is not among the `k` best.

    Russakovsky et al., arXiv 1409.0575, section 4.1. Raises ValueError without images.
    """
    if not len(places):
        raise ValueError("top_error: expected at least one image")
    return float(np.mean(places > k))
