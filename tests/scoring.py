"""Data sets and detections without images, and slow loops that score them as the devkits do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detect.structures import Annotations, Dataset, Detections, Sample

Box = tuple[float, float, float, float]
# (image id, label, box, score)
Found = tuple[str, int, Box, float]
SIZE = (200, 300)


def annotations(objects: Sequence[tuple[Any, ...]]) -> Annotations:
    """`objects`: (label, box), (label, box, "difficult") or (label, box, "crowd")."""
    flags = [entry[2] if len(entry) > 2 else "" for entry in objects]
    return Annotations(
        [entry[1] for entry in objects],
        [entry[0] for entry in objects],
        difficult=[flag == "difficult" for flag in flags],
        crowd=[flag == "crowd" for flag in flags],
    )


def dataset(
    objects: Mapping[str, Sequence[tuple[Any, ...]]], classes: Sequence[str] = ("cat", "dog")
) -> Dataset:
    """Return a data set of the images in `objects`, in that order; category ids 11, 12, ...."""
    samples = tuple(
        Sample(name, Path(f"{name}.jpg"), SIZE, annotations(entries))
        for name, entries in objects.items()
    )
    categories = tuple(range(11, 11 + len(classes)))
    listed = tuple(objects)
    return Dataset(Path("set"), "voc", "test", tuple(classes), categories, samples, listed=listed)


def detections(found: Sequence[Found]) -> dict[str, Detections]:
    """Return `found` by image, images in the order they first appear."""
    by_image: dict[str, list[Found]] = {}
    for one in found:
        by_image.setdefault(one[0], []).append(one)
    return {
        name: Detections(name, [o[2] for o in own], [o[1] for o in own], [o[3] for o in own])
        for name, own in by_image.items()
    }


def with_integer_ids(data: Dataset) -> Dataset:
    """Return `data` as COCO has it: image ids are numbers."""
    return replace(data, integer_ids=True)


def random_case(
    seed: int, *, images: int = 8, whole: bool = True, smallest: int = 4
) -> tuple[Dataset, list[Found]]:
    """Return a crowded data set with difficult objects, and shaken detections with tied scores.

    Not `whole`: real-valued boxes and distinct scores.
    """
    rng = np.random.default_rng(seed)
    objects: dict[str, list[tuple[Any, ...]]] = {}
    found: list[Found] = []
    for number in range(images):
        name = str(number + 1)
        corners = rng.uniform(0, 60, (rng.integers(0, 7), 2))
        boxes = np.concatenate([corners, corners + rng.uniform(smallest, 60, corners.shape)], 1)
        boxes = np.round(boxes) if whole else boxes.astype(np.float32).astype(np.float64)
        labels = rng.integers(0, 3, len(boxes)).tolist()
        flags = ["difficult" if hard else "" for hard in rng.uniform(size=len(boxes)) < 0.2]
        objects[name] = list(zip(labels, map(tuple, boxes.tolist()), flags, strict=True))
        for label, box, _ in objects[name] * 3:
            moved = _shaken(rng, box, whole)
            score = round(rng.uniform(), 1) if whole else rng.uniform()
            found.append((name, label, moved, score))
    order = rng.permutation(len(found))
    return dataset(objects, ("ant", "bee", "cow", "dodo")), [found[place] for place in order]


def _shaken(rng: np.random.Generator, box: Box, whole: bool) -> Box:
    moved = np.array(box) + rng.normal(0, 6, 4)
    moved[2:] = np.maximum(moved[2:], moved[:2] + 1)
    moved = np.round(moved) if whole else moved.astype(np.float32).astype(np.float64)
    x1, y1, x2, y2 = moved.tolist()
    return x1, y1, x2, y2


def inclusive_iou(box: Box, other: Box) -> float:
    """IoU of half-open whole-pixel boxes by the devkits' "+1" formula on inclusive corners."""
    ax1, ay1, ax2, ay2 = box[0] + 1, box[1] + 1, box[2], box[3]
    bx1, by1, bx2, by2 = other[0] + 1, other[1] + 1, other[2], other[3]
    iw = min(ax2, bx2) - max(ax1, bx1) + 1
    ih = min(ay2, by2) - max(ay1, by1) + 1
    if iw <= 0 or ih <= 0:
        return 0.0
    union = (ax2 - ax1 + 1) * (ay2 - ay1 + 1) + (bx2 - bx1 + 1) * (by2 - by1 + 1) - iw * ih
    return iw * ih / union


