"""Detections as a COCO results file: [{"image_id", "category_id", "bbox" xywh, "score"}, ...].

Written image by image, so that memory does not grow with their number, and without rounding:
what is read is what was written. Any finite box with width and height >= 0 is valid.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np

from detect.data.image_files import meant_id
from detect.data.truth import are_fractions
from detect.errors import DataError, unreadable
from detect.files import writing_text
from detect.storage.archive import Columns, Doubles, archive_columns, is_archive
from detect.storage.json_entries import NotAListError, read_entries
from detect.structures import Dataset, Detections
from detect.together import settle

_EXPECTED = (
    'Expected COCO results: [{"image_id": ..., "category_id": ..., '
    '"bbox": [x, y, width, height], "score": ...}, ...].'
)
_ENTRIES_AT_ONCE = 2_000
_NUMBERS = {int, float}
# Corners beyond this, px, are infinite in float32.
_LARGEST = 1e38
# Boxes that are told to be fractions: a few within one pixel may be what somebody means.
_ENOUGH = 10


class DetectionWriter:
    """Appends the detections of one image after another to an open file."""

    def __init__(self, stream: TextIO, dataset: Dataset) -> None:
        self._stream, self._dataset = stream, dataset
        self._separator = "\n"

    def write(self, detections: Detections) -> None:
        """Append `detections`; ValueError on a label the data set has no class for."""
        for line in self._lines(detections):
            self._stream.write(self._separator + line)
            self._separator = ",\n"

    def _lines(self, detections: Detections) -> Iterator[str]:
        """Yield one JSON object a detection; json writes floats so that they read back equal."""
        name = detections.named_id
        image_id = int(name) if self._dataset.integer_ids else name
        for entry in detections.to_coco(image_id, self._dataset.category_ids):
            yield json.dumps(entry, ensure_ascii=False)


@contextmanager
def writing_detections(path: Path, dataset: Dataset) -> Iterator[DetectionWriter]:
    """Yield a writer; the file appears at `path` only when all went well (files.writing)."""
    with writing_text(path) as stream:
        stream.write("[")
        yield DetectionWriter(stream, dataset)
        stream.write("\n]\n")


def write_detections(path: Path, detections: Iterable[Detections], dataset: Dataset) -> None:
    """Write `detections`, taken one image at a time, to `path`."""
    with writing_detections(path, dataset) as writer:
        for one in detections:
            writer.write(one)


def read_detections(path: Path, dataset: Dataset) -> dict[str, Detections]:
    """Return the detections of every image of `dataset` by id, each in the order of the file.

    Raises DataError as `read_columns`.
    """
    images, labels, boxes, scores = read_columns(path, dataset)
    order = np.argsort(images, kind="stable")
    ends = np.cumsum(np.bincount(images, minlength=len(dataset)))
    parts = np.split(order, ends[:-1]) if len(dataset) else []
    return {
        sample.image_id: Detections(
            sample.image_id,
            boxes[part].astype(np.float32),
            labels[part],
            scores[part],
            dataset.classes,
        )
        for sample, part in zip(dataset.samples, parts, strict=True)
    }


def read_columns(path: Path, dataset: Dataset) -> Columns:
    """Return all detections of the file as flat arrays in its order, boxes in double precision.

    A folder is what `detect archive` wrote (storage/archive.py). Those of images left out by
    --skip-bad are left out as well. Raises DataError naming the first entry that is broken, of an
    image or category that is not in `dataset`, or whose numbers are not finite or give a negative
    width or height.
    """
    if is_archive(path):
        return archive_columns(path, dataset)
    images, categories = _images(dataset), _categories(dataset)
    parts = [_columns([], images, categories)]
    entries = _entries(path)
    done = 0
    while part := list(islice(entries, _ENTRIES_AT_ONCE)):
        try:
            parts.append(_columns(part, images, categories))
        except (LookupError, TypeError, ValueError, OverflowError):
            deque(entries, maxlen=0)  # text that is no JSON further down is the first thing to say
            _explain(path, dataset, part, done)
        done += len(part)
    places, labels, boxes, scores = map(np.concatenate, zip(*parts, strict=True))
    del parts
    _check(path, boxes, scores)
    boxes[:, 2:] += boxes[:, :2]
    kept = places >= 0
    return places[kept], labels[kept], boxes[kept], scores[kept]


def _entries(path: Path) -> Iterator[Any]:
    settle(path.parent)
    try:
        yield from read_entries(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON: {error}. {_EXPECTED}") from error
    except NotAListError as error:
        kind = "an object" if isinstance(error.content, dict) else error
        raise DataError(f"{path}: got {kind} at the top of the file. {_EXPECTED}") from error


def _columns(
    entries: Sequence[Any], images: Mapping[int | str, int], categories: Mapping[int, int]
) -> Columns:
    """Return `entries` as flat arrays, boxes as xywh; an error unless each is as it must be."""
    return (
        np.array([images[entry["image_id"]] for entry in entries], np.int64),
        np.array([categories[entry["category_id"]] for entry in entries], np.int64),
        _boxes([entry["bbox"] for entry in entries]),
        _numbers([entry["score"] for entry in entries]),
    )


def _images(dataset: Dataset) -> dict[int | str, int]:
    """Return image id -> place in `dataset.samples`; -1 for a listed image that was left out."""
    found: dict[int | str, int] = {name: -1 for name in dataset.listed}
    found |= {sample.image_id: place for place, sample in enumerate(dataset.samples)}
    if dataset.integer_ids:
        found |= {int(name): place for name, place in found.items()}
    return found


def _categories(dataset: Dataset) -> dict[int, int]:
    """Return category id -> label."""
    return {category: label for label, category in enumerate(dataset.category_ids)}


def _boxes(rows: Sequence[Any]) -> Doubles:
    """Return boxes_xywh (N, 4); TypeError or ValueError unless each is four numbers."""
    if set(map(type, rows)) - {list} or set(map(len, rows)) - {4}:
        raise ValueError("bbox")
    return _numbers(list(chain.from_iterable(rows))).reshape(-1, 4)


def _numbers(values: list[Any]) -> Doubles:
    """Return `values` as (N,); ValueError if one is not a JSON number."""
    if set(map(type, values)) - _NUMBERS:
        raise ValueError("not a number")
    return np.array(values, np.float64)


def _explain(path: Path, dataset: Dataset, entries: list[Any], before: int) -> NoReturn:
    """Raise the DataError of the first broken entry; there are so many `before` these."""
    images, categories = _images(dataset), _categories(dataset)
    for number, entry in enumerate(entries, before):
        problem = _problem(entry, dataset, images, categories)
        if problem:
            raise DataError(f"{path}: entry {number} (from 0) {problem}")
    raise DataError(f"{path}: a number is too large. {_EXPECTED}")


def _problem(
    entry: Any, dataset: Dataset, images: dict[int | str, int], categories: dict[int, int]
) -> str:
    """Return what is wrong with one entry, empty if nothing is."""
    if not isinstance(entry, dict):
        return f"is {entry!r:.60}. {_EXPECTED}"
    missing = [key for key in ("image_id", "category_id", "bbox", "score") if key not in entry]
    if missing:
        return f"has no {missing[0]!r}. {_EXPECTED}"
    image, category = entry["image_id"], entry["category_id"]
    if not isinstance(image, (int, str)) or image not in images:
        names = [name for name in images if isinstance(name, str)]
        meant = meant_id(image, names)
        return (
            f"is of image {image!r}, which is not in split {dataset.split!r} of {dataset.root} "
            f"({len(dataset)} images). "
        ) + (
            f"Ids there are as {json.dumps(meant, ensure_ascii=False)}: write that for it."
            if meant
            else "Use the split the detections were made for."
        )
    if not isinstance(category, int) or category not in categories:
        known = ", ".join(map(str, dataset.category_ids[:10]))
        more = ", ..." if len(dataset.category_ids) > 10 else ""
        return f"has the unknown category_id {category!r}. {dataset.root} has {known}{more}."
    try:
        _boxes([entry["bbox"]])
        _numbers([entry["score"]])
    except (ValueError, TypeError, OverflowError):
        return f"has bbox {entry['bbox']!r:.80} and score {entry['score']!r:.40}. {_EXPECTED}"
    return ""


def _check(path: Path, boxes_xywh: Doubles, scores: Doubles) -> None:
    """Raise DataError on a number that is not finite or a negative width or height.

    And where all of _ENOUGH boxes or more lie within one pixel: fractions, that would be scored
    as 0.
    """
    representable = (np.abs(boxes_xywh) < _LARGEST).all(axis=1) & np.isfinite(scores)
    bad = ~representable | (boxes_xywh[:, 2:] < 0).any(axis=1)
    for number in np.flatnonzero(bad)[:1].tolist():
        bbox, score = boxes_xywh[number].tolist(), scores[number].item()
        raise DataError(
            f"{path}: entry {number} (from 0) has bbox {bbox} and score {score}. Expected finite "
            "numbers, width and height not negative."
        )
    if len(boxes_xywh) >= _ENOUGH and are_fractions(boxes_xywh):
        raise DataError(
            f"{path}: all numbers of all boxes are from 0 to 1: fractions of the image's sides, it "
            "seems; expected pixels. Multiply x and width by the image's width, y and height by "
            "its height."
        )
