"""What travels between modules: samples, annotations, proposals, detections.

Frozen, checked once when made, with read-only arrays. Conventions: docs/conventions.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect import conversions
from detect.errors import as_arguments
from detect.frozen import freeze, freeze_boxes

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Image = NDArray[np.uint8]
Size = tuple[int, int]
SHOWN = 0.5  # the score from which detections are shown where nobody chose one


@dataclass(frozen=True, eq=False)
class Annotations:
    """Ground truth of one image, N objects.

    `boxes` (N, 4) xyxy px; `labels` (N,) 0-based foreground class; `difficult` (N,) VOC's flag;
    `crowd` (N,) COCO's iscrowd: neither positive nor negative; `areas` (N,) px², of the mask
    where the source has one; `ids` (N,) annotation ids of the source, 1.. where it has none.
    """

    boxes: FloatArray
    labels: IntArray
    difficult: BoolArray = None  # type: ignore[assignment]
    crowd: BoolArray = None  # type: ignore[assignment]
    areas: NDArray[np.float64] = None  # type: ignore[assignment]
    ids: IntArray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Fill defaults, check shapes, make the arrays read-only."""
        count = freeze_boxes(self)
        freeze(self, "labels", np.int64, (count,))
        boxes = self.boxes.astype(np.float64)
        defaults: dict[str, tuple[Any, Any]] = {
            "difficult": (np.bool_, np.zeros(count)),
            "crowd": (np.bool_, np.zeros(count)),
            "areas": (np.float64, (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])),
            "ids": (np.int64, np.arange(1, count + 1)),
        }
        for name, (dtype, default) in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
            freeze(self, name, dtype, (count,))

    def __len__(self) -> int:
        return len(self.boxes)


NO_ANNOTATIONS = Annotations(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class Sample:
    """One image of a data set: its id, file, `size` (H, W) px after EXIF rotation, ground truth.

    `size` is None while unknown (an image of a plain folder that was not opened yet).
    """

    image_id: str
    path: Path
    size: Size | None = None
    annotations: Annotations = NO_ANNOTATIONS


@dataclass(frozen=True, eq=False)
class Dataset:
    """One split of a data set, in memory without its pixels.

    `classes` are the foreground names in the order of `labels`; `category_ids` the ids the
    foreign format writes for them, one a class; `integer_ids` tells that the format writes
    image ids as JSON numbers (COCO). `annotated` is False for plain folders of images.
    `listed` holds every id of the split's list in its order, samples left out too, so that an
    image's number in it (ILSVRC's blacklist) stays what it was.
    `synsets` are ILSVRC's WordNet ids, one a class, empty in the other layouts.
    `skipped_marked` are the lines of `skipped` with their options marked (errors.py), for another
    error or a Reporter.
    """

    root: Path
    layout: str
    split: str
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    samples: tuple[Sample, ...]
    integer_ids: bool = False
    annotated: bool = True
    synsets: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    skipped_marked: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def skipped(self) -> tuple[str, ...]:
        """One line a sample left out under skip_bad."""
        return tuple(map(as_arguments, self.skipped_marked))


@dataclass(frozen=True, eq=False)
class Proposals:
    """Candidate boxes of one image, best first within a source; scores compare within one only.

    `boxes` (N, 4) xyxy px; `scores` (N,); `sources` (N,) names such as "selective-search",
    "multibox", "ground-truth"; `size` (H, W) px of the image they were made on.
    """

    image_id: str
    size: Size
    boxes: FloatArray
    scores: FloatArray
    sources: NDArray[np.str_]

    def __post_init__(self) -> None:
        """Check shapes and make the arrays read-only."""
        count = freeze_boxes(self)
        freeze(self, "scores", np.float32, (count,))
        freeze(self, "sources", np.str_, (count,))

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, index: Sequence[int] | IntArray | BoolArray | slice) -> "Proposals":
        """Return the chosen boxes, in the order of `index`."""
        chosen = (self.boxes[index], self.scores[index], self.sources[index])
        return Proposals(self.image_id, self.size, *chosen)