def slow_voc(data: Dataset, found: Sequence[Found], label: int) -> tuple[list[int], int]:
    """VOCevaldet.m as a loop: 1 right, 0 wrong, -1 ignored, best first; and the positives."""
    truth = {s.image_id: s.annotations for s in data.samples}
    taken: set[tuple[str, int]] = set()
    outcome = []
    for name, _, box, _ in sorted((f for f in found if f[1] == label), key=lambda f: -f[3]):
        best, best_iou = -1, -1.0
        notes = truth[name]
        for place in np.flatnonzero(notes.labels == label).tolist():
            overlap = inclusive_iou(box, tuple(notes.boxes[place].tolist()))
            if overlap > best_iou:
                best, best_iou = place, overlap
        if best < 0 or best_iou < 0.5:
            outcome.append(0)
        elif notes.difficult[best]:
            outcome.append(-1)
        else:
            outcome.append(0 if (name, best) in taken else 1)
            taken.add((name, best))
    return outcome, sum(int(((t.labels == label) & ~t.difficult).sum()) for t in truth.values())


def slow_ilsvrc(data: Dataset, found: Sequence[Found], label: int) -> tuple[list[int], int]:
    """eval_detection.m as a loop: 1 right, 0 wrong, best first; and the positives."""
    judged: list[tuple[float, int]] = []
    positives = 0
    for sample in data.samples:
        notes = sample.annotations
        objects = np.flatnonzero(notes.labels == label).tolist()
        positives += len(objects)
        own = [f for f in found if f[0] == sample.image_id and f[1] == label]
        free = list(objects)
        for _, _, box, score in sorted(own, key=lambda f: -f[3]):
            best, best_iou = -1, -1.0
            for place in free:
                x1, y1, x2, y2 = notes.boxes[place].tolist()
                w, h = x2 - x1, y2 - y1
                overlap = inclusive_iou(box, (x1, y1, x2, y2))
                if overlap >= min(0.5, w * h / ((w + 10) * (h + 10))) and overlap > best_iou:
                    best, best_iou = place, overlap
            if best >= 0:
                free.remove(best)
            judged.append((score, int(best >= 0)))
    return [right for _, right in sorted(judged, key=lambda one: -one[0])], positives


def slow_area(outcome: Sequence[int], positives: int) -> float:
    """VOCap.m as a loop over `outcome` of a slow_... function."""
    recalls, precisions, true, false = [0.0], [0.0], 0, 0
    for one in outcome:
        true, false = true + (one == 1), false + (one == 0)
        recalls.append(true / positives)
        precisions.append(true / (true + false) if true + false else 0.0)
    recalls.append(1.0)
    precisions.append(0.0)
    total = 0.0
    for place in range(1, len(recalls)):
        step = recalls[place] - recalls[place - 1]
        total += step * max(precisions[place:]) if step else 0.0
    return total


def slow_eleven_points(outcome: Sequence[int], positives: int) -> float:
    """VOC 2007's AP as a loop over `outcome` of a slow_... function."""
    points, true, false = [], 0, 0
    for one in outcome:
        true, false = true + (one == 1), false + (one == 0)
        points.append((true / positives, true / (true + false) if true + false else 0.0))
    reached = [[p for r, p in points if r >= step * 0.1] for step in range(11)]
    return sum(max(values, default=0.0) for values in reached) / 11
