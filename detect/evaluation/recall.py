"""How well proposals cover the objects: recall, average recall, coverage.

Hosang et al. 2016 (arXiv 1502.05082): matching as in image_scores.py; difficult objects count
(reported without them as well); crowd regions do not.
"""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from detect.errors import DataError
from detect.evaluation.flat import flatten_truth
from detect.evaluation.proposal_overlaps import (
    BUDGETS,
    CURVE,
    THRESHOLDS,
    Doubles,
    ProposalOverlaps,
    measure,
)
from detect.structures import BoolArray, Dataset, IntArray, Proposals

# Areas of COCO's small and medium objects end at 32² and 96² px (Lin et al. 2014; pycocotools).
_SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, np.inf)}
# IoUs at which recall is drawn against the number of boxes, and the IoUs of the other curve.
_CURVE_IOUS = (0.5, 0.7)
_IOU_AXIS = tuple(round(0.5 + 0.01 * step, 2) for step in range(51))


def recall_report(dataset: Dataset, proposals: Iterable[Proposals]) -> dict[str, Any]:
    """Score the `proposals` of every image of `dataset`, taken one image at a time.

    Returns {"images", "boxes_per_image", "objects", "recall" and "coverage" {budget: {IoU: share}},
    "average_recall" {budget: {"hosang", "coco"}}, "boxes" {budget: mean count};
    "without_difficult" (None if there is no other), "per_class", "per_size": the same of some
    objects; "class_mean": of the classes' figures, each class counted once, and how many
    "classes"; "per_source": {name: {"boxes_per_image", "alone" {IoU: share}, "only" {IoU: share},
    "per_class" and "per_size" {group: {"alone", "only"}}}}; "curves": {"by_boxes": {"boxes" mean
    counts, "recall" {IoU: shares}, "average_recall" hosang's}, "by_iou": {"iou", "recall" of all
    boxes}}}.
    Budgets are "10", ..., "2000", "all", IoUs "0.50", ..., "0.95". "recall" matches one-to-one;
    "coverage" (R-CNN's) counts an object if any box reaches the IoU; "alone" is coverage by all
    boxes of that source, "only" by those and no other's, together is "coverage" of "all".
    "hosang" is 2 x the integral of recall over IoU 0.5 to 1, "coco" the mean of recall over
    0.50:0.05:0.95.
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
    groups = _groups(dataset.classes, truth.labels[counted], truth.areas[counted])
    blocks = {
        kind: {name: _block(matched[chosen], covered[chosen]) for name, chosen in named.items()}
        for kind, named in groups.items()
    }
    return {
        **_counts(scores),
        **_block(matched, covered),
        "without_difficult": _block(matched_plain, covered[plain]) if plain.any() else None,
        **blocks,
        "class_mean": _class_mean(list(blocks["per_class"].values())),
        "per_source": _per_source(scores, groups),
        "curves": _curves(scores),
    }


def _measure_all(dataset: Dataset, proposals: Iterable[Proposals]) -> list[ProposalOverlaps]:
    """Return the scores of every image in the order of `dataset.samples`."""
    places = {sample.image_id: place for place, sample in enumerate(dataset.samples)}
    found: dict[int, ProposalOverlaps] = {}
    for one in proposals:
        place = places.get(one.image_id)
        if place is None:
            raise _other_data(dataset, f"image {one.image_id!r} is not in it")
        if place in found:
            raise _other_data(dataset, f"image {one.image_id!r} comes twice")
        sample = dataset.samples[place]
        if sample.size is not None and one.size != sample.size:
            sizes = f"made at {one.size}, the image is {sample.size} (height, width)"
            raise _other_data(dataset, f"{sample.image_id!r} was {sizes}")
        found[place] = measure(sample.annotations, one)
    for place, sample in enumerate(dataset.samples):
        if place not in found:
            raise _other_data(dataset, f"image {sample.image_id!r} has no proposals")
    return [found[place] for place in range(len(dataset))]


def _other_data(dataset: Dataset, problem: str) -> DataError:
    return DataError(
        f"these proposals were not made for split {dataset.split!r} of {dataset.root}: {problem}. "
        "Make them with detect propose for this split."
    )


def _groups(
    classes: Sequence[str], labels: IntArray, areas: Doubles
) -> dict[str, dict[str, BoolArray]]:
    """Return the classes and sizes that have objects, each as a mask of the objects (M,)."""
    by_class = {name: labels == label for label, name in enumerate(classes)}
    by_size = {name: (areas >= low) & (areas < high) for name, (low, high) in _SIZES.items()}
    return {
        kind: {name: chosen for name, chosen in masks.items() if chosen.any()}
        for kind, masks in (("per_class", by_class), ("per_size", by_size))
    }


def _counts(scores: Sequence[ProposalOverlaps]) -> dict[str, Any]:
    """Return the number of images and the mean number of boxes, in all and by budget."""
    counts = _boxes(scores)
    within = {_name(b): float(np.minimum(counts, b or np.inf).mean()) for b in BUDGETS}
    return {"images": len(scores), "boxes_per_image": float(counts.mean()), "boxes": within}


def _boxes(scores: Sequence[ProposalOverlaps]) -> Doubles:
    """Return the number of boxes of each image (I,)."""
    return np.array([sum(one.boxes.values()) for one in scores], np.float64)


def _block(matched: Doubles, covered: Doubles) -> dict[str, Any]:
    """Return the figures by budget of `matched`, `covered` (M, B), M > 0."""
    recall, coverage, average = {}, {}, {}
    for column, budget in enumerate(BUDGETS):
        name = _name(budget)
        recall[name] = _shares(matched[:, column])
        coverage[name] = _shares(covered[:, column])
        average[name] = {
            "hosang": _hosang(matched[:, column]),
            "coco": fmean(recall[name].values()),
        }
    return {
        "objects": len(matched),
        "recall": recall,
        "average_recall": average,
        "coverage": coverage,
    }


def _hosang(matched: Doubles) -> float:
    """Return the average recall of `matched` (M,), equation 3 of Hosang et al.

    Exact; the released code takes trapezoids instead.
    """
    return float(2 * np.maximum(matched - 0.5, 0).mean())


def _class_mean(blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over the classes of their figures, however many objects each has."""
    means = {key: _mean([one[key] for one in blocks]) for key in blocks[0] if key != "objects"}
    return {"classes": len(blocks), **means}


