"""COCO: `images/FILE_NAME`, `annotations/instances_SPLIT.json`, and alike (coco_places.py).

Crowd regions keep their flag and areas are the masks'. An extra field `difficult` of an
annotation counts as VOC's. Boxes are 0-based xywh, real-valued.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from detect.data.coco_images import CocoImages
from detect.data.coco_json import CocoJson, Record, is_number, number, parse
from detect.data.coco_lists import holding
from detect.data.coco_places import find_places, name_of
from detect.data.split import Skipping, find_list, read_ids
from detect.data.truth import check_boxes
from detect.errors import DataError
from detect.images import read_size
from detect.structures import NO_ANNOTATIONS, Annotations, Dataset, Sample, Size

LAYOUT = "coco"


def matches(root: Path) -> bool:
    """Tell whether `root` is laid out as COCO, or alike."""
    return bool(find_places(root))


def read(
    root: Path, split: str | None, skip_bad: bool = False, need_images: bool = True
) -> Dataset:
    """Read one split; DataError for anything wrong with the JSON, a file or an annotation.

    A text file of ids chooses among the images of the JSON that holds them all.
    With `skip_bad` an image with a bad annotation, or without file, is left out and recorded.
    """
    places = find_places(root)
    name, path, own = find_list(root, split, {name: one.json for name, one in places.items()})
    if own:
        skipping, place = Skipping(skip_bad), places[name]
        content = parse(path, skipping)
        listed = tuple(content.images)
    else:
        listed = read_ids(path)
        content, skipping, place = holding(listed, path, list(places.values()), skip_bad)
    others = [one for one in places.values() if one is not place]
    images = CocoImages(content, place.folders, others)

    def locate(record: Record) -> tuple[Path, Size | None]:
        image = images.find(record, need_images)
        stated = _stated_size(record, content.path)
        return image, stated or (read_size(image) if image.is_file() else None)

    return _dataset(content, listed, locate, skipping, root, name)


def read_annotations(path: Path) -> Dataset:
    """Read a COCO JSON alone; the images need not be there, sizes it lacks are None.

    DataError as `read`, the missing images apart.
    """
    root = path.parent.parent if path.parent.name == "annotations" else path.parent
    skipping = Skipping(False)
    content = parse(path, skipping)

    def locate(record: Record) -> tuple[Path, Size | None]:
        file_name = str(record.get("file_name", record["id"]))
        return root / "images" / file_name, _stated_size(record, path)

    return _dataset(content, tuple(content.images), locate, skipping, root, name_of(path))


def _dataset(
    content: CocoJson,
    listed: tuple[str, ...],
    locate: Callable[[Record], tuple[Path, Size | None]],
    skipping: Skipping,
    root: Path,
    name: str,
) -> Dataset:
    """Build the samples of `listed`, the place and size of their images by `locate`."""
    labels = {category: label for label, category in enumerate(content.category_ids)}
    samples = []
    for image_id in listed:
        with skipping.guard():
            if image_id in content.faults:
                raise DataError(content.faults[image_id])
            image, size = locate(content.images[image_id])
            truth = _annotations(content, image_id, size, labels)
            samples.append(Sample(image_id, image, size, truth))
    return Dataset(
        root=root,
        layout=LAYOUT,
        split=name,
        classes=content.classes,
        category_ids=content.category_ids,
        samples=tuple(samples),
        integer_ids=content.integer_ids,
        listed=listed,
        skipped_marked=tuple(skipping.lines),
    )


def _stated_size(record: Record, path: Path) -> Size | None:
    """Return (H, W) of an image record; None where it states none."""
    record_name = f"image {record['id']}"
    height, width = (int(number(record, key, record_name, path, 0)) for key in ("height", "width"))
    return (height, width) if height > 0 and width > 0 else None


def _annotations(
    content: CocoJson, image_id: str, size: Size | None, labels: dict[int, int]
) -> Annotations:
    """Convert and check the annotations of one image."""
    records, path = content.annotations.get(image_id, []), content.path
    if not records:
        return NO_ANNOTATIONS
    boxes_xywh = np.array([_bbox(record, path) for record in records], np.float64)
    boxes = np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)
    check_boxes(path, boxes, size, lambda index: _describe(records[index]), boxes_xywh)
    return Annotations(
        boxes.astype(np.float32),
        np.array([_label(record, labels, path) for record in records], np.int64),
        difficult=np.array([_flag(record, "difficult", path) for record in records]),
        crowd=np.array([_flag(record, "iscrowd", path) for record in records]),
        areas=np.array([_area(record, path) for record in records], np.float64),
        ids=np.array([record["id"] for record in records], np.int64),
    )


def _bbox(record: Record, path: Path) -> list[float]:
    bbox = record.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)):
        raise DataError(
            f"{path}: annotation {record['id']}: bbox must be [x, y, width, height], got {bbox!r}."
        )
    return bbox


def _describe(record: Record) -> str:
    return f"annotation {record['id']} of image {record['image_id']}, bbox {record['bbox']},"


def _label(record: Record, labels: dict[int, int], path: Path) -> int:
    category = record.get("category_id")
    if not isinstance(category, int) or category not in labels:
        raise DataError(
            f"{path}: annotation {record['id']}: category_id {category!r} is not in 'categories'."
        )
    return labels[category]


def _area(record: Record, path: Path) -> float:
    """Return the stated area, px²; the box's where none is stated."""
    box = float(record["bbox"][2]) * float(record["bbox"][3])
    return number(record, "area", f"annotation {record['id']}", path, box)


def _flag(record: Record, key: str, path: Path) -> bool:
    value = record.get(key)
    if value is None:
        return False
    if value not in (0, 1):
        raise DataError(f"{path}: annotation {record['id']}: {key} must be 0 or 1, got {value!r}.")
    return bool(value)
