"""Figures of detections and of proposals, typed: what `evaluate` and `recall_report` give as JSON.

Shares are in [0, 1]. IoUs are "0.50", ..., "0.95"; budgets, the boxes taken of an image, are
"10", ..., "2000" and "all".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import TypeAdapter

ByIou = Mapping[str, float]


class _Figures:
    """Made of plain JSON; what it has no field for is left out."""

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> Self:
        """Return `figures` typed; ValueError where some are missing."""
        return TypeAdapter(cls).validate_python(figures)


@dataclass(frozen=True)
class ClassScore:
    """Average precision of a class, its objects that count, all of its detections.

    `ap_50_95` is COCO's mean over the IoUs 0.50:0.05:0.95, None by other protocols.
    """

    ap: float
    positives: int
    detections: int
    ap_50_95: float | None = None


@dataclass(frozen=True)
class ProtocolScore(_Figures):
    """Mean average precision by one protocol, over the classes in `per_class`.

    `skipped` are the classes without an object that counts; `map_50_95` as in ClassScore.
    """

    map: float
    per_class: Mapping[str, ClassScore]
    skipped: tuple[str, ...]
    map_50_95: float | None = None


@dataclass(frozen=True)
class AverageRecall:
    """Hosang et al.'s average recall, 2 x the integral over IoU 0.5 to 1, and COCO's mean."""

    hosang: float
    coco: float


@dataclass(frozen=True)
class Recalls(_Figures):
    """Of some objects, by budget: one-to-one recall, its average over IoUs, R-CNN's coverage."""

    recall: Mapping[str, ByIou]
    average_recall: Mapping[str, AverageRecall]
    coverage: Mapping[str, ByIou]


@dataclass(frozen=True)
class GroupRecalls(Recalls):
    """Of a group of `objects`."""

    objects: int


@dataclass(frozen=True)
class MeanRecalls(Recalls):
    """Means over the `classes` that have objects, each counted once."""

    classes: int


@dataclass(frozen=True)
class Covered:
    """What a source's boxes cover alone, and what no other source's do."""

    alone: ByIou
    only: ByIou


@dataclass(frozen=True)
class SourceCovered(Covered):
    """What a source covers of all objects, of each class and of each size (COCO's)."""

    boxes_per_image: float
    per_class: Mapping[str, Covered]
    per_size: Mapping[str, Covered]


@dataclass(frozen=True)
class RecallByBoxes:
    """Recall, by IoU, and Hosang's average against the mean number of `boxes` of an image."""

    boxes: tuple[float, ...]
    recall: Mapping[str, tuple[float, ...]]
    average_recall: tuple[float, ...]


@dataclass(frozen=True)
class RecallByIou:
    """Recall of all boxes against the IoU."""

    iou: tuple[float, ...]
    recall: tuple[float, ...]


@dataclass(frozen=True)
class RecallCurves:
    """What a plot of recall draws."""

    by_boxes: RecallByBoxes
    by_iou: RecallByIou


@dataclass(frozen=True)
class RecallScores(GroupRecalls):
    """Figures of one proposals file, as `recall_report` describes them.

    `boxes` by budget is the mean number taken of an image. `without_difficult` is None where all
    objects are difficult.
    """

    images: int
    boxes_per_image: float
    boxes: Mapping[str, float]
    without_difficult: GroupRecalls | None
    per_class: Mapping[str, GroupRecalls]
    per_size: Mapping[str, GroupRecalls]
    class_mean: MeanRecalls
    per_source: Mapping[str, SourceCovered]
    curves: RecallCurves


@dataclass(frozen=True)
class TakenOfSource:
    """The first boxes to take of each image, as far as it has them, and how many that are."""

    first: int
    boxes_per_image: float


@dataclass(frozen=True)
class Advice(_Figures):
    """The fewest boxes that cover the share `target` of the objects at `iou` (`advise`).

    Where all boxes do not reach it the figures are theirs. `seconds_per_image` are predicted for
    classifying crops of `input_size` px, nothing else.
    """

    target: float
    reached: bool
    coverage: float
    boxes_per_image: float
    sources: Mapping[str, TakenOfSource]
    iou: float
    input_size: int
    seconds_per_image: float
