"""Geometry of boxes (N, 4): xyxy, pixels, continuous, half-open (docs/conventions.md)."""

import numpy as np
from numpy.typing import NDArray

from detect.structures import FloatArray, Size

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]

SMALLEST = float(np.finfo(np.float64).tiny)  # px², of an empty box: 0 / 0 would be no number


def areas(boxes: Floats) -> Doubles:
    """`boxes` (N, 4) -> areas (N,), px²; zero for a box turned inside out."""
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float64)


def as_columns(boxes: Floats) -> Doubles:
    """`boxes` (N, 4) -> -x1, -y1, x2, y2 and areas as the rows of (5, N).

    What `iou` and `coverage` compare: with these signs one minimum of four rows gives what two
    boxes have in common. Made once, they serve for many comparisons.
    """
    corners = boxes.T.astype(np.float64)
    return np.concatenate([-corners[:2], corners[2:], np.maximum(areas(boxes), SMALLEST)[None]])


def iou(columns: Doubles, others: Doubles) -> Doubles:
    """Intersection over union of `as_columns` that broadcast; 0 where both boxes are empty.

    (5, N) and (5, N) -> (N,) pair by pair; (5, 1) and (5, N) -> (N,); (5, N, 1) and (5, 1, M) ->
    (N, M).
    """
    intersection = _intersection(columns, others)
    return np.asarray(intersection / (columns[4] + others[4] - intersection), np.float64)


def coverage(columns: Doubles, others: Doubles) -> Doubles:
    """Share of each box that lies in the other, of `as_columns` that broadcast as in `iou`.

    COCO's IoU with a crowd region (pycocotools, maskUtils.iou with iscrowd).
    """
    return np.asarray(_intersection(columns, others) / columns[4], np.float64)


def iou_matrix(boxes: Floats, others: Floats) -> Doubles:
    """`boxes` (N, 4), `others` (M, 4) -> `iou` of each with each (N, M)."""
    return iou(as_columns(boxes)[:, :, None], as_columns(others)[:, None])


def coverage_matrix(boxes: Floats, others: Floats) -> Doubles:
    """`boxes` (N, 4), `others` (M, 4) -> `coverage` of each by each (N, M)."""
    return coverage(as_columns(boxes)[:, :, None], as_columns(others)[:, None])


def clip(boxes: FloatArray, size: Size) -> FloatArray:
    """`boxes` (N, 4) -> boxes (N, 4) cut to an image of `size` (H, W)."""
    height, width = size
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(boxes, np.float32(0), limits)


def mirror(boxes: FloatArray, width: float) -> FloatArray:
    """`boxes` (N, 4) -> boxes (N, 4) in the image flipped left to right; its own inverse."""
    flipped = boxes.copy()
    flipped[:, 0], flipped[:, 2] = width - boxes[:, 2], width - boxes[:, 0]
    return flipped


def xywh_to_xyxy(boxes_xywh: Floats) -> Floats:
    """`boxes_xywh` (N, 4) x, y, width, height -> boxes (N, 4)."""
    return np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)


def xyxy_to_xywh(boxes: Floats) -> Floats:
    """`boxes` (N, 4) -> boxes_xywh (N, 4) x, y, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def canonical_order(boxes: Floats) -> NDArray[np.intp]:
    """`boxes` (N, 4) -> indices (N,) that sort them by x1, y1, x2, y2."""
    return np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0]))


def _intersection(columns: Doubles, others: Doubles) -> Doubles:
    """Areas that `as_columns` that broadcast have in common, px²."""
    common = np.minimum(columns[:4], others[:4])
    sides = np.maximum(common[:2] + common[2:], 0)
    return np.asarray(sides[0] * sides[1], np.float64)