def _mean(entries: Sequence[Any]) -> Any:
    """Return the mean of numbers, or of each entry of dicts with the same keys."""
    if isinstance(entries[0], dict):
        return {key: _mean([one[key] for one in entries]) for key in entries[0]}
    return fmean(entries)


def _per_source(
    scores: Sequence[ProposalOverlaps], groups: dict[str, dict[str, BoolArray]]
) -> dict[str, Any]:
    """Return what each source covers alone, and what no other does, of all objects and groups."""
    names = sorted({name for one in scores for name in one.sources})
    best = {name: np.concatenate([_of_source(one, name) for one in scores]) for name in names}
    report = {}
    for name in names:
        others = [best[other] for other in names if other != name]
        rest = np.max(others, axis=0) if others else np.zeros_like(best[name])
        report[name] = {
            "boxes_per_image": sum(one.boxes.get(name, 0) for one in scores) / len(scores),
            **_alone_and_only(best[name], rest),
            **{
                kind: {group: _alone_and_only(best[name][m], rest[m]) for group, m in masks.items()}
                for kind, masks in groups.items()
            },
        }
    return report


def _of_source(scores: ProposalOverlaps, name: str) -> Doubles:
    return scores.sources.get(name, np.zeros(len(scores.matched)))


def _alone_and_only(best: Doubles, rest: Doubles) -> dict[str, dict[str, float]]:
    """`best` (M,) IoU of one source's boxes, `rest` (M,) of all others' -> shares by IoU."""
    only = _by_iou([(best >= threshold) & (rest < threshold) for threshold in THRESHOLDS])
    return {"alone": _shares(best), "only": only}


def _curves(scores: Sequence[ProposalOverlaps]) -> dict[str, Any]:
    """Return recall against the number of boxes, up to the fullest image, and against the IoU."""
    matched = np.concatenate([one.curve for one in scores])
    counts = _boxes(scores)
    columns = [c for c, budget in enumerate(CURVE) if budget is None or budget < counts.max()]
    return {
        "by_boxes": {
            "boxes": [float(np.minimum(counts, CURVE[c] or np.inf).mean()) for c in columns],
            "recall": {
                f"{iou:.2f}": [float((matched[:, c] >= iou).mean()) for c in columns]
                for iou in _CURVE_IOUS
            },
            "average_recall": [_hosang(matched[:, c]) for c in columns],
        },
        "by_iou": {
            "iou": list(_IOU_AXIS),
            "recall": [float((matched[:, -1] >= iou).mean()) for iou in _IOU_AXIS],
        },
    }


def _shares(overlaps: Doubles) -> dict[str, float]:
    """`overlaps` (M,) -> share of the objects that reach each threshold."""
    return _by_iou([overlaps >= threshold for threshold in THRESHOLDS])


def _by_iou(reached: Sequence[BoolArray]) -> dict[str, float]:
    columns = zip(THRESHOLDS, reached, strict=True)
    return {f"{threshold:.2f}": float(one.mean()) for threshold, one in columns}


def _name(budget: int | None) -> str:
    return "all" if budget is None else str(budget)
