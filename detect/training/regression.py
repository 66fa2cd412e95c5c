"""Pairs of regions and objects, with their features, for box regression."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detect.data import read_pixels
from detect.detector.refine import RegionEncoder
from detect.models.box_regression import PAIR_IOU, pairs
from detect.regions import FloatArray, IntArray, Sample
from detect.storage.proposals import ProposalFile
from detect.training.region_data import check_same_image


@dataclass(frozen=True, eq=False)
class Pairs:
    """K regions near an object: `features` (K, D), `boxes`, their `truths` (K, 4), `labels`."""

    features: FloatArray
    boxes: FloatArray
    truths: FloatArray
    labels: IntArray

    def __len__(self) -> int:
        return len(self.labels)


def collect_pairs(
    samples: Iterable[Sample],
    proposals: ProposalFile,
    encoder: RegionEncoder,
    iou: float = PAIR_IOU,
) -> Pairs:
    """Pair the proposals of every image, and the objects themselves, with the objects near them.

    As R-CNN's code, which has the ground truth among the regions. DataError for proposals made
    for other images.
    """
    found: list[tuple[FloatArray, FloatArray, FloatArray, IntArray]] = []
    for sample in samples:
        proposed = proposals.read(sample.image_id)
        check_same_image(sample, proposed)
        truth = sample.annotations
        regions = np.concatenate([proposed.boxes, truth.boxes])
        rows, objects = pairs(regions, truth, iou)
        if len(rows):
            seen = encoder.features(read_pixels(sample), regions[rows])
            found.append((seen, regions[rows], truth.boxes[objects], truth.labels[objects]))
    none = np.zeros((0, 4), np.float32)
    found.append((np.zeros((0, encoder.dimensions), np.float32), none, none, np.zeros(0, np.int64)))
    features, boxes, truths, labels = zip(*found, strict=True)
    columns = (np.concatenate(features), np.concatenate(boxes), np.concatenate(truths))
    return Pairs(*columns, np.concatenate(labels))
