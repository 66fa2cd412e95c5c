"""Proposals of other programs, and ours for them: COCO results JSON and NumPy's npz.

COCO: a list of {"image_id", "category_id", "bbox" xywh, "score"}; boxes there are 0-based and
real-valued, as ours. npz: an array an image, named by its id, (N, 4) best first or (N, 5) with
the score last.
"""

import json
import zipfile
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.boxes import xywh_to_xyxy
from detect.errors import DataError, option, unreadable
from detect.files import writing, writing_text
from detect.reading import NAME_BYTES, is_name, shown
from detect.storage.json_entries import NotAListError, read_entries
from detect.storage.npz import read_arrays
from detect.structures import IntArray, Proposals, Size

Boxes = NDArray[np.float64]
DEFAULT_SOURCE = "imported"
_LARGEST = 1e38  # beyond it float32 has no number


def _voc(boxes: Boxes) -> Boxes:
    return boxes - [1, 1, 0, 0]


# How four numbers of an npz stand for a box -> xyxy half-open from 0. "voc" is VOC's 1-based
# inclusive pixels; "rcnn" those of R-CNN's Selective Search files, y first.
COORDINATES: dict[str, Callable[[Boxes], Boxes]] = {
    "xyxy": lambda boxes: boxes,
    "xywh": lambda boxes: np.asarray(xywh_to_xyxy(boxes), np.float64),
    "voc": _voc,
    "rcnn": lambda boxes: _voc(boxes[:, [1, 0, 3, 2]]),
}


@dataclass(frozen=True, eq=False)
class External:
    """Boxes of one image as another program gave them: xyxy (N, 4), scores, sources (N,)."""

    boxes: Boxes
    scores: NDArray[np.float64]
    sources: NDArray[np.str_]


EMPTY = External(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.str_))


class CocoBoxes(Mapping[str, External]):
    """The boxes of many images by id, 56 bytes a box: an image's are put together when asked for.

    Iterates over the ids in the order in which the file names them first.
    """

    def __init__(self) -> None:
        self._images: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._numbers = array("d")  # x1, y1, x2, y2, score of every box
        self._places = array("q")  # of every box: its image's
        self._sources = array("i")  # and its source's
        self._order: tuple[IntArray, IntArray] | None = None

    def add(self, image_id: str, numbers: tuple[float, ...], source: str) -> None:
        """Append a box, x1, y1, x2, y2, score."""
        self._numbers.extend(numbers)
        self._places.append(self._images.setdefault(image_id, len(self._images)))
        self._sources.append(self._names.setdefault(source, len(self._names)))
        self._order = None

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __getitem__(self, image_id: str) -> External:
        place = self._images[image_id]
        order, ends = self._order = self._order or self._by_image()
        rows = order[ends[place] : ends[place + 1]]
        numbers = np.frombuffer(self._numbers).reshape(-1, 5)[rows]
        sources = np.array(list(self._names))[np.frombuffer(self._sources, np.intc)[rows]]
        return External(numbers[:, :4], numbers[:, 4], sources)

    def _by_image(self) -> tuple[IntArray, IntArray]:
        """Return the boxes ordered by image, and where each image's begin and end."""
        places = np.frombuffer(self._places, np.int64)
        ends = np.cumsum(np.bincount(places, minlength=len(self)))
        return np.argsort(places, kind="stable"), np.append(0, ends)


def read_coco(path: Path, source: str | None = None) -> CocoBoxes:
    """Read COCO results; DataError for anything that is not such a list.

    `source` names where the boxes come from; None keeps each entry's own "source", if any.
    """
    found = CocoBoxes()
    entries = _entries(path)
    try:
        for number, entry in enumerate(entries):
            found.add(*_row(entry, f"{path}: entry {number}", source))
    except DataError:
        deque(entries, maxlen=0)  # text that is no JSON further down is the first thing to say
        raise
    return found


def read_npz(
    path: Path, source: str = DEFAULT_SOURCE, coordinates: str = "xyxy"
) -> Iterator[tuple[str, External]]:
    """Yield image id and boxes, an array at a time; DataError for a file or array that is none.

    `coordinates` is a name in COORDINATES; without scores the order is the ranking.
    """
    for image_id, values in read_arrays(path):
        yield image_id, _from_array(values, f"{path}: image {image_id}", source, coordinates)


def to_proposals(image_id: str, size: Size, external: External) -> tuple[Proposals, int]:
    """Cut the boxes to the image and order them by score; also tell how many had no area left."""
    limits = [size[1], size[0], size[1], size[0]]
    boxes = np.clip(external.boxes, 0, limits).astype(np.float32)
    has_area = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    order = np.argsort(-external.scores, kind="stable")
    kept = order[has_area[order]]
    scores = external.scores[kept].astype(np.float32)
    proposals = Proposals(image_id, size, boxes[kept], scores, external.sources[kept])
    return proposals, len(boxes) - len(kept)


