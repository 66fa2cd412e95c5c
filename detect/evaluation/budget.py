"""How few boxes of each source cover a wanted share of the objects.

A box covers an object from an IoU on, as in R-CNN's coverage (recall.py): any box does, whatever
it covers besides. Boxes are taken of every image from the first on, as many of one source
everywhere, for that is what a proposal method can be told.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from detect.boxes import iou_matrix
from detect.errors import DataError
from detect.structures import BoolArray, Dataset, IntArray, Proposals, Sample

# The rank of an object that no box of a source covers.
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Ranks:
    """M objects (crowd regions left out) and I images against the boxes of S `sources`.

    `first` (M, S): the rank, from 1, of the source's first box of the image that covers the
    object, NEVER where none does. `counts` (I, S): boxes of the source.
    """

    sources: tuple[str, ...]
    first: IntArray
    counts: IntArray


def first_ranks(dataset: Dataset, proposals: Iterable[Proposals], iou: float = 0.5) -> Ranks:
    """Rank the `proposals`, one for each image in the order of `dataset`, by source.

    Raises DataError if `dataset` has no objects, ValueError if the images are others.
    """
    pairs = [
        (sample, _of_image(sample, one, iou))
        for sample, one in zip(dataset.samples, proposals, strict=True)
    ]
    objects = [int((~sample.annotations.crowd).sum()) for sample, _ in pairs]
    if not sum(objects):
        raise DataError(f"{dataset.root}: split {dataset.split!r} has no objects to cover.")
    sources = tuple(sorted({name for _, found in pairs for name in found}))
    first = np.full((sum(objects), len(sources)), NEVER, np.int64)
    counts = np.zeros((len(pairs), len(sources)), np.int64)
    starts = np.cumsum([0, *objects])
    for number, (_, found) in enumerate(pairs):
        for column, name in enumerate(sources):
            if name in found:
                first[starts[number] : starts[number + 1], column] = found[name][0]
                counts[number, column] = found[name][1]
    return Ranks(sources, first, counts)


def _of_image(sample: Sample, proposals: Proposals, iou: float) -> dict[str, tuple[IntArray, int]]:
    """Return the ranks (M,) of one image's objects, and the number of boxes, by source."""
    if sample.image_id != proposals.image_id:
        raise ValueError(f"expected image {sample.image_id!r}, got {proposals.image_id!r}")
    notes = sample.annotations
    covers = iou_matrix(notes.boxes[~notes.crowd], proposals.boxes) >= iou
    found = {}
    for name in np.unique(proposals.sources):
        own = covers[:, proposals.sources == name]
        ranks = np.where(own.any(axis=1), own.argmax(axis=1) + 1, NEVER)
        found[str(name)] = (np.asarray(ranks, np.int64), own.shape[1])
    return found


def advise(ranks: Ranks, target: float) -> dict[str, Any]:
    """Return the fewest boxes that cover the share `target` of the objects.

    {"target", "reached", "coverage", "boxes_per_image": mean, "sources": {name: {"first": boxes
    taken of each image, as far as it has them, "boxes_per_image": mean}}}. Where all boxes do
    not reach the target, the figures are theirs.
    """
    taken = cheapest(ranks.first, ranks.counts, target)
    reached = taken is not None
    if taken is None:
        taken = ranks.counts.max(axis=0, initial=0)
    means = np.minimum(ranks.counts, taken).mean(axis=0)
    return {
        "target": target,
        "reached": reached,
        "coverage": float((ranks.first <= taken).any(axis=1).mean()),
        "boxes_per_image": float(means.sum()),
        "sources": {
            name: {"first": int(first), "boxes_per_image": float(mean)}
            for name, first, mean in zip(ranks.sources, taken, means, strict=True)
        },
    }


def cheapest(first: IntArray, counts: IntArray, target: float) -> IntArray | None:
    """`first` (M, S), `counts` (I, S) as in Ranks -> how many boxes (S,) to take of each source.

    The combination that covers the share `target` > 0 of the objects with the smallest total
    over the images (an image gives no more than it has); None if all boxes do not cover it. One
    or two sources: the optimum, for every useful number of the one the least of the other is
    known. More: from all useful boxes on, two sources at a time are set to their optimum given
    the rest, until no two can be bettered. Equal totals: fewer of the earlier source.
    """
    needed = max(1, math.ceil(target * len(first) - 1e-9))  # 0.07 * 100 comes out above 7
    taken: IntArray = np.where(first == NEVER, 0, first).max(axis=0, initial=0)
    if _covered(first, taken).sum() < needed:
        return None
    if len(taken) == 1:
        return np.asarray(np.sort(first[:, 0])[needed - 1 : needed])
    while True:
        before = _total(counts, taken)
        for pair in map(np.array, combinations(range(len(taken)), 2)):
            rest = np.delete(np.arange(len(taken)), pair)
            covered = _covered(first[:, rest], taken[rest])
            left = needed - int(covered.sum())
            taken[pair] = _best_of_two(first[~covered][:, pair], counts[:, pair], left)
        if len(taken) == 2 or _total(counts, taken) == before:
            return taken


def _covered(first: IntArray, taken: IntArray) -> BoolArray:
    """`first` (M, S), `taken` (S,) -> which objects (M,) are covered."""
    return np.asarray((first <= taken).any(axis=1))


def _total(counts: IntArray, taken: IntArray) -> int:
    """Return the boxes of all images when `taken` (S,) are taken of each source."""
    return int(np.minimum(counts, taken).sum())


def _best_of_two(first: IntArray, counts: IntArray, needed: int) -> tuple[int, int]:
    """`first` (L, 2), `counts` (I, 2) -> the fewest boxes that cover `needed` of L objects."""
    first = first[np.argsort(first[:, 1], kind="stable")]
    options = []
    for one in [0, *np.unique(first[first[:, 0] != NEVER, 0]).tolist()]:
        others = first[first[:, 0] > one, 1]
        missing = needed - (len(first) - len(others))
        other = int(others[missing - 1]) if 0 < missing <= len(others) else 0
        if missing <= len(others) and other != NEVER:
            options.append((_total(counts, np.array([one, other])), one, other))
        if missing <= 0:
            break
    _, one, other = min(options)
    return one, other
