"""What travels between modules: samples, annotations, proposals, detections.

Frozen, checked once when made, with read-only arrays. Conventions: README.md, "Conventions".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Image = NDArray[np.uint8]
Size = tuple[int, int]


def _frozen(values: ArrayLike, dtype: Any, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Return a read-only copy of `values` with `dtype`; raise ValueError on another shape."""
    array = np.array(values, dtype=dtype)
    if array.size == 0:
        array = array.reshape(shape)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    array.setflags(write=False)
    return array


def _freeze(owner: object, name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    label = f"{type(owner).__name__}.{name}"
    object.__setattr__(owner, name, _frozen(getattr(owner, name), dtype, shape, label))


def _freeze_boxes(owner: Any) -> int:
    """Freeze `owner.boxes` to (N, 4) float32 and return N; ValueError if not finite."""
    count = len(owner.boxes)
    _freeze(owner, "boxes", np.float32, (count, 4))
    if not np.isfinite(owner.boxes).all():
        raise ValueError(f"{type(owner).__name__}.boxes: coordinates must be finite")
    return count


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
        count = _freeze_boxes(self)
        _freeze(self, "labels", np.int64, (count,))
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
            _freeze(self, name, dtype, (count,))

    def __len__(self) -> int:
        return len(self.boxes)


NO_ANNOTATIONS = Annotations(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class Sample:
    """One image of a data set: its id, file, `size` (H, W) px after EXIF rotation, ground truth.

    `size` is (0, 0) while unknown (an image of a plain folder that was not opened yet).
    """

    image_id: str
    path: Path
    size: Size
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
    `skipped` has one line a sample left out under --skip-bad; options in it are marked (errors.py).
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
    skipped: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)


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
        count = _freeze_boxes(self)
        _freeze(self, "scores", np.float32, (count,))
        _freeze(self, "sources", np.str_, (count,))

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, index: Sequence[int] | IntArray | BoolArray | slice) -> "Proposals":
        """Return the chosen boxes, in the order of `index`."""
        chosen = (self.boxes[index], self.scores[index], self.sources[index])
        return Proposals(self.image_id, self.size, *chosen)


@dataclass(frozen=True, eq=False)
class Detections:
    """Scored, labelled boxes of one image, any order.

    `boxes` (N, 4) xyxy px, never clipped; `labels` (N,) 0-based foreground class; `scores` (N,)
    finite float64, so that a file's order survives reading.
    """

    image_id: str
    boxes: FloatArray
    labels: IntArray
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Check shapes, finite scores, and make the arrays read-only."""
        count = _freeze_boxes(self)
        _freeze(self, "labels", np.int64, (count,))
        _freeze(self, "scores", np.float64, (count,))
        if not np.isfinite(self.scores).all():
            raise ValueError("Detections.scores: scores must be finite")

    def __len__(self) -> int:
        return len(self.boxes)
