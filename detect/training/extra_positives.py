"""Positives of a second split, of which not every object is annotated.

R-CNN on ILSVRC (arXiv 1311.2524v5, section 4.2 and table 4): val1's proposals and ground truth,
and at most N ground-truth boxes a class of train ("val1 + train1k" has N = 1000). No proposal and
no negative is taken from train, where objects that nobody annotated would become background.
Which N is not said there; here they are drawn, each as likely as any other of its class.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from detect.matching import Assignment
from detect.structures import Annotations, BoolArray, Dataset, IntArray, Sample


def draw_positives(
    dataset: Dataset, per_class: int, rng: np.random.Generator, leave_out: Collection[str] = ()
) -> tuple[Sample, ...]:
    """Return the images of `dataset` with drawn objects, with these alone as annotations.

    At most `per_class` objects of each class, neither difficult nor crowd, none of the image ids
    `leave_out`. ValueError unless `per_class` is positive.
    """
    if per_class < 1:
        raise ValueError(f"draw_positives: expected 1 object a class or more, got {per_class}")
    left_out = set(leave_out)
    samples = [sample for sample in dataset.samples if sample.image_id not in left_out]
    usable = [~(s.annotations.difficult | s.annotations.crowd) for s in samples]
    labels = _joined(s.annotations.labels[flags] for s, flags in zip(samples, usable, strict=True))
    chosen = _chosen(labels, per_class, rng)
    found, start = [], 0
    for sample, flags in zip(samples, usable, strict=True):
        places = np.flatnonzero(flags)
        kept = places[chosen[start : start + len(places)]]
        start += len(places)
        if len(kept):
            found.append(replace(sample, annotations=_taken(sample.annotations, kept)))
    return tuple(found)


def assigned(annotations: Annotations) -> Assignment:
    """Return the Assignment of objects that are regions themselves: each is its own truth."""
    count = len(annotations)
    return Assignment(annotations.labels, np.arange(count), np.ones(count))


def _joined(parts: Iterable[IntArray]) -> IntArray:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _chosen(labels: IntArray, per_class: int, rng: np.random.Generator) -> BoolArray:
    """`labels` (N,) -> whether each is drawn (N,), at most `per_class` of equal ones."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    chosen = np.zeros(len(labels), np.bool_)
    chosen[order] = np.arange(len(labels)) - starts[labels[order]] < per_class
    return chosen


def _taken(annotations: Annotations, places: IntArray) -> Annotations:
    flags = (annotations.difficult[places], annotations.crowd[places])
    numbers = (annotations.areas[places], annotations.ids[places])
    return Annotations(annotations.boxes[places], annotations.labels[places], *flags, *numbers)
