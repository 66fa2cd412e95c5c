"""YOLO: a text file an image, a line an object, in fractions of the image's sides.

A line is CLASS X Y WIDTH HEIGHT, X and Y the centre of a box, or CLASS X1 Y1 X2 Y2 X3 Y3 ..., the
corners of a polygon, whose bounding box counts (docs.ultralytics.com/datasets). CLASS is a place in
the names, from 0. An image without such a file has no objects; one of no image is an
error (yolo_strays.py). Files: yolo_places.py.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detect.data.image_files import check_name, meant_id
from detect.data.split import Skipping, find_list, read_ids
from detect.data.truth import SKIP_HINT, check_boxes
from detect.data.yolo_names import whole
from detect.data.yolo_paths import label_places
from detect.data.yolo_places import YoloPlaces, find_places
from detect.data.yolo_strays import Strays
from detect.errors import DataError
from detect.images import read_size
from detect.reading import XML_BYTES, read_text, shown
from detect.structures import NO_ANNOTATIONS, Annotations, Dataset, Sample, Size

LAYOUT = "yolo"
_EXPECTED = "Expected CLASS X Y WIDTH HEIGHT, or CLASS and a polygon's corners X Y, as fractions"


def matches(root: Path) -> bool:
    """Tell whether `root` is laid out as YOLO's sets are."""
    return find_places(root) is not None


def read(
    root: Path, split: str | None, skip_bad: bool = False, need_images: bool = True
) -> Dataset:
    """Read one split; DataError for anything wrong with the list, a file or a line.

    The images are always needed: boxes are fractions of them. With `skip_bad` a bad sample is left
    out and recorded.
    """
    places = find_places(root)
    if places is None:
        raise ValueError(f"read: {root} is not laid out as YOLO's")
    lists = dict.fromkeys(places.splits, places.names_file)
    name, path, own = find_list(root, split, lists)
    images = places.images(name) if own else _chosen(places, path)
    skipping, samples, strays = Skipping(skip_bad), [], Strays(root)
    labels = {image: _labels_of(image, root) for image in images.values()}
    for image_id, image in images.items():
        with skipping.guard():
            check_name(image)
            own_labels = labels[image]
            if own_labels is None:
                strays.check_image(image)
            size = read_size(image)
            truth = _labels(own_labels, size, places) if own_labels else NO_ANNOTATIONS
            samples.append(Sample(image_id, image, size, truth))
    for folder in places.splits[name] if own else ():
        with skipping.guard():
            if folder.is_dir():
                strays.check_folder(folder)
    if samples or not skipping.lines:  # or else these say why there is none
        _check_labelled(root, name, labels)
    return Dataset(
        root=root,
        layout=LAYOUT,
        split=name,
        classes=places.classes,
        category_ids=tuple(range(1, len(places.classes) + 1)),
        samples=tuple(samples),
        listed=tuple(images),
        skipped_marked=tuple(skipping.lines),
    )


def _labels_of(image: Path, root: Path) -> Path | None:
    return next((path for path in label_places(image, root) if path.is_file()), None)


def _check_labelled(root: Path, split: str, labels: Mapping[Path, Path | None]) -> None:
    """Raise DataError where no image has labels."""
    if not any(labels.values()):
        places = label_places(next(iter(labels)), root) if labels else ()
        where = " and ".join(map(str, places)) or "there is no image"
        raise DataError(f"{root}: no labels for any image of split {split}; looked for {where}.")


def _chosen(places: YoloPlaces, path: Path) -> dict[str, Path]:
    """Return the images of any split that the text file `path` lists."""
    known = {key: image for name in places.splits for key, image in places.images(name).items()}
    listed = read_ids(path)
    for image_id in listed:
        if image_id not in known:
            meant = meant_id(image_id, known) or next(iter(known), "")
            raise DataError(
                f"{path}: the set has no image {image_id}. Its ids are as {meant!r}: paths without "
                "ending and without images/."
            )
    return {image_id: known[image_id] for image_id in listed}


def _labels(path: Path, size: Size, places: YoloPlaces) -> Annotations:
    """Read and check the objects in `path`, of an image of `size`."""
    text = read_text(path, "labels", XML_BYTES, SKIP_HINT)
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    rows = [(number, words) for number, words in lines if words]
    if not rows:
        return NO_ANNOTATIONS
    labels = [_label(words[0], path, number, places) for number, words in rows]
    fractions = [_box(words, path, number, places.keypoints) for number, words in rows]
    boxes = np.array(fractions) * (size[1], size[0], size[1], size[0])
    check_boxes(path, boxes, size, lambda index: _describe(rows[index]))
    return Annotations(boxes.astype(np.float32), np.array(labels, np.int64))


def _describe(row: tuple[int, list[str]]) -> str:
    number, words = row
    return f"line {number}, {' '.join(words)[:80]!r}, read as fractions of the image's sides,"


def _label(word: str, path: Path, number: int, places: YoloPlaces) -> int:
    count = len(places.classes)
    label = whole(word)
    if label is None or label >= count:
        raise DataError(
            f"{path}, line {number}: class {shown(word)}: expected a number from 0 to {count - 1}, "
            f"a place among the names of {places.names_file}. {SKIP_HINT}"
        )
    return label


def _box(words: list[str], path: Path, number: int, keypoints: bool) -> NDArray[np.float64]:
    """Return a line's box, xyxy in fractions."""
    try:
        values = np.array(words[1:], np.float64)
    except ValueError:
        values = np.zeros(0)
    box_alone = len(values) == 4 or (keypoints and len(values) > 4)
    if not (box_alone or (len(values) >= 6 and len(values) % 2 == 0)):
        more = " (a sixth number is a confidence: these are detections)" * (len(values) == 5)
        raise DataError(
            f"{path}, line {number}: got {shown(' '.join(words))}{more}. {_EXPECTED}. {SKIP_HINT}"
        )
    if not np.isfinite(values).all():
        raise DataError(f"{path}, line {number}: a number is not finite. {_EXPECTED}. {SKIP_HINT}")
    if box_alone:
        centre, half = values[:2], values[2:4] / 2
        return np.concatenate([centre - half, centre + half])
    corners = values.reshape(-1, 2)
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])
