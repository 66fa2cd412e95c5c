"""Detections moved by box regression, from the features of the network they come from.

R-CNN, arXiv 1311.2524v5, appendix C, applied once ("we found that iterating does not improve"). It
moves all regions before NMS; here the detections that were kept are moved, cut to the image, and
NMS is done again: a departure that needs a twentieth of the crops.
"""

import numpy as np
import torch
from torch import Tensor

from detect.boxes import clip
from detect.detector.batches import CropSettings, Packing, packed
from detect.detector.forward import Forward
from detect.detector.regions import Regions, in_order
from detect.ensemble.candidates import best_first
from detect.models.box_head import BoxHeadDesign, check_grid
from detect.models.box_regression import BoxRegression
from detect.models.cards import RegionClassifierCard
from detect.models.inference import ready_on
from detect.models.region_classifier import RegionClassifier
from detect.nms import nms_per_class
from detect.structures import Detections, FloatArray, Image, IntArray


class RegionEncoder:
    """Gives the features of regions: `maps` of the crops that `card` says, over `grid` x `grid`.

    The default is RegionClassifier.pooled. `batch_size` and `precision` as in `RegionScorer`.
    DataError for a grid larger than the maps, and for a network without such maps.
    """

    def __init__(
        self,
        model: RegionClassifier,
        card: RegionClassifierCard,
        device: torch.device,
        precision: str = "auto",
        batch_size: int | None = None,
        maps: str = "5b",
        grid: int = 1,
    ) -> None:
        check_grid(card.variant, BoxHeadDesign("", maps, grid), card.input_size)
        model.network.keep(maps)
        self._network, self._maps, self._grid = ready_on(device, model, precision), maps, grid
        self._settings, self._packing = CropSettings.of(card), Packing.on(device)
        self._forward = Forward(device, batch_size)
        self.dimensions = self._network.network.channels(maps) * grid**2

    def features(self, image: Image, boxes: FloatArray) -> FloatArray:
        """`image` (H, W, 3), `boxes` (N, 4) -> features (N, D)."""
        groups, size = {self._settings: (0,)}, self._forward.size
        items = packed([Regions(image, boxes, None)], groups, self._packing, size)
        for regions in in_order(items, lambda batch: self._forward(batch, self._pooled), 0):
            for _, found in regions.values():
                return found
        return np.empty((0, self.dimensions), np.float32)

    def _pooled(self, _: int, crops: Tensor) -> Tensor:
        return self._network.pooled(crops, self._maps, self._grid)


def refine(
    image: Image,
    detections: Detections,
    encoder: RegionEncoder,
    regression: BoxRegression,
    rows: IntArray,
    nms: float = 0.3,
) -> Detections:
    """Move the `detections` of an `image` (H, W, 3), best first; within a class NMS above `nms`.

    `rows` (C,) is the class of the regression that stands for each label, -1 for none: boxes of
    such a label, and boxes moved out of the image, stay where they were.
    """
    if not len(detections):
        return detections
    known = np.flatnonzero(rows[detections.labels] >= 0)
    old = detections.boxes[known]
    features = encoder.features(image, old)
    moved = regression.predict(features, old, rows[detections.labels[known]])
    moved = clip(moved, (image.shape[0], image.shape[1]))
    inside = (moved[:, 2:] > moved[:, :2]).all(axis=1)
    boxes = detections.boxes.copy()
    boxes[known[inside]] = moved[inside]
    boxes, labels, scores = best_first(boxes, detections.labels, detections.scores)
    kept = nms_per_class(boxes, labels, nms)
    parts = (boxes[kept], labels[kept], scores[kept])
    return Detections(detections.image_id, *parts, detections.classes)
