"""Which truth a proposal stands for, and which proposals a training batch takes.

Source: R-CNN, arXiv 1311.2524v5, section 2.3 and appendix B: foreground from IoU 0.5, background
below, 32 + 96 of a batch of 128. The lower bound of background is Fast R-CNN's
(arXiv 1504.08083, section 2.3: [0.1, 0.5)); 0 is R-CNN's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detect.boxes import coverage_matrix, iou_matrix
from detect.structures import Annotations, BoolArray, FloatArray, IntArray

BACKGROUND = -1
IGNORED = -2

# A proposal lies in a crowd region from half of it on: nobody knows what it shows.
CROWD_COVERAGE = 0.5


@dataclass(frozen=True, eq=False)
class Assignment:
    """What N proposals of one image are.

    `labels` (N,) the foreground class, BACKGROUND or IGNORED; `truths` (N,) index into the
    annotations of the ordinary object of the largest IoU, -1 where none overlaps;
    `overlaps` (N,) that IoU.
    """

    labels: IntArray
    truths: IntArray
    overlaps: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)


def assign(
    boxes: FloatArray,
    annotations: Annotations,
    foreground: float = 0.5,
    background: tuple[float, float] = (0.0, 0.5),
) -> Assignment:
    """`boxes` (N, 4), Annotations of M objects -> Assignment of N.

    With o the largest IoU with an ordinary object (neither difficult nor crowd) and d with a
    difficult one: foreground if o >= `foreground` and o >= d; background if
    `background[0]` <= o, both o and d < `background[1]`, and less than half of the box lies in a
    crowd region; all else is ignored. So a difficult or crowd object is neither positive nor
    negative, while a box well off it is background as anywhere else. Equal IoU: the first
    object. Truths themselves become positives when the caller appends them to `boxes`, as R-CNN
    does. Raises ValueError for bounds that overlap or leave [0, 1].
    """
    low, high = background
    if not 0 <= low <= high <= foreground <= 1:
        raise ValueError(
            "assign: expected 0 <= background[0] <= background[1] <= foreground <= 1, "
            f"got background {background}, foreground {foreground}"
        )
    ordinary = np.flatnonzero(~annotations.difficult & ~annotations.crowd)
    overlaps, truths = _best(boxes, annotations.boxes, ordinary)
    left_out = np.flatnonzero(annotations.difficult & ~annotations.crowd)
    difficult, _ = _best(boxes, annotations.boxes, left_out)
    positive = (overlaps >= foreground) & (overlaps >= difficult)
    negative = (overlaps >= low) & (np.maximum(overlaps, difficult) < high)
    labels = np.full(len(boxes), IGNORED, np.int64)
    labels[negative & ~_in_crowd(boxes, annotations)] = BACKGROUND
    labels[positive] = annotations.labels[truths[positive]]
    return Assignment(labels, truths, overlaps)


def _best(
    boxes: FloatArray, truths: FloatArray, candidates: NDArray[np.intp]
) -> tuple[NDArray[np.float64], IntArray]:
    """Largest IoU (N,) of each box with truths `candidates`, and which truth (N,), -1 at IoU 0."""
    if len(candidates) == 0 or len(boxes) == 0:
        return np.zeros(len(boxes)), np.full(len(boxes), -1, np.int64)
    overlaps = iou_matrix(boxes, truths[candidates])
    column = overlaps.argmax(axis=1)
    best = overlaps[np.arange(len(boxes)), column]
    return best, np.where(best > 0, candidates[column], -1)


def _in_crowd(boxes: FloatArray, annotations: Annotations) -> BoolArray:
    """Whether half of each box (N,) or more lies in one crowd region."""
    if not annotations.crowd.any() or len(boxes) == 0:
        return np.zeros(len(boxes), np.bool_)
    coverage = coverage_matrix(boxes, annotations.boxes[annotations.crowd])
    return np.asarray((coverage >= CROWD_COVERAGE).any(axis=1))


@dataclass(frozen=True, eq=False)
class Pool:
    """K boxes of a whole data set to draw from, or the rows drawn.

    `image` (K,) number of the image in the data set; `box` (K,) number of the box among the
    image's; `label` (K,) foreground class or BACKGROUND.
    """

    image: NDArray[np.int32]
    box: NDArray[np.int32]
    label: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.image)

    def take(self, index: NDArray[np.integer] | BoolArray) -> "Pool":
        """Return the chosen rows, in the order of `index`."""
        return Pool(self.image[index], self.box[index], self.label[index])

    @cached_property
    def _by_class(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Rows sorted by class (K,), each class's first place in that order (C,), counts (C,)."""
        order = np.argsort(self.label, kind="stable")
        _, starts, counts = np.unique(self.label[order], return_index=True, return_counts=True)
        return order, starts, counts

    def draw(self, rng: np.random.Generator, count: int, balance: bool = False) -> "Pool":
        """Return `count` rows drawn with replacement (Caffe's window layer); ValueError if empty.

        Each row is as likely as any other; with `balance` each class that has rows is, and
        within a class each row.
        """
        if count and not len(self):
            raise ValueError(f"draw: expected boxes to draw {count} from, got an empty pool")
        if not (balance and count):
            return self.take(rng.integers(len(self), size=count) if count else np.zeros(0, int))
        order, starts, counts = self._by_class
        classes = rng.integers(len(starts), size=count)
        return self.take(order[starts[classes] + rng.integers(counts[classes])])


def pools(assignments: Iterable[Assignment]) -> tuple[Pool, Pool]:
    """Gather Assignments, one an image in order, into Pools: foreground, background."""
    rows: tuple[list[Pool], list[Pool]] = ([], [])
    for number, assignment in enumerate(assignments):
        for pool, mask in zip(
            rows, (assignment.labels >= 0, assignment.labels == BACKGROUND), strict=True
        ):
            box = np.flatnonzero(mask).astype(np.int32)
            image = np.full(len(box), number, np.int32)
            pool.append(Pool(image, box, assignment.labels[mask].astype(np.int32)))
    return _concatenated(rows[0]), _concatenated(rows[1])


def _concatenated(parts: list[Pool]) -> Pool:
    empty = np.zeros(0, np.int32)
    columns = [[getattr(part, name) for part in parts] for name in ("image", "box", "label")]
    return Pool(*(np.concatenate([empty, *column]) for column in columns))


def sample_batch(
    rng: np.random.Generator,
    foreground: Pool,
    background: Pool,
    size: int = 128,
    foreground_fraction: float = 0.25,
    balance: bool = False,
) -> Pool:
    """Draw a training batch of `size` rows: foreground first, then background.

    A pure function of `rng`'s state. round(`size` * `foreground_fraction`) rows are foreground:
    32 of 128 in R-CNN (section 2.3). `balance` draws the foreground classes equally often.
    Raises ValueError for an empty pool that is drawn from or a fraction outside [0, 1].
    """
    if not 0 <= foreground_fraction <= 1:
        raise ValueError(f"sample_batch: expected a fraction in [0, 1], got {foreground_fraction}")
    positives = round(size * foreground_fraction)
    drawn = foreground.draw(rng, positives, balance), background.draw(rng, size - positives)
    return _concatenated(list(drawn))
