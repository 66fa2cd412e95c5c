"""Data sets written for other programs: COCO, VOC and YOLO, one split, its images copied.

Numbers are not rounded. A crowd region has no place in VOC and YOLO, a difficult object none in
YOLO: they are left out and counted.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from detect.data import image_size
from detect.data.yolo_places import find_places
from detect.errors import DataError, option
from detect.files import write_bytes, write_json, write_text
from detect.reading import RECORDS_BYTES, read_bytes, read_text
from detect.structures import Annotations, Dataset, Sample

# Writes a split into a folder, which will be at a place where others may be; returns how many
# objects there are and how many were left out.
Write = Callable[[Path, Dataset, Iterable[Sample], Path], tuple[int, int]]


def write_coco_set(
    folder: Path, dataset: Dataset, samples: Iterable[Sample], place: Path
) -> tuple[int, int]:
    """Write `images/` and `annotations/instances_SPLIT.json`; ids of images are numbers."""
    names, images, annotations = _names(dataset), [], list[dict[str, Any]]()
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
    _check_classes(place / "classes.txt", dataset)
    names, ids, written, left_out = _names(dataset), list[str](), 0, 0
    for sample in samples:
        name, kept = names[sample.image_id], ~sample.annotations.crowd
        _copy(sample, folder / "JPEGImages" / f"{name}{sample.path.suffix}")
        write_text(folder / "Annotations" / f"{name}.xml", _xml(sample, dataset, kept.nonzero()[0]))
        ids.append(name)
        written, left_out = written + int(kept.sum()), left_out + int((~kept).sum())
    write_text(folder / f"ImageSets/Main/{dataset.split}.txt", _lines(ids))
    write_text(folder / "classes.txt", _lines(dataset.classes))
    return written, left_out


def write_yolo_set(
    folder: Path, dataset: Dataset, samples: Iterable[Sample], place: Path
) -> tuple[int, int]:
    """Write `images/SPLIT/`, `labels/SPLIT/` and `data.yaml`, which keeps the splits at `place`."""
    splits = _yolo_splits(place, dataset) | {dataset.split: f"images/{dataset.split}"}
    names, written, left_out = _names(dataset), 0, 0
    for sample in samples:
        found, name = sample.annotations, names[sample.image_id]
        kept = ~(found.crowd | found.difficult)
        _copy(sample, folder / f"images/{dataset.split}/{name}{sample.path.suffix}")
        lines = _yolo_lines(sample, kept.nonzero()[0])
        write_text(folder / f"labels/{dataset.split}/{name}.txt", _lines(lines))
        written, left_out = written + int(kept.sum()), left_out + int((~kept).sum())
    entries = [f"{_quoted(split)}: {_quoted(path)}" for split, path in sorted(splits.items())]
    classes = [f"  {place}: {_quoted(name)}" for place, name in enumerate(dataset.classes)]
    write_text(folder / "data.yaml", _lines([*entries, "names:", *classes]))
    return written, left_out


WRITERS: dict[str, Write] = {"coco": write_coco_set, "voc": write_voc_set, "yolo": write_yolo_set}


def _names(dataset: Dataset) -> dict[str, str]:
    """Return what each image is called, a path without ending: its id, or its file's name.

    An id that is a number (COCO) names no file.
    """
    if not dataset.integer_ids:
        return {sample.image_id: sample.image_id for sample in dataset.samples}
    counts = Counter(sample.path.stem for sample in dataset.samples)
    return {
        sample.image_id: sample.path.stem if counts[sample.path.stem] == 1 else sample.image_id
        for sample in dataset.samples
    }


def _copy(sample: Sample, path: Path) -> None:
    write_bytes(path, read_bytes(sample.path, "an image", RECORDS_BYTES))


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _number(value: np.floating[Any]) -> str:
    """Return the shortest text that reads back as `value`, a whole number without a point."""
    return f"{int(value)}" if value == int(value) else repr(float(str(value)))


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


def _xml(sample: Sample, dataset: Dataset, kept: np.ndarray[Any, Any]) -> str:
    """Return VOC's XML: corners are 1-based and inclusive."""
    height, width = image_size(sample)
    lines = [
        "<annotation>",
        f"  <filename>{escape(sample.path.name)}</filename>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
    ]
    for place in kept.tolist():
        corners = sample.annotations.boxes[place] + np.array([1, 1, 0, 0], np.float32)
        tags = zip(("xmin", "ymin", "xmax", "ymax"), map(_number, corners), strict=True)
        box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
        name = escape(dataset.classes[int(sample.annotations.labels[place])])
        difficult = int(sample.annotations.difficult[place])
        lines.append(
            f"  <object><name>{name}</name><difficult>{difficult}</difficult>"
            f"<bndbox>{box}</bndbox></object>"
        )
    return _lines([*lines, "</annotation>"])


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


def _yolo_splits(place: Path, dataset: Dataset) -> dict[str, str]:
    """Return the splits that `place` has already; DataError where its classes are others."""
    there = find_places(place) if (place / "data.yaml").is_file() else None
    if there is None:
        return {}
    _same_classes(there.classes, dataset, place / "data.yaml")
    return {name: f"images/{name}" for name in there.splits if (place / f"images/{name}").is_dir()}


def _check_classes(path: Path, dataset: Dataset) -> None:
    if path.is_file():
        text = read_text(path, "names")
        _same_classes(tuple(filter(None, map(str.strip, text.splitlines()))), dataset, path)


def _same_classes(there: tuple[str, ...], dataset: Dataset, path: Path) -> None:
    if there != dataset.classes:
        raise DataError(
            f"{path}: the set there has the classes {', '.join(there)}; this one has "
            f"{', '.join(dataset.classes)}. Choose another {option('out')}."
        )
