"""The regions that SVMs are trained on, and their features, computed once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detect.boxes import areas
from detect.data import read_pixels
from detect.detector.refine import RegionEncoder
from detect.errors import DataError, option
from detect.models.svm import NEGATIVE_IOU, RegionFeatures, class_overlaps
from detect.storage.features import FeatureStore
from detect.storage.proposals import ProposalFile
from detect.structures import FloatArray, IntArray, Sample
from detect.training.region_data import check_same_image


@dataclass(frozen=True, eq=False)
class MinedImage:
    """An image whose regions are its ordinary objects and its `proposals`.

    Without `proposals` the objects alone, none of them a negative (extra_positives.py).
    """

    sample: Sample
    proposals: ProposalFile | None

    def objects(self) -> tuple[FloatArray, IntArray]:
        """Return boxes (N, 4) and labels (N,) of the objects, neither difficult nor crowd."""
        truth = self.sample.annotations
        ordinary = ~(truth.difficult | truth.crowd)
        return truth.boxes[ordinary], truth.labels[ordinary]

    def regions(self) -> tuple[FloatArray, IntArray]:
        """Return boxes (N, 4) and truths (N,), the class of an object, -1 of a proposal.

        DataError for proposals made for other images.
        """
        boxes, labels = self.objects()
        if self.proposals is None:
            return boxes, labels
        proposed = self.proposals.read(self.sample.image_id)
        check_same_image(self.sample, proposed)
        found = proposed.boxes[areas(proposed.boxes) > 0]
        return np.concatenate([boxes, found]), np.append(labels, np.full(len(found), -1))

    def features(self, store: FeatureStore, num_classes: int) -> RegionFeatures:
        """Return the regions with their features from `store`."""
        boxes, truths = self.regions()
        overlaps = np.ones((len(boxes), num_classes))
        if self.proposals is not None:
            overlaps = class_overlaps(boxes, self.sample.annotations, num_classes)
        return RegionFeatures(store.read(self.sample.image_id, boxes), overlaps, truths)


def check_positives(images: Sequence[MinedImage], classes: Sequence[str]) -> None:
    """Raise DataError for a class of which no object is in `images`."""
    labels = np.concatenate([np.zeros(0, np.int64), *(image.objects()[1] for image in images)])
    _check(
        np.bincount(labels, minlength=len(classes)),
        classes,
        "no object (neither difficult nor crowd) is of class {}: it cannot be learned. Add images "
        f"of it, or name a split that has some: {option('positives_from')}.",
    )


def check_negatives(counts: IntArray, classes: Sequence[str]) -> None:
    """Raise DataError for a class without a negative, of which there are `counts` (C,)."""
    text = f"no region is a negative (IoU below {NEGATIVE_IOU} with its objects) of class "
    _check(counts, classes, text + "{}: it cannot be learned. Propose more boxes.")


def _check(counts: IntArray, classes: Sequence[str], text: str) -> None:
    missing = [name for name, count in zip(classes, counts, strict=True) if not count]
    if missing:
        raise DataError(text.format(", ".join(missing)))


def compute_features(
    images: Iterable[MinedImage],
    encoder: RegionEncoder,
    store: FeatureStore,
    bad: dict[str, str] | None = None,
) -> None:
    """Compute the features of all regions of `images` and keep them in `store`.

    An image that cannot be read goes to `bad` with what is wrong (options marked), by its id; None
    raises DataError.
    """
    for image in images:
        try:
            pixels = read_pixels(image.sample)
        except DataError as error:
            if bad is None:
                raise
            bad[image.sample.image_id] = error.marked
            continue
        boxes, _ = image.regions()
        store.write(image.sample.image_id, boxes, encoder.features(pixels, boxes))
