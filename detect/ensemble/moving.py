"""Regions moved by what networks say of them, before anything is selected.

R-CNN (arXiv 1311.2524v5, appendix C, and its code) and Fast R-CNN (arXiv 1504.08083, section 2.3)
move every region before NMS. Both have one network: the mean of several networks' deltas is ours.
"""

from collections.abc import Sequence

import numpy as np

from detect.boxes import clip
from detect.ensemble.averaging import average
from detect.models.box_regression import decode
from detect.structures import FloatArray, Size


def moved(
    boxes: FloatArray,
    deltas: FloatArray,
    size: Size,
    weights: Sequence[float] | None = None,
) -> FloatArray:
    """`boxes` (N, 4), `deltas` (M, N, K, 4) of M networks -> boxes (N, 4), or (N, K, 4) if K > 1.

    Moved by the mean over the networks, `weights` (M,) as in `average`, and cut to the image of
    `size` (H, W). A box that has no area, or would have none, stays where it was.
    """
    networks, count, kinds, _ = deltas.shape
    mean = average(deltas.reshape(networks, count, 4 * kinds), weights).reshape(-1, 4)
    before = np.repeat(boxes, kinds, axis=0)
    after = before.copy()
    rows = np.flatnonzero(_have_area(before))
    after[rows] = clip(decode(mean[rows], before[rows]).astype(np.float32), size)
    found = np.where(_have_area(after)[:, None], after, before)
    return found if kinds == 1 else found.reshape(count, kinds, 4)


def _have_area(boxes: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
