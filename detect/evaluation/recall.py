"""How well proposals cover the objects: recall, average recall, coverage.

Hosang et al. 2016 (What makes for effective detection proposals?, arXiv 1502.05082; github
hosang/detection-proposals): matching is one-to-one and greedy by IoU, whatever the classes, on
the first BUDGET boxes as stored; difficult objects count (reported without them as well);
crowd regions do not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.boxes import iou_matrix
from detect.errors import DataError
from detect.evaluation.flat import flatten_truth
from detect.regions import BoolArray, Dataset, Proposals, Sample

Doubles = NDArray[np.float64]

# Boxes of each image that count; None: all.
BUDGETS = (10, 50, 100, 200, 500, 1000, 2000, None)
# Rounded, for np.linspace and multiples of 0.05 come out one step above some of them.
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
# Areas of COCO's small and medium objects end at 32² and 96² px (Lin et al. 2014; pycocotools).
_SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, np.inf)}


@dataclass(frozen=True, eq=False)
class _Scores:
    """The M objects of one image (crowd regions left out) against its N boxes.

    Best IoU by budget, (M, B) each: `matched` one-to-one, `matched_plain` the same were there
    no difficult objects, `covered` by any box; `sources` {name: (M,)} by any box of that
    source; `boxes` {name: number of them}.
    """

    matched: Doubles
    matched_plain: Doubles
    covered: Doubles
    sources: dict[str, Doubles]
    boxes: dict[str, int]


def recall_report(dataset: Dataset, proposals: Iterable[Proposals]) -> dict[str, Any]:
    """Score the `proposals` of every image of `dataset`, taken one image at a time.

    Returns {"images", "boxes_per_image", "objects", "recall" and "coverage" {budget: {IoU: share}},
    "average_recall" {budget: {"hosang", "coco"}}, "boxes" {budget: mean count};
    "without_difficult" (None if there is no other), "per_class", "per_size": the same of some
    objects; "per_source": {name: {"boxes_per_image", "alone" {IoU: share}, "only" {IoU: share}}}}.
    Budgets are "10", ..., "2000", "all", IoUs "0.50", ..., "0.95". "recall" matches one-to-one;
    "coverage" (R-CNN's) counts an object if any box reaches the IoU; "alone" is coverage by all
    boxes of that source, "only" by those and no other's. "hosang" is 2 x the integral of
    recall over IoU 0.5 to 1, "coco" the mean of recall over 0.50:0.05:0.95.
    Raises DataError where an image has no proposals, is not in `dataset` or has another size.
    """
    truth = flatten_truth(dataset)
    counted = ~truth.crowd
    if not counted.any():
        raise DataError(f"{dataset.root}: split {dataset.split!r} has no objects to recall.")
    scores = _measure_all(dataset, proposals)
    matched = np.concatenate([one.matched for one in scores])
    covered = np.concatenate([one.covered for one in scores])
    plain = ~truth.difficult[counted]
    matched_plain = np.concatenate([one.matched_plain for one in scores])[plain]
    labels, areas = truth.labels[counted], truth.areas[counted]
    classes = {name: labels == label for label, name in enumerate(dataset.classes)}
    sizes = {name: (areas >= low) & (areas < high) for name, (low, high) in _SIZES.items()}
    return {
        **_counts(scores),
        **_block(matched, covered),
        "without_difficult": _block(matched_plain, covered[plain]) if plain.any() else None,
        "per_class": _blocks(matched, covered, classes),
        "per_size": _blocks(matched, covered, sizes),
        "per_source": _per_source(scores),
    }


def _measure_all(dataset: Dataset, proposals: Iterable[Proposals]) -> list[_Scores]:
    """Return the scores of every image in the order of `dataset.samples`."""
    places = {sample.image_id: place for place, sample in enumerate(dataset.samples)}
    found: dict[int, _Scores] = {}
    for one in proposals:
        place = places.get(one.image_id)
        if place is None:
            raise _other_data(dataset, f"image {one.image_id!r} is not in it")
        if place in found:
            raise _other_data(dataset, f"image {one.image_id!r} comes twice")
        found[place] = measure(dataset.samples[place], one, dataset)
    for place, sample in enumerate(dataset.samples):
        if place not in found:
            raise _other_data(dataset, f"image {sample.image_id!r} has no proposals")
    return [found[place] for place in range(len(dataset))]


def _other_data(dataset: Dataset, problem: str) -> DataError:
    return DataError(
        f"these proposals were not made for split {dataset.split!r} of {dataset.root}: {problem}. "
        "Make them with detect propose for this split."
    )


def measure(sample: Sample, proposals: Proposals, dataset: Dataset) -> _Scores:
    """Compare the boxes of one image with its objects; DataError if they are of another size."""
    if sample.size != (0, 0) and proposals.size != sample.size:
        sizes = f"made at {proposals.size}, the image is {sample.size} (height, width)"
        raise _other_data(dataset, f"{sample.image_id!r} was {sizes}")
    notes = sample.annotations
    overlaps = iou_matrix(notes.boxes[~notes.crowd], proposals.boxes)
    difficult = notes.difficult[~notes.crowd]
    matched = _one_to_one(overlaps)
    plain = np.where(difficult[:, None], 0, overlaps)
    names, counts = np.unique(proposals.sources, return_counts=True)
    return _Scores(
        matched=matched,
        matched_plain=_one_to_one(plain) if difficult.any() else matched,
        covered=np.stack([_largest(overlaps[:, :budget]) for budget in BUDGETS], axis=1),
        sources={str(n): _largest(overlaps[:, proposals.sources == n]) for n in names},
        boxes=dict(zip(map(str, names), map(int, counts), strict=True)),
    )


def _largest(overlaps: Doubles) -> Doubles:
    return np.asarray(overlaps.max(axis=1, initial=0.0), np.float64)


def _one_to_one(overlaps: Doubles) -> Doubles:
    """`overlaps` (M, N) -> IoU of the box each object is matched with, by budget (M, B).

    closest_candidates.m: again and again the largest IoU left, first object and first box on
    ties. Pairs below the lowest threshold are not looked at: they come last and never matter.
    """
    objects, boxes = np.nonzero(overlaps >= THRESHOLDS[0])
    order = np.argsort(-overlaps[objects, boxes], kind="stable")
    pairs = list(zip(objects[order].tolist(), boxes[order].tolist(), strict=True))
    matched = np.zeros((len(overlaps), len(BUDGETS)))
    for column, budget in enumerate(BUDGETS):
        free_objects, free_boxes = set(range(len(overlaps))), set(range(overlaps.shape[1])[:budget])
        for target, box in pairs:
            if target in free_objects and box in free_boxes:
                free_objects.remove(target)
                free_boxes.remove(box)
                matched[target, column] = overlaps[target, box]
    return matched


def _counts(scores: Sequence[_Scores]) -> dict[str, Any]:
    """Return the number of images and the mean number of boxes, in all and by budget."""
    counts = np.array([sum(one.boxes.values()) for one in scores])
    within = {_name(b): float(np.minimum(counts, b or np.inf).mean()) for b in BUDGETS}
    return {"images": len(scores), "boxes_per_image": float(counts.mean()), "boxes": within}


def _block(matched: Doubles, covered: Doubles) -> dict[str, Any]:
    """Return the figures by budget of `matched`, `covered` (M, B), M > 0."""
    recall, coverage, average = {}, {}, {}
    for column, budget in enumerate(BUDGETS):
        name = _name(budget)
        recall[name] = _shares(matched[:, column])
        coverage[name] = _shares(covered[:, column])
        average[name] = {
            # Equation 3 of the paper, exact; the released code takes trapezoids instead.
            "hosang": float(2 * np.maximum(matched[:, column] - 0.5, 0).mean()),
            "coco": float(np.mean(list(recall[name].values()))),
        }
    return {
        "objects": len(matched),
        "recall": recall,
        "average_recall": average,
        "coverage": coverage,
    }


def _blocks(matched: Doubles, covered: Doubles, groups: dict[str, BoolArray]) -> dict[str, Any]:
    """Return the figures of every group that has objects."""
    return {n: _block(matched[g], covered[g]) for n, g in groups.items() if g.any()}


def _per_source(scores: Sequence[_Scores]) -> dict[str, Any]:
    names = sorted({name for one in scores for name in one.sources})
    best = {name: np.concatenate([_of_source(one, name) for one in scores]) for name in names}
    report = {}
    for name in names:
        others = [best[other] for other in names if other != name]
        rest = np.max(others, axis=0) if others else np.zeros_like(best[name])
        report[name] = {
            "boxes_per_image": sum(one.boxes.get(name, 0) for one in scores) / len(scores),
            "alone": _shares(best[name]),
            "only": _by_iou([(best[name] >= t) & (rest < t) for t in THRESHOLDS]),
        }
    return report


def _of_source(scores: _Scores, name: str) -> Doubles:
    return scores.sources.get(name, np.zeros(len(scores.matched)))


def _shares(overlaps: Doubles) -> dict[str, float]:
    """`overlaps` (M,) -> share of the objects that reach each threshold."""
    return _by_iou([overlaps >= threshold for threshold in THRESHOLDS])


def _by_iou(reached: Sequence[BoolArray]) -> dict[str, float]:
    columns = zip(THRESHOLDS, reached, strict=True)
    return {f"{threshold:.2f}": float(one.mean()) for threshold, one in columns}


def _name(budget: int | None) -> str:
    return "all" if budget is None else str(budget)
