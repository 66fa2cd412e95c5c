"""Pairs of regions and objects, with their features, for box regression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detect.data import read_pixels
from detect.detector.refine import RegionEncoder
from detect.models.box_regression import PAIR_IOU, pairs
from detect.progress import Track, untracked
from detect.storage.proposals import ProposalFile
from detect.structures import FloatArray, IntArray, Sample
from detect.training.region_data import check_same_image

Near = tuple[FloatArray, FloatArray, IntArray]

_NO_BOXES = np.zeros((0, 4), np.float32)
_NONE: Near = (_NO_BOXES, _NO_BOXES, np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class RegressionPairs:
    """K regions near an object: `features` (K, D), `boxes`, their `truths` (K, 4), `labels`."""

    features: FloatArray
    boxes: FloatArray
    truths: FloatArray
    labels: IntArray

    def __len__(self) -> int:
        return len(self.labels)


def collect_pairs(
    samples: Sequence[Sample],
    proposals: ProposalFile,
    encoder: RegionEncoder,
    iou: float = PAIR_IOU,
    track: Track = untracked,
) -> RegressionPairs:
    """Pair the proposals of every image, and the objects themselves, with the objects near them.

    As R-CNN's code, which has the ground truth among the regions. The pairs are counted before
    their features are computed, so that memory holds these once. DataError for proposals made for
    other images.
    """
    matched = track(samples, len(samples), "matching proposals")
    found = [_near(sample, proposals, iou) for sample in matched]
    boxes, truths, labels = (np.concatenate(column) for column in zip(_NONE, *found, strict=True))
    features, start = np.empty((len(boxes), encoder.dimensions), np.float32), 0
    images = zip(samples, found, strict=True)
    for sample, (regions, _, _) in track(images, len(samples), "features"):
        end = start + len(regions)
        if len(regions):
            features[start:end] = encoder.features(read_pixels(sample), regions)
        start = end
    return RegressionPairs(features, boxes, truths, labels)


def _near(sample: Sample, proposals: ProposalFile, iou: float) -> Near:
    """Return the regions of `sample` (K, 4) near an object, its box (K, 4) and its label (K,)."""
    proposed = proposals.read(sample.image_id)
    check_same_image(sample, proposed)
    truth = sample.annotations
    regions = np.concatenate([proposed.boxes, truth.boxes])
    rows, objects = pairs(regions, truth, iou)
    return regions[rows], truth.boxes[objects], truth.labels[objects]
