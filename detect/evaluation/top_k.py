"""Top-k error of a classification, as ILSVRC counts it."""

import numpy as np
from numpy.typing import NDArray

from detect.regions import IntArray


def top_error(scores: NDArray[np.floating], labels: IntArray, k: int) -> float:
    """`scores` (N, C), `labels` (N,) -> share of images whose class is not among the k best.

    1 - accuracy at k of Russakovsky et al. (arXiv 1409.0575, section 4.1). Of equal scores the
    wrong class counts as better, so that a network that says nothing is right about nothing.
    Raises ValueError for other shapes, no image, or k below 1.
    """
    if scores.ndim != 2 or labels.shape != (len(scores),) or not len(scores) or k < 1:
        raise ValueError(
            f"top_error: expected (N, C), (N,) with N from 1, k from 1; got {scores.shape}, "
            f"{labels.shape}, {k}"
        )
    own = scores[np.arange(len(labels)), labels]
    ranks = (scores >= own[:, None]).sum(axis=1)  # its own score among them
    return float(np.mean(ranks > k))
