"""Ground truth and detections of a data set as flat arrays, and the pairs of them that overlap."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.boxes import Doubles, as_columns, iou
from detect.errors import DataError
from detect.structures import Annotations, BoolArray, Dataset, Detections, IntArray

Overlap = Callable[[Doubles, Doubles], Doubles]

# Pairs compared at once; bounds the memory at about 70 MB beside the detections.
_PAIRS_AT_ONCE = 250_000


@dataclass(frozen=True, eq=False)
class FlatDetections:
    """Detections of many images, N in all, in the order of their file.

    `images` (N,) places in `Dataset.samples`; `labels` (N,); `boxes` (N, 4) float64 xyxy px;
    `scores` (N,).
    """

    images: IntArray
    labels: IntArray
    boxes: Doubles
    scores: Doubles

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: IntArray) -> "FlatDetections":
        """Return the chosen detections, in the order of `index`."""
        return FlatDetections(
            self.images[index], self.labels[index], self.boxes[index], self.scores[index]
        )


@dataclass(frozen=True, eq=False)
class FlatTruth:
    """Ground truth of a data set, M objects, image after image in the order of its samples.

    `images` (M,) places in `Dataset.samples`; the rest as in `structures.Annotations`.
    """

    images: IntArray
    labels: IntArray
    boxes: Doubles
    difficult: BoolArray
    crowd: BoolArray
    areas: Doubles

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: IntArray) -> "FlatTruth":
        """Return the chosen objects, in the order of `index`."""
        return FlatTruth(
            self.images[index],
            self.labels[index],
            self.boxes[index],
            self.difficult[index],
            self.crowd[index],
            self.areas[index],
        )


@dataclass(frozen=True, eq=False)
class OverlappingPairs:
    """Overlapping pairs (P,): `detections` ascending, within one `truths` ascending, `overlaps`."""

    detections: IntArray
    truths: IntArray
    overlaps: Doubles


def flatten_truth(dataset: Dataset) -> FlatTruth:
    """Return all objects of `dataset`; DataError if it was never annotated."""
    if not dataset.annotated:
        raise DataError(
            f"{dataset.root}: no annotations to score against. Expected a VOC, COCO or "
            "ILSVRC DET data set."
        )
    notes = [sample.annotations for sample in dataset.samples]
    return FlatTruth(
        images=np.repeat(np.arange(len(notes)), [len(one) for one in notes]),
        labels=_join(notes, "labels", np.int64),
        boxes=_join(notes, "boxes", np.float64),
        difficult=_join(notes, "difficult", np.bool_),
        crowd=_join(notes, "crowd", np.bool_),
        areas=_join(notes, "areas", np.float64),
    )


def flatten_detections(dataset: Dataset, detections: Mapping[str, Detections]) -> FlatDetections:
    """Return all `detections` (by image id) in the order of the mapping.

    Raises DataError on an image that is not in `dataset` (the devkits stop there as well) and
    ValueError on a label it has no class for.
    """
    places = {sample.image_id: place for place, sample in enumerate(dataset.samples)}
    unknown = [image_id for image_id in detections if image_id not in places]
    if unknown:
        raise DataError(
            f"detections of image {unknown[0]!r}, which is not in split {dataset.split!r} of "
            f"{dataset.root} ({len(dataset)} images). Score them on the split they were made for."
        )
    found = list(detections.values())
    counts = [len(one) for one in found]
    images = np.array([places[image_id] for image_id in detections], np.int64)
    labels = _join(found, "labels", np.int64)
    if len(labels) and (labels.min() < 0 or labels.max() >= len(dataset.classes)):
        raise ValueError(f"labels must be in 0..{len(dataset.classes) - 1}")
    boxes = _join(found, "boxes", np.float64)
    return FlatDetections(
        np.repeat(images, counts), labels, boxes, _join(found, "scores", np.float64)
    )


def by_image(dataset: Dataset, flat: FlatDetections) -> Iterator[Detections]:
    """Yield the detections of every image of `dataset`, in its order."""
    order = np.argsort(flat.images, kind="stable")
    ends = np.cumsum(np.bincount(flat.images, minlength=len(dataset)))
    for sample, part in zip(dataset.samples, np.split(order, ends[:-1]), strict=True):
        boxes = flat.boxes[part].astype(np.float32)
        yield Detections(
            sample.image_id, boxes, flat.labels[part], flat.scores[part], dataset.classes
        )


def image_order(dataset: Dataset) -> IntArray:
    """Return the rank (I,) of every sample's image id: the order that breaks ties of scores.

    The devkit's and COCO's ids are numbers: COCO's own where the layout has them, elsewhere
    the number of the image in the split's list (ILSVRC2014 devkit, readme, "image ids").
    """
    numbers = [int(s.image_id) if dataset.integer_ids else i for i, s in enumerate(dataset.samples)]
    order = np.empty(len(numbers), np.int64)
    order[sorted(range(len(numbers)), key=numbers.__getitem__)] = np.arange(len(numbers))
    return order


def overlapping(
    detections: FlatDetections,
    truth: FlatTruth,
    thresholds: Doubles,
    chosen: BoolArray,
    overlap: Overlap = iou,
) -> OverlappingPairs:
    """Return the pairs of one image and class that touch and reach the object's threshold.

    `thresholds` (M,): `overlap` (boxes.iou or boxes.coverage) must be at least this; `chosen`
    (M,): objects to look at.
    Touching is asked for as in the devkits, which compare only where iw > 0 and ih > 0.
    """
    first = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    parts = [first]
    boxes, others = as_columns(detections.boxes), as_columns(truth.boxes)
    for found, objects in _same_cell(detections, truth, np.flatnonzero(chosen)):
        values = overlap(boxes[:, found], others[:, objects])
        enough = (values >= thresholds[objects]) & (values > 0)
        parts.append((found[enough], objects[enough], values[enough]))
    return OverlappingPairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _same_cell(
    detections: FlatDetections, truth: FlatTruth, objects: IntArray
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield pairs (detection, object) of one image and class, _PAIRS_AT_ONCE at a time."""
    classes = 1 + int(max(detections.labels.max(initial=0), truth.labels.max(initial=0)))
    cells = truth.images[objects] * classes + truth.labels[objects]
    objects = objects[np.argsort(cells, kind="stable")]
    cells = np.sort(cells)
    own = detections.images * classes + detections.labels
    starts = np.searchsorted(cells, own, side="left")
    counts = np.searchsorted(cells, own, side="right") - starts
    for part in _parts(np.cumsum(counts)):
        found = np.repeat(np.arange(part.start, part.stop), counts[part])
        ends = np.cumsum(counts[part])
        within = np.arange(len(found)) - np.repeat(ends - counts[part], counts[part])
        yield found, objects[np.repeat(starts[part], counts[part]) + within]


def _parts(ends: IntArray) -> Iterator[slice]:
    """Cut detections into slices of about _PAIRS_AT_ONCE pairs; `ends` (N,) counts pairs so far."""
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + _PAIRS_AT_ONCE, side="right"))
        yield slice(start, max(stop, start + 1))
        start = max(stop, start + 1)


def _join(parts: Sequence[Annotations | Detections], name: str, dtype: Any) -> NDArray[Any]:
    """Concatenate the arrays called `name` of all `parts`."""
    arrays = [np.asarray(getattr(part, name), dtype) for part in parts if len(part)]
    empty = np.zeros((0, 4) if name == "boxes" else 0, dtype)
    return np.concatenate([empty, *arrays])
