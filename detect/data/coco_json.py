"""The text of a COCO instances file, checked: https://cocodataset.org/#format-data."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.data.split import Skipping, unique_names
from detect.errors import DataError, option
from detect.reading import NAME_BYTES, RECORDS_BYTES, is_path, parse_records, read_text, shown

Record = dict[str, Any]

_WHAT, _REMEDY = "COCO instances", "Get the file again."


@dataclass(frozen=True)
class CocoJson:
    """One file: image records by id (as str, in file order), their annotations, the categories.

    `faults` has the images that cannot be used for an annotation's id, and what is wrong with it.
    """

    path: Path
    images: dict[str, Record]
    annotations: dict[str, list[Record]]
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    integer_ids: bool
    faults: dict[str, str]


def parse(path: Path, skipping: Skipping) -> CocoJson:
    """Read `path`; DataError for text, records or ids that are wrong, whatever --skip-bad says.

    Refused: two images of one id, a category twice. `skipping` takes annotations of an image the
    file does not hold, and those without an id of their own: their images are in `faults`.
    """
    content = _load(path)
    records = {key: _records(content, key, path) for key in ("images", "annotations", "categories")}
    records["categories"] = _without_dummy(records["categories"], records["annotations"])
    category_ids = tuple(_category_id(record, path) for record in records["categories"])
    if len(set(category_ids)) < len(category_ids):
        raise DataError(f"{path}: two categories share an id; category ids must differ.")
    names = unique_names((str(record.get("name", "")) for record in records["categories"]), path)
    images = _images(records["images"], path)
    integer_ids = all(isinstance(record["id"], int) for record in records["images"])
    grouped = _grouped(records["annotations"], images, path, skipping)
    faults = _faults(records["annotations"], path)
    if faults and not skipping.enabled:
        raise DataError(next(iter(faults.values())))
    return CocoJson(path, images, grouped, names, category_ids, integer_ids, faults)


def number(
    record: Record, key: str, record_name: str, path: Path, default: float | None = None
) -> float:
    """Return the finite number under `key` of `record_name`; DataError for anything else.

    `default` where the key is missing or null.
    """
    value: Any = record.get(key)
    value = default if value is None else value
    if not is_number(value):
        raise DataError(f"{path}: {record_name}: {key} must be a finite number, got {value!r}.")
    return float(value)


def is_number(value: Any) -> bool:
    """Tell whether `value` is a finite JSON number (true and false are none)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else is_id(value)


def is_id(value: Any) -> bool:
    """Tell whether `value` is a whole JSON number that fits 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _load(path: Path) -> Record:
    text = read_text(path, _WHAT, RECORDS_BYTES, _REMEDY)
    content = parse_records(text, path, _WHAT, _REMEDY)
    if not isinstance(content, dict):
        raise DataError(
            f"{path}: expected a COCO object with images, annotations and categories, "
            f"got a {type(content).__name__}."
        )
    return content


def _records(content: Record, key: str, path: Path) -> list[Record]:
    records = content.get(key)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DataError(f"{path}: expected a list of objects under {key!r} (COCO instances).")
    return records


def _without_dummy(categories: list[Record], annotations: list[Record]) -> list[Record]:
    """Return `categories` without the one that Roboflow puts before those of a project.

    It has the id 0, the supercategory "none", the name of all others' supercategory, no objects.
    """
    first, others = categories[:1], categories[1:]
    if not others or first[0].get("id") != 0 or first[0].get("supercategory") != "none":
        return categories
    named = {str(one.get("supercategory")) for one in others} == {str(first[0].get("name"))}
    used = any(one.get("category_id") == 0 for one in annotations)
    return others if named and not used else categories


def _category_id(record: Record, path: Path) -> int:
    value: Any = record.get("id")
    if not is_id(value):
        raise DataError(f"{path}: a category's id must be a whole number, got {value!r}.")
    return int(value)


def _images(records: list[Record], path: Path) -> dict[str, Record]:
    """Return the image records by id as str; all ids whole numbers, or all strings."""
    if not records:
        raise DataError(f"{path}: the split is empty; expected records under 'images'.")
    kinds = {type(record.get("id")) for record in records}
    if kinds != {int} and kinds != {str}:
        got = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(
            f"{path}: image ids must be whole numbers or all strings, got {got}. Number "
            "the images anew, and image_id of their annotations alike."
        )
    images: dict[str, Record] = {}
    for record in records:
        image_id = _image_id(record["id"], path)
        if image_id in images:
            files = (images[image_id].get("file_name"), record.get("file_name"))
            raise DataError(
                f"{path}: two images have the id {image_id}, {files[0]} and {files[1]}. "
                "Give every image its own."
            )
        images[image_id] = record
    return images


def _image_id(value: int | str, path: Path) -> str:
    """Return an image's id as text; DataError for one beyond 64 bits, or that is no path."""
    if is_id(value) or is_path(value):
        return str(value)
    raise DataError(
        f"{path}: {shown(value)} can be no image's id: expected a number of up to 64 bits, or "
        f"parts between slashes of 1 to {NAME_BYTES} bytes."
    )


def _grouped(
    records: list[Record], images: dict[str, Record], path: Path, skipping: Skipping
) -> dict[str, list[Record]]:
    """Return the annotations by image id, in file order."""
    grouped: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        image_id = _image_of(record)
        with skipping.guard():
            if image_id not in images:
                raise DataError(
                    f"{path}: annotation {shown(record.get('id'))} is of image {image_id}, which "
                    "is not among the file's images."
                )
            grouped[image_id].append(record)
    return grouped


def _image_of(record: Record) -> str:
    """Return the id of an annotation's image as text."""
    value: Any = record.get("image_id")
    return str(value) if isinstance(value, str) or is_id(value) else shown(value)


def _faults(records: list[Record], path: Path) -> dict[str, str]:
    """Return image id -> what is wrong, for annotations without a whole number of their own as id.

    COCO's evaluation finds objects by it: what has none, or another's, would be scored wrongly.
    """
    counts = Counter(record["id"] for record in records if is_id(record.get("id")))
    bad = [record for record in records if counts.get(_number_of(record), 0) != 1]
    remedy = (
        f"{len(bad)} of {len(records)} annotations have none. Number them from 1 (for n, a in "
        'enumerate(content["annotations"], 1): a["id"] = n), or leave their images out with '
        f"{option('skip_bad')}."
    )
    faults: dict[str, str] = {}
    for record in bad:
        got = shown(record.get("id")) + " twice" * (counts.get(_number_of(record), 0) > 1)
        faults.setdefault(
            _image_of(record),
            f"{path}: an annotation of image {_image_of(record)} has the id {got}; expected a "
            f"whole number that no other has. {remedy}",
        )
    return faults


def _number_of(record: Record) -> int | None:
    """Return the id of an annotation if it is a whole number."""
    value: Any = record.get("id")
    return value if is_id(value) else None
