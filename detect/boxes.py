"""Geometry of boxes (N, 4): xyxy, pixels, continuous, half-open (docs/conventions.md)."""

import numpy as np
from numpy.typing import NDArray

from detect.structures import FloatArray, Size

Floats = NDArray[np.floating]


def areas(boxes: Floats) -> NDArray[np.float64]:
    """`boxes` (N, 4) -> areas (N,), px²; zero for a box turned inside out."""
    sides = np.maximum(boxes[:, 2:].astype(np.float64) - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float64)


def iou_matrix(boxes: Floats, others: Floats) -> NDArray[np.float64]:
    """`boxes` (N, 4), `others` (M, 4) -> intersection over union (N, M); 0 where both are empty."""
    intersection = _intersections(boxes, others)
    union = areas(boxes)[:, None] + areas(others)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def coverage_matrix(boxes: Floats, others: Floats) -> NDArray[np.float64]:
    """`boxes` (N, 4), `others` (M, 4) -> share of each box that lies in each other box (N, M).

    COCO's IoU with a crowd region (pycocotools, maskUtils.iou with iscrowd).
    """
    intersection = _intersections(boxes, others)
    own = np.broadcast_to(areas(boxes)[:, None], intersection.shape)
    return np.divide(intersection, own, out=np.zeros_like(intersection), where=own > 0)


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


def _intersections(boxes: Floats, others: Floats) -> NDArray[np.float64]:
    """`boxes` (N, 4), `others` (M, 4) -> areas of their intersections (N, M), px²."""
    boxes, others = boxes.astype(np.float64), others.astype(np.float64)
    top_left = np.maximum(boxes[:, None, :2], others[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float64)