@dataclass(frozen=True, eq=False)
class Detections:
    """Scored, labelled boxes of one image, any order; iterates over (box (4,), name, score).

    `boxes` (N, 4) xyxy px, never clipped; `labels` (N,) 0-based foreground class; `scores` (N,)
    finite float64, so that a file's order survives reading; `classes` the names that labels are
    places in, empty where they are not known. `image_id` is None for an image that has none.
    `thresholds` (C,) are the scores from which a detector shows each class, empty without any.
    """

    image_id: str | None
    boxes: FloatArray
    labels: IntArray
    scores: NDArray[np.float64]
    classes: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes, finite scores and labels, and make the arrays read-only."""
        count = freeze_boxes(self)
        freeze(self, "labels", np.int64, (count,))
        freeze(self, "scores", np.float64, (count,))
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "thresholds", tuple(self.thresholds))
        if self.thresholds and len(self.thresholds) != len(self.classes):
            raise ValueError("Detections.thresholds: expected one for each of `classes`")
        if not np.isfinite(self.scores).all():
            raise ValueError("Detections.scores: scores must be finite")
        if self.classes and count and not self._labels_in(len(self.classes)):
            raise ValueError(f"Detections.labels: labels must be in 0..{len(self.classes) - 1}")

    def _labels_in(self, count: int) -> bool:
        return bool(0 <= self.labels.min() <= self.labels.max() < count)

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[tuple[FloatArray, str, float]]:
        return zip(self.boxes, self.names, self.scores.tolist(), strict=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The class name of each box; "class N" where `classes` are not known."""
        return conversions.class_names(self.labels, self.classes)

    @property
    def named_id(self) -> str:
        """The `image_id`, for what cannot do without; ValueError where there is none."""
        if self.image_id is None:
            raise ValueError("Detections.image_id: this image has none; dataclasses.replace it")
        return self.image_id

    def take(self, index: Sequence[int] | IntArray | BoolArray | slice) -> "Detections":
        """Return the chosen boxes, in the order of `index`."""
        chosen = (self.boxes[index], self.labels[index], self.scores[index])
        return Detections(self.image_id, *chosen, self.classes, self.thresholds)

    def above(self, score: float | None = None) -> "Detections":
        """Return the boxes of `score` or more; by default of their class's threshold, else 0.5."""
        own = np.array(self.thresholds)[self.labels] if self.thresholds else SHOWN
        return self.take(self.scores >= (own if score is None else score))

    def of(self, *names: str) -> "Detections":
        """Return the boxes of the classes `names`; ValueError for a class that there is not."""
        known = self.classes or self.names
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"of: no class {unknown[0]!r}; there are {', '.join(known)}")
        return self.take(np.array([name in names for name in self.names], np.bool_))

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the columns name, score, x1, y1, x2, y2 (px)."""
        return conversions.columns(self.names, self.scores, self.boxes)

    def to_pandas(self) -> Any:
        """Return `to_columns` as a pandas.DataFrame; EnvironmentProblem without pandas."""
        return conversions.data_frame(self.to_columns())

    def to_coco(
        self, image_id: int | str | None = None, category_ids: Sequence[int] | None = None
    ) -> list[dict[str, Any]]:
        """Return COCO results: dictionaries image_id, category_id, bbox xywh, score.

        `image_id` is this image's own by default, `category_ids` (C,) those of the labels: 1, 2,
        ... . ValueError for an image without id and a label without category.
        """
        own = self.named_id if image_id is None else image_id
        highest = int(self.labels.max(initial=-1))
        ids = range(1, highest + 2) if category_ids is None else category_ids
        if len(self) and not self._labels_in(len(ids)):
            raise ValueError(f"labels must be in 0..{len(ids) - 1}, got {highest}")
        return conversions.coco_results(own, ids, self.boxes, self.labels, self.scores)

    def to_torchvision(self) -> dict[str, Any]:
        """Return tensors boxes (N, 4), labels (N,), scores (N,) as torchvision names them.

        Labels are from 0 as here: torchvision's own models have background at 0, classes from 1.
        """
        return conversions.torchvision_result(self.boxes, self.labels, self.scores)

    def to_supervision(self) -> Any:
        """Return a supervision.Detections; EnvironmentProblem without supervision."""
        return conversions.supervision_detections(self.boxes, self.labels, self.scores, self.names)

    def __str__(self) -> str:
        return conversions.text_table(self.image_id, self.to_columns())

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return conversions.html_table(self.image_id, self.to_columns())
