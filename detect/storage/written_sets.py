"""Data sets written for other programs: COCO, VOC and YOLO, one split, its images copied.

Numbers are not rounded. A crowd region has no place in VOC and YOLO, a difficult object none in
YOLO: they are left out and counted.
"""

import json
import os.path
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from detect.data import image_size
from detect.errors import DataError, option
from detect.files import write_bytes, write_json, write_text
from detect.images import EXTENSIONS
from detect.reading import RECORDS_BYTES, read_bytes, read_text
from detect.storage.written_beside import (
    CocoBeside,
    VocBeside,
    check_place,
    check_yolo_images,
    same_classes,
    yolo_splits,
)
from detect.storage.written_names import names_of
from detect.storage.written_xml import check_names, xml_objects, xml_of
from detect.structures import Annotations, Dataset, Sample

# Writes a split into a folder, which will be at a place where others may be; returns how many
# objects there are and how many were left out.
Write = Callable[[Path, Dataset, Iterable[Sample], Path], tuple[int, int]]


def write_coco_set(
    folder: Path, dataset: Dataset, samples: Iterable[Sample], place: Path
) -> tuple[int, int]:
    """Write `images/` and `annotations/instances_SPLIT.json`; ids of images are numbers."""
    check_place(place, "coco", dataset.split)
    names = names_of(dataset, CocoBeside(place, dataset.split).fits)
    images, annotations = [], list[dict[str, Any]]()
    for number, sample in enumerate(samples, 1):
        height, width = image_size(sample)
        image_id = int(sample.image_id) if dataset.integer_ids else number
        file_name = names[sample.image_id] + sample.path.suffix
        _copy(sample, folder / "images" / file_name)
        images.append({"id": image_id, "file_name": file_name, "height": height, "width": width})
        for one in coco_objects(sample.annotations, dataset):
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, **one})
    categories = [
        {"id": category, "name": name}
        for category, name in zip(dataset.category_ids, dataset.classes, strict=True)
    ]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_json(folder / f"annotations/instances_{dataset.split}.json", content)
    return len(annotations), 0


def write_voc_set(
    folder: Path, dataset: Dataset, samples: Iterable[Sample], place: Path
) -> tuple[int, int]:
    """Write `JPEGImages/`, `Annotations/`, `ImageSets/Main/SPLIT.txt` and `classes.txt`."""
    check_place(place, "voc", dataset.split)
    check_names(dataset)
    _check_classes(place / "classes.txt", dataset)
    beside = VocBeside(place, dataset.split)
    objects = {one.image_id: [*xml_objects(one, dataset)] for one in dataset.samples}
    # With classes.txt beside it, a folder that has labels/ and images/ is YOLO's.
    names = names_of(
        dataset, lambda one, name: beside.fits(one, name, objects[one.image_id]), ("labels",)
    )
    ids, written, left_out = list[str](), 0, 0
    for sample in samples:
        name, kept = names[sample.image_id], objects[sample.image_id]
        path = folder / f"JPEGImages/{name}{_ending(sample)}"
        _copy(sample, path)
        if not beside.has(name):
            write_text(folder / f"Annotations/{name}.xml", xml_of(sample, path.name, kept))
        ids.append(name)
        written, left_out = written + len(kept), left_out + len(sample.annotations) - len(kept)
    write_text(folder / f"ImageSets/Main/{dataset.split}.txt", _lines(ids))
    write_text(folder / "classes.txt", _lines(dataset.classes))
    return written, left_out


def write_yolo_set(
    folder: Path, dataset: Dataset, samples: Iterable[Sample], place: Path
) -> tuple[int, int]:
    """Write `images/SPLIT/`, `labels/SPLIT/` and `data.yaml`, which keeps the splits at `place`."""
    split = dataset.split
    check_place(place, "yolo", split)
    splits, written, left_out = yolo_splits(place, dataset), 0, 0
    # Every split has a folder of its own; YOLO takes the last images/ of a path for labels/.
    names = names_of(dataset, lambda _, name: True, ("images",))
    files = {f"{names[one.image_id]}{_ending(one)}" for one in dataset.samples}
    check_yolo_images(place, split, split in splits, files)
    for sample in samples:
        found, name = sample.annotations, names[sample.image_id]
        kept = ~(found.crowd | found.difficult)
        _copy(sample, folder / f"images/{split}/{name}{_ending(sample)}")
        lines = _yolo_lines(sample, kept.nonzero()[0])
        write_text(folder / f"labels/{split}/{name}.txt", _lines(lines))
        written, left_out = written + int(kept.sum()), left_out + int((~kept).sum())
    splits[split] = f"images/{split}"
    entries = [f"{_quoted(key)}: {_quoted(path)}" for key, path in sorted(splits.items())]
    classes = [f"  {place}: {_quoted(name)}" for place, name in enumerate(dataset.classes)]
    write_text(folder / "data.yaml", _lines([*entries, "names:", *classes]))
    return written, left_out


WRITERS: dict[str, Write] = {"coco": write_coco_set, "voc": write_voc_set, "yolo": write_yolo_set}


def _ending(sample: Sample) -> str:
    """Return the ending of an image's file; DataError for one by which readers know no image."""
    ending = sample.path.suffix
    if ending.lower() not in EXTENSIONS:
        raise DataError(
            f"{sample.path}: the name of an image has no image's ending here, as .jpg, which "
            f"{option('to', 'voc')} and yolo need. Rename it, or choose {option('to', 'coco')}."
        )
    return ending


def _copy(sample: Sample, path: Path) -> None:
    """Copy an image; DataError where another's is there (names that differ in their case)."""
    if os.path.exists(path):
        raise DataError(
            f"{sample.path}: this disk does not tell its name, {path.name}, from that of another "
            f"image. Rename one, or choose {option('out')} on another disk."
        )
    write_bytes(path, read_bytes(sample.path, "an image", RECORDS_BYTES))


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def coco_objects(found: Annotations, dataset: Dataset) -> Iterator[dict[str, Any]]:
    """Yield every object as a COCO annotation, without the ids of itself and its image."""
    for place, (x1, y1, x2, y2) in enumerate(found.boxes.astype(np.float64).tolist()):
        difficult = {"difficult": 1} if found.difficult[place] else {}
        yield {
            "category_id": dataset.category_ids[int(found.labels[place])],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": float(found.areas[place]),
            "iscrowd": int(found.crowd[place]),
            **difficult,
        }


def _yolo_lines(sample: Sample, kept: np.ndarray[Any, Any]) -> Iterator[str]:
    height, width = image_size(sample)
    for place in kept.tolist():
        x1, y1, x2, y2 = sample.annotations.boxes[place].astype(np.float64).tolist()
        values = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width)
        numbers = " ".join(map(repr, (*values, (y2 - y1) / height)))
        yield f"{int(sample.annotations.labels[place])} {numbers}"


def _quoted(name: str) -> str:
    """Return `name` as YAML: JSON's texts are YAML as well."""
    return json.dumps(name, ensure_ascii=False)


def _check_classes(path: Path, dataset: Dataset) -> None:
    if path.is_file():
        text = read_text(path, "names")
        same_classes(tuple(filter(None, map(str.strip, text.splitlines()))), dataset, path)
