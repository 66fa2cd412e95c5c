"""Priors: the boxes that MultiBox's slots start from, by k-means over the training boxes.

All coordinates are fractions of the window the network sees (whole image or square). IoU is the
same in fractions as in pixels: both axes scale numerator and denominator alike.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from detect.boxes import iou_matrix
from detect.errors import DataError
from detect.structures import FloatArray, Size

# Ours: the best of a few starts, each run until no centre moves or for 100 rounds.
_STARTS, _ROUNDS = 4, 100


def fit_priors(boxes: FloatArray, count: int, seed: int) -> FloatArray:
    """`boxes` (N, 4) corners -> `count` priors (K, 4): k-means with L2 on the corners.

    MultiBox, arXiv 1312.2249, section 3; the same boxes and seed give the same priors, largest
    first. Raises DataError with fewer than `count` different boxes.
    """
    centres = _kmeans(boxes, count, seed, "priors")
    sides = centres[:, 2:] - centres[:, :2]
    order = np.lexsort((*centres.T[::-1], -sides.prod(axis=1)))
    return centres[order].astype(np.float32)


def fit_shapes(boxes: FloatArray, levels: int, per_place: int, seed: int) -> FloatArray:
    """`boxes` (N, 4) -> sides (levels, per_place, 2) of the priors at every place of a grid.

    k-means with L2 on the logarithms of the sides, so that a factor counts the same for small
    boxes and for large ones (ours; YOLO9000, arXiv 1612.08242, section 2, clusters by IoU). The
    smallest shapes go to the first, finest level. Raises DataError as fit_priors.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    centres = np.exp(_kmeans(np.log(sides), levels * per_place, seed, "shapes"))
    order = np.lexsort((*centres.T[::-1], centres.prod(axis=1)))
    return centres[order].astype(np.float32).reshape(levels, per_place, 2)


def grid_priors(shapes: FloatArray, sides: Sequence[int | Size]) -> FloatArray:
    """`shapes` (L, k, 2), grid `sides` (L,) in places -> priors (sum of places * k, 4).

    A side is that of a square grid, or (rows, columns). Order: level, row, column, shape, that of
    the convolutional head's outputs. A prior's centre is the middle of its place; priors may leave
    the window. ValueError for other lengths.
    """
    if len(shapes) != len(sides):
        raise ValueError(f"grid_priors: {len(shapes)} levels of shapes, {len(sides)} grids")
    return np.concatenate([_grid(own, side) for own, side in zip(shapes, sides, strict=True)])


def _grid(shapes: FloatArray, side: int | Size) -> FloatArray:
    size = (side, side) if isinstance(side, int) else side
    middles = [(np.arange(n, dtype=np.float32) + np.float32(0.5)) / np.float32(n) for n in size]
    rows, columns = np.meshgrid(*middles, indexing="ij")
    centres = np.stack([columns, rows], -1)[:, :, None, :]
    half = shapes[None, None] / np.float32(2)
    return np.concatenate([centres - half, centres + half], -1).reshape(-1, 4)


def prior_quality(priors: FloatArray, boxes: FloatArray) -> dict[str, float]:
    """Return how well `priors` (K, 4) cover `boxes` (N, 4) before any training.

    {"mean_iou": of each box with its best prior, "0.50" and "0.70": share of the boxes whose best
    prior reaches that IoU}. 1,000 boxes at a time bound the memory.
    """
    parts = [boxes[start : start + 1000] for start in range(0, len(boxes), 1000)]
    best = np.concatenate([iou_matrix(part, priors).max(axis=1) for part in parts])
    shares = {f"{iou:.2f}": float((best >= iou).mean()) for iou in (0.5, 0.7)}
    return {"mean_iou": float(best.mean()), **shares}


def _kmeans(points: FloatArray, count: int, seed: int, what: str) -> NDArray[np.float64]:
    """Return `count` centres (count, D) of `points` (N, D), from the best of a few starts."""
    data = points.astype(np.float64)
    different = np.unique(data, axis=0)
    if len(different) < count:
        raise DataError(
            f"{count} {what} asked for, but the split has {len(different)} different boxes. "
            f"Lower priors.{'count' if what == 'priors' else 'shapes'} or add images."
        )
    rng = np.random.default_rng(seed)
    runs = [_descend(data, different, count, rng) for _ in range(_STARTS)]
    return min(runs, key=lambda run: run[0])[1]


def _descend(
    data: NDArray[np.float64],
    different: NDArray[np.float64],
    count: int,
    rng: np.random.Generator,
) -> tuple[float, NDArray[np.float64]]:
    """Run k-means from `count` of the `different` points; return the distortion and centres."""
    start = different[np.sort(rng.choice(len(different), count, replace=False))]
    with warnings.catch_warnings():
        # A cluster that lost its points keeps its centre, a box that was there: good enough.
        warnings.simplefilter("ignore")
        centres, labels = kmeans2(data, start, iter=_ROUNDS, minit="matrix")
    return float(((data - centres[labels]) ** 2).sum()), centres
