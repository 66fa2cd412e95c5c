"""Two halves of an annotated set that hold nearly the same number of objects of every class.

R-CNN cut ILSVRC's val into val1 and val2 so (arXiv 1311.2524v5, section 4.1, and its code,
imdb/data-splits/imdb_split.m): many candidates, each a random dealing of images whose class
counts are alike, bettered by a local search; the one of the smallest largest imbalance is kept.
Imbalance of a class: |a - b| / (a + b), a and b its objects in the halves. R-CNN reports 11 % at
most and a median of 4 %. Ours: images of equal counts are dealt together instead of nearest
neighbours (no N x N distances), the search exchanges two images instead of moving one, so that
the halves have the same number of images, and it lowers the sum of eighth powers, which
is nearly the largest imbalance, but tells better from worse where that stays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.structures import Dataset, IntArray

Doubles = NDArray[np.float64]

# Local searches from different dealings; R-CNN does not say how many it made.
CANDIDATES = 10
# Groups of either half that are tried with each other, those of the steepest descent.
_TRIED = 24


@dataclass(frozen=True, eq=False)
class Halves:
    """Places of the images of each half, ascending, and `imbalance` (C,) of the classes.

    A class without objects has imbalance NaN.
    """

    first: IntArray
    second: IntArray
    imbalance: Doubles

    @property
    def largest(self) -> float:
        """The largest imbalance of a class; 0 without any object."""
        return float(np.nanmax(self.imbalance, initial=0.0))

    @property
    def mean(self) -> float:
        """The mean imbalance of the classes that have objects; 0 without any object."""
        known = self.imbalance[~np.isnan(self.imbalance)]
        return float(known.mean()) if len(known) else 0.0


def class_counts(dataset: Dataset, *, difficult: bool = True) -> IntArray:
    """Return the number (N, C) of objects of each class in each image, crowd regions left out.

    Without `difficult` ones only those that are learned from.
    """
    counts = np.zeros((len(dataset), len(dataset.classes)), np.int64)
    for place, sample in enumerate(dataset.samples):
        truth = sample.annotations
        left = truth.crowd | (truth.difficult & (not difficult))
        np.add.at(counts[place], truth.labels[~left], 1)
    return counts


def split_in_halves(
    counts: IntArray, rng: np.random.Generator, candidates: int = CANDIDATES
) -> Halves:
    """Return the best of `candidates` splits of images with `counts` (N, C) objects of each class.

    The halves differ by one image at most. The best has the smallest largest imbalance, then the
    smallest mean. ValueError for fewer than two images or no candidate.
    """
    if len(counts) < 2 or candidates < 1:
        raise ValueError(
            f"split_in_halves: expected two images and one candidate or more, got {len(counts)} "
            f"and {candidates}"
        )
    groups = _Groups.of(counts)
    dealings = [_search(groups, _deal(groups, rng)) for _ in range(candidates)]
    best = min(dealings, key=lambda taken: _score(groups.imbalance(taken)))
    return _draw_halves(groups, best, rng)


@dataclass(frozen=True, eq=False)
class _Groups:
    """Images of equal class counts: `counts` (G, C), `sizes` (G,), the `group` (N,) of each."""

    counts: Doubles
    sizes: IntArray
    group: IntArray
    totals: Doubles

    @classmethod
    def of(cls, counts: IntArray) -> "_Groups":
        rows, group, sizes = np.unique(counts, axis=0, return_inverse=True, return_counts=True)
        totals = counts.sum(axis=0).astype(np.float64)
        return cls(rows.astype(np.float64), sizes, group.reshape(-1), totals)

    def difference(self, taken: IntArray) -> Doubles:
        """`taken` (G,) images of each group in the first half -> first minus second (C,)."""
        return np.asarray((2 * taken - self.sizes) @ self.counts, np.float64)

    def relative(self, difference: Doubles) -> Doubles:
        """`difference` (..., C) -> divided by the class's objects; 0 for a class without."""
        return np.divide(
            difference, self.totals, out=np.zeros_like(difference), where=self.totals > 0
        )

    def imbalance(self, taken: IntArray) -> Doubles:
        """`taken` (G,) -> imbalance (C,), NaN for a class without objects."""
        relative = np.abs(self.relative(self.difference(taken)))
        return np.where(self.totals > 0, relative, np.nan)


def _score(imbalance: Doubles) -> tuple[float, float]:
    """Return the largest and the mean imbalance (their sum stands for the mean)."""
    known = np.nan_to_num(imbalance)
    return float(known.max(initial=0.0)), float(known.sum())


def _deal(groups: _Groups, rng: np.random.Generator) -> IntArray:
    """Deal every group evenly -> how many of each (G,) are in the first half.

    The odd image of a group is paired with that of the next such group, which is like it since
    groups are sorted by their counts; a coin says which one is in the first half.
    """
    taken = groups.sizes // 2
    odd = np.flatnonzero(groups.sizes % 2)
    coins = rng.integers(2, size=(len(odd) + 1) // 2)
    taken[odd[0::2]] += coins
    taken[odd[1::2]] += 1 - coins[: len(odd) // 2]
    return taken


def _search(groups: _Groups, taken: IntArray) -> IntArray:
    """Exchange images of the halves while that lowers the sum of powers; return `taken` (G,)."""
    taken = taken.copy()
    difference = groups.difference(taken)
    lowest = _powers(groups, difference)
    while True:
        there, back = _steepest(groups, taken, difference)
        if not (len(there) and len(back)):
            return taken
        change = 2 * (groups.counts[back][None, :] - groups.counts[there][:, None])
        values = _powers(groups, difference + change)
        row, column = np.unravel_index(int(values.argmin()), values.shape)
        # Differences are whole numbers: less than rounding is no progress.
        if not values[row, column] < lowest * (1 - 1e-12):
            return taken
        taken[there[row]] -= 1
        taken[back[column]] += 1
        difference = difference + change[row, column]
        lowest = values[row, column]


def _powers(groups: _Groups, difference: Doubles) -> Doubles:
    """`difference` (..., C) -> sum over the classes of imbalance to the power of 8 (...)."""
    squares = groups.relative(difference) ** 2
    fourth = squares * squares  # many times as fast as **8
    return np.asarray((fourth * fourth).sum(axis=-1))


def _steepest(groups: _Groups, taken: IntArray, difference: Doubles) -> tuple[IntArray, IntArray]:
    """Return the groups whose image had best leave the first half, and those for the second."""
    slope = groups.relative(groups.relative(difference) ** 7)
    gain = groups.counts @ slope
    there, back = np.flatnonzero(taken > 0), np.flatnonzero(taken < groups.sizes)
    leaving = there[np.argsort(-gain[there], kind="stable")[:_TRIED]]
    coming = back[np.argsort(gain[back], kind="stable")[:_TRIED]]
    return leaving, coming


def _draw_halves(groups: _Groups, taken: IntArray, rng: np.random.Generator) -> Halves:
    """Draw which images of each group the first half takes."""
    order = rng.permutation(len(groups.group))
    order = order[np.argsort(groups.group[order], kind="stable")]
    starts = np.cumsum(groups.sizes) - groups.sizes
    rank = np.arange(len(order)) - np.repeat(starts, groups.sizes)
    in_first = np.zeros(len(order), np.bool_)
    in_first[order] = rank < np.repeat(taken, groups.sizes)
    halves = np.flatnonzero(in_first), np.flatnonzero(~in_first)
    return Halves(*halves, groups.imbalance(taken))
