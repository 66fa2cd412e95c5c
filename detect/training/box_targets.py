"""What boxes of regions learn to move to: Fast R-CNN, arXiv 1504.08083, section 2.3."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from detect.data.augment import flip_deltas
from detect.errors import DataError
from detect.matching import IGNORED, Assignment, Pool
from detect.models.box_regression import encode
from detect.structures import BoolArray, FloatArray, IntArray, Sample

# Objects by their number in an image, one (N,) an image: -1 for a region that moves to none.
Truths = Sequence[NDArray[np.int32]]
Doubles = NDArray[np.float64]

NOWHERE = -1
# Deltas of less deviation are all the same: they are learned as they are.
_SMALLEST_STD = 1e-6


def moving_to(assignment: Assignment, iou: float) -> NDArray[np.int32]:
    """Return the object (N,) that each region overlaps most, by `iou` or more; -1 for none.

    Regions that no batch shows move nowhere.
    """
    moves = (assignment.overlaps >= iou) & (assignment.labels != IGNORED)
    return np.where(moves, assignment.truths, NOWHERE).astype(np.int32)


def moves_of(
    samples: Sequence[Sample],
    boxes: Sequence[FloatArray],
    truths: Truths,
    drawn: Pool,
    flips: BoolArray,
) -> tuple[FloatArray, IntArray]:
    """Return the deltas (N, 4) to learn from `drawn` crops and the classes (N,) of their objects.

    `flips` (N, 3) of the crops as in Changes. The class is -1, and the deltas 0, where a region
    moves nowhere.
    """
    deltas, labels = np.zeros((len(drawn), 4), np.float32), np.full(len(drawn), NOWHERE, np.int64)
    objects = np.zeros(len(drawn), np.int64)
    for number in np.unique(drawn.image).tolist():
        rows = np.flatnonzero(drawn.image == number)
        own, notes = drawn.box[rows], samples[number].annotations
        objects[rows] = truths[number][own]
        rows, own = rows[objects[rows] >= 0], own[objects[rows] >= 0]
        deltas[rows] = encode(notes.boxes[objects[rows]], boxes[number][own])
        labels[rows] = notes.labels[objects[rows]]
    return flip_deltas(deltas, flips), labels


def statistics(
    samples: Sequence[Sample], boxes: Sequence[FloatArray], truths: Truths
) -> tuple[Doubles, Doubles]:
    """Return the mean (4,) and deviation (4,) of the deltas of all pairs.

    DataError where there is no pair, which is where no object has an area.
    """
    count, sums, squares = 0, np.zeros(4), np.zeros(4)
    for deltas in _deltas(samples, boxes, truths):
        count += len(deltas)
        sums += deltas.sum(axis=0)
        squares += (deltas**2).sum(axis=0)
    if not count:
        raise DataError(
            "regression: no region reaches an object by regression.iou. Lower it, or propose more "
            "boxes."
        )
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean, np.where(std > _SMALLEST_STD, std, 1.0)


def _deltas(
    samples: Sequence[Sample], boxes: Sequence[FloatArray], truths: Truths
) -> Iterator[Doubles]:
    """Yield the deltas (K, 4) of the pairs of every image."""
    for sample, own, objects in zip(samples, boxes, truths, strict=True):
        rows = np.flatnonzero(objects >= 0)
        yield encode(sample.annotations.boxes[objects[rows]], own[rows])
