"""Pairs of regions and objects, with their features, for box regression."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from detect.data import read_pixels
from detect.detector.refine import RegionEncoder
from detect.models.box_regression import PAIR_IOU, pairs
from detect.models.ridge import Pairs
from detect.progress import Track, untracked
from detect.storage.proposals import ProposalFile
from detect.structures import FloatArray, IntArray, Sample
from detect.training.region_data import check_same_image


@dataclass(frozen=True, eq=False)
class Near:
    """The regions of an image near an object: `boxes`, their `truths` (K, 4), `labels` (K,)."""

    sample: Sample
    boxes: FloatArray
    truths: FloatArray
    labels: IntArray


@dataclass(frozen=True, eq=False)
class RegressionPairs:
    """The pairs of a split, whose features `encoder` computes when they are asked for.

    A class at a time, an image at a time: no memory holds those of all.
    """

    images: tuple[Near, ...]
    encoder: RegionEncoder

    def __len__(self) -> int:
        return sum(len(one.labels) for one in self.images)

    def count(self, label: int) -> int:
        """Return how many images have pairs of class `label`."""
        return sum(bool((one.labels == label).any()) for one in self.images)

    def of(self, label: int) -> Iterator[Pairs]:
        """Yield the pairs of class `label`, image by image."""
        for one in self.images:
            rows = np.flatnonzero(one.labels == label)
            if len(rows):
                features = self.encoder.features(read_pixels(one.sample), one.boxes[rows])
                yield Pairs(features, one.boxes[rows], one.truths[rows])


def collect_pairs(
    samples: Sequence[Sample],
    proposals: ProposalFile,
    encoder: RegionEncoder,
    iou: float = PAIR_IOU,
    track: Track = untracked,
) -> RegressionPairs:
    """Pair the proposals of every image, and the objects themselves, with the objects near them.

    As R-CNN's code, which has the ground truth among the regions. DataError for proposals made for
    other images.
    """
    matched = track(samples, len(samples), "matching proposals")
    return RegressionPairs(tuple(_near(one, proposals, iou) for one in matched), encoder)


def _near(sample: Sample, proposals: ProposalFile, iou: float) -> Near:
    """Return the regions of `sample` (K, 4) near an object, its box (K, 4) and its label (K,)."""
    proposed = proposals.read(sample.image_id)
    check_same_image(sample, proposed)
    truth = sample.annotations
    regions = np.concatenate([proposed.boxes, truth.boxes])
    rows, objects = pairs(regions, truth, iou)
    return Near(sample, regions[rows], truth.boxes[objects], truth.labels[objects])
