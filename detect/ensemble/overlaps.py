"""IoU of a few boxes with many, over and over: boxes as columns, faster than boxes.iou_matrix."""

import numpy as np
from numpy.typing import NDArray

from detect.boxes import areas

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]

_SMALLEST = np.finfo(np.float64).tiny  # px², of two empty boxes: 0 / 0 would be no number


def as_columns(boxes: Floats) -> Doubles:
    """`boxes` (N, 4) -> x1, y1, x2, y2 and areas as the rows of (5, N)."""
    return np.concatenate([boxes.T.astype(np.float64), areas(boxes)[None]])


def iou_with(some: Doubles, columns: Doubles) -> Doubles:
    """IoU of boxes that broadcast: (5, 1) with (5, N) -> (N,), (5, K, 1) with (5, 1, N) -> (K, N).

    0 where both boxes are empty.
    """
    width = np.minimum(columns[2], some[2]) - np.maximum(columns[0], some[0])
    height = np.minimum(columns[3], some[3]) - np.maximum(columns[1], some[1])
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    union = columns[4] + some[4] - intersection
    return np.asarray(intersection / np.maximum(union, _SMALLEST), np.float64)
