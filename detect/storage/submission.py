"""Detections as ILSVRC DET's submission file.

A line a detection: IMAGE CLASS CONFIDENCE XMIN YMIN XMAX YMAX (ILSVRC2014 devkit, readme, section
2.4; evaluation/eval_detection.m). IMAGE is the image's number in the split's list, from 1; CLASS
the ILSVRC2014_DET_ID, the data set's category id. Corners are 0-based and inclusive, as those of
its annotations: eval_detection.m adds 1 to each side of both. So our half-open box is written as
(x1, y1, x2 - 1, y2 - 1). Nothing is rounded.
"""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from detect.errors import DataError, option, unreadable
from detect.files import writing_text
from detect.structures import BoolArray, Dataset, Detections, IntArray

Doubles = NDArray[np.float64]

_EXPECTED = "Expected seven numbers: IMAGE CLASS CONFIDENCE XMIN YMIN XMAX YMAX."
# Half-open against inclusive: the last pixel belongs to the box.
_SHIFT = (0, 0, 1, 1)
# Corners beyond this, px, are infinite in float32.
_LARGEST = 1e38


def write_submission(path: Path, detections: Iterable[Detections], dataset: Dataset) -> int:
    """Write `detections`, taken one image at a time, to `path`; return how many there are.

    ValueError for an image that `dataset` does not list; errors of files.writing.
    """
    numbers = {image_id: number for number, image_id in enumerate(_listed(dataset), start=1)}
    count = 0
    with writing_text(path) as stream:
        for one in detections:
            if one.named_id not in numbers:
                raise ValueError(f"write_submission: {one.image_id} is not in the data set")
            stream.writelines(_lines(one, numbers[one.named_id], dataset))
            count += len(one)
    return count


def read_submission(path: Path, dataset: Dataset) -> Iterator[Detections]:
    """Yield the detections of every image of `dataset` in its order, each in the file's order.

    Those of images left out by --skip-bad are left out. DataError naming the first line that is
    no detection, or is of an image or class that `dataset` does not have.
    """
    values = _read(path, dataset)
    images = values[:, 0].astype(np.int64) - 1
    labels = _labels(values[:, 1], dataset)
    boxes = (values[:, 3:] + _SHIFT).astype(np.float32)
    listed = _listed(dataset)
    order = np.argsort(images, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(images, minlength=len(listed)))[:-1])
    rows = dict(zip(listed, parts, strict=True))
    for sample in dataset.samples:
        part = rows[sample.image_id]
        own = (boxes[part], labels[part], values[part, 2])
        yield Detections(sample.image_id, *own, dataset.classes)


def _listed(dataset: Dataset) -> tuple[str, ...]:
    """Return the ids of the split's list, whose places are the images' numbers."""
    return dataset.listed or tuple(sample.image_id for sample in dataset.samples)


def _lines(detections: Detections, number: int, dataset: Dataset) -> Iterator[str]:
    """Yield one line a detection, with numbers that read back equal."""
    boxes = detections.boxes.astype(np.float64) - _SHIFT
    columns = (detections.labels.tolist(), detections.scores.tolist(), boxes.tolist())
    for label, score, corners in zip(*columns, strict=True):
        numbers = " ".join(map(repr, (score, *corners)))
        yield f"{number} {dataset.category_ids[label]} {numbers}\n"


def _labels(classes: Doubles, dataset: Dataset) -> IntArray:
    """`classes` (N,) category ids -> labels (N,), -1 for one that `dataset` does not have."""
    ids = np.array(dataset.category_ids, np.float64)
    order = np.argsort(ids)
    places = order[np.searchsorted(ids, classes, sorter=order).clip(max=len(ids) - 1)]
    return np.where(ids[places] == classes, places, -1)


def _read(path: Path, dataset: Dataset) -> Doubles:
    """Return the lines as (N, 7), checked; DataError as `read_submission`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a file without any line
            values = np.loadtxt(path, np.float64, comments=None, ndmin=2, encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError:  # UnicodeDecodeError is one
        _explain(path, dataset)
    if not values.size:
        return np.zeros((0, 7))
    if values.shape[1] != 7 or not _right(values, dataset).all():
        _explain(path, dataset)
    return values


def _right(values: Doubles, dataset: Dataset) -> BoolArray:
    """`values` (N, 7) -> whether each is a detection of an image and a class of `dataset`."""
    images, corners = values[:, 0], values[:, 3:]
    right = _representable(values) & (images >= 1) & (images <= len(_listed(dataset)))
    right &= (images % 1 == 0) & (_labels(values[:, 1], dataset) >= 0)
    return np.asarray(right & ~_inside_out(corners))


def _representable(values: Doubles) -> BoolArray:
    """`values` (N, 7) -> whether each line's numbers are finite, its corners in float32 too."""
    small = (np.abs(values[:, 3:]) < _LARGEST).all(axis=1)
    return np.asarray(small & np.isfinite(values).all(axis=1))


def _inside_out(corners: Doubles) -> BoolArray:
    """`corners` (N, 4), inclusive -> whether a side is below 0 px."""
    return np.asarray((corners[:, 2:] + 1 < corners[:, :2]).any(axis=1))


def _explain(path: Path, dataset: Dataset) -> NoReturn:
    """Raise the DataError of the first line that is wrong."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            problem = _problem(line, dataset) if line.strip() else ""
            if problem:
                raise DataError(f"{path}, line {number}: {problem}")
    raise DataError(f"{path}: not a submission. {_EXPECTED}")


def _problem(line: str, dataset: Dataset) -> str:
    """Return what is wrong with one line, empty if nothing is."""
    try:
        values = np.array([[float(word) for word in line.split()]])
    except ValueError:
        return f"got {line.strip()!r:.80}. {_EXPECTED}"
    if values.shape[1] != 7 or not _representable(values).all():
        return f"got {line.strip()!r:.80}. {_EXPECTED}"
    image, category = line.split()[:2]
    count = len(_listed(dataset))
    if not 1 <= values[0, 0] <= count or values[0, 0] % 1:
        return (
            f"there is no image {image} in split {dataset.split!r} of {dataset.root}, which has 1 "
            f"to {count}. Give the {option('split')} the detections were made for."
        )
    if _labels(values[:, 1], dataset)[0] < 0:
        known = ", ".join(map(str, dataset.category_ids[:10]))
        more = ", ..." if len(dataset.category_ids) > 10 else ""
        return f"there is no class {category} in {dataset.root}, which has {known}{more}."
    if _inside_out(values[:, 3:])[0]:
        return f"the box has a negative width or height: {' '.join(line.split()[3:])}."
    return ""