def are_numbers(image_ids: Iterable[str]) -> bool:
    """Tell whether all ids are whole numbers as COCO writes them ("7", not "007")."""
    return all(name.isdecimal() and str(int(name)) == name for name in image_ids)


def write_coco(path: Path, proposals: Iterable[Proposals], *, integer_ids: bool) -> None:
    """Write COCO results to `path`, an image at a time; category_id is 1, there are no classes.

    `integer_ids` writes image ids as JSON numbers, as COCO's annotations do.
    """
    with writing_text(path) as file:
        separator = "["
        for one in proposals:
            image_id = int(one.image_id) if integer_ids else one.image_id
            for entry in _coco_entries(one, image_id):
                file.write(f"{separator}\n{json.dumps(entry, ensure_ascii=False)}")
                separator = ","
        file.write("[]\n" if separator == "[" else "\n]\n")


def write_npz(path: Path, proposals: Iterable[Proposals]) -> None:
    """Write an array (N, 5) float32 an image, xyxy and score; the sources are lost."""
    with writing(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for one in proposals:
            columns = np.column_stack([one.boxes, one.scores]).astype(np.float32)
            # A fixed date (ZipInfo's 1980), so that the same proposals give the same bytes.
            with archive.open(zipfile.ZipInfo(f"{one.image_id}.npy"), "w") as member:
                np.lib.format.write_array(member, columns, allow_pickle=False)


def _entries(path: Path) -> Iterator[Any]:
    try:
        yield from read_entries(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise DataError(f"{path}: not a readable JSON file ({error}).") from error
    except NotAListError as error:
        expected = "COCO results, a list of objects with image_id, bbox and score"
        raise DataError(f"{path}: expected {expected}, got {error}.") from error


def _row(entry: Any, where: str, source: str | None) -> tuple[str, tuple[float, ...], str]:
    """Return image id, (x1, y1, x2, y2, score) and source of one entry, checked."""
    missing = [
        key
        for key in ("image_id", "bbox", "score")
        if not isinstance(entry, Mapping) or key not in entry
    ]
    if missing:
        raise DataError(f"{where} has no {missing[0]}; expected image_id, bbox and score.")
    box = entry["bbox"]
    values = [*box, entry["score"]] if isinstance(box, list) else []
    if len(values) != 5 or not all(_is_finite(value) for value in values):
        raise DataError(
            f"{where} (image {entry['image_id']}): expected bbox [x, y, width, height] and score, "
            f"finite numbers, got {box} and {entry['score']}."
        )
    x, y, width, height, score = map(float, values)
    if width < 0 or height < 0:
        raise DataError(f"{where} (image {entry['image_id']}): negative width or height: {box}.")
    name = source or entry.get("source", DEFAULT_SOURCE)
    if not is_name(name):
        raise DataError(
            f"{where} (image {shown(entry['image_id'])}): expected a source of 1 to {NAME_BYTES} "
            f"bytes, got {shown(name)}."
        )
    return str(entry["image_id"]), (x, y, x + width, y + height, score), name


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST


def _from_array(array: NDArray[Any], where: str, source: str, coordinates: str) -> External:
    if array.ndim != 2 or array.shape[1] not in (4, 5) or array.dtype.kind not in "iuf":
        raise DataError(
            f"{where}: expected numbers of shape (N, 4) or (N, 5), got {array.dtype} {array.shape}."
        )
    values = array.astype(np.float64)
    finite = np.abs(values) <= _LARGEST
    if not finite.all():
        raise DataError(f"{where}: box {_first(~finite)} is not finite: {values[_first(~finite)]}.")
    boxes = COORDINATES[coordinates](values[:, :4])
    inside_out = boxes[:, 2:] < boxes[:, :2]
    if inside_out.any():
        raise DataError(
            f"{where}: box {_first(inside_out)} is inside out when read as {coordinates}. "
            f"Other {option('coordinates')}: {', '.join(COORDINATES)}."
        )
    count = len(values)
    scores = values[:, 4] if values.shape[1] == 5 else 1 - np.arange(count) / max(count, 1)
    return External(boxes, scores, np.full(count, source))


def _first(bad: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(bad.any(axis=1))[0])


def _coco_entries(one: Proposals, image_id: str | int) -> Iterator[dict[str, Any]]:
    boxes = one.boxes.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    for box, score, source in zip(boxes.tolist(), one.scores.tolist(), one.sources, strict=True):
        yield {
            "image_id": image_id,
            "category_id": 1,
            "bbox": box,
            "score": score,
            "source": str(source),
        }
