"""Tiny data sets of generated images: coloured shapes on a textured background, exact boxes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detect.structures import FloatArray, Image, IntArray, Size

SHARED = Path(__file__).parents[2] / "shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data beside the clone")

CLASSES = ("circle", "square", "triangle")
SYNSETS = ("n00000011", "n00000022", "n00000033")
SPLITS: Mapping[str, int] = {"train": 3, "test": 2}
SIZE: Size = (96, 128)
_COLOURS = ((220, 40, 40), (40, 200, 60), (50, 80, 230), (230, 210, 40), (200, 60, 210))


def texture(rng: np.random.Generator, size: Size) -> Image:
    """Return a greyish background (H, W, 3) with coarse blotches and fine noise."""
    height, width = size
    coarse = rng.uniform(70, 170, (max(2, height // 16), max(2, width // 16), 3))
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    grey = smooth.mean(axis=2, keepdims=True) * 0.8 + smooth * 0.2
    noisy = grey + rng.normal(0, 4, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def scene(
    rng: np.random.Generator, size: Size = SIZE, *, objects: int | None = None, classes: int = 3
) -> tuple[Image, FloatArray, IntArray]:
    """Return image (H, W, 3) RGB, boxes (N, 4) whole-numbered xyxy px, labels (N,).

    Label l is shape l % 3 (circle, square, triangle) in colour l % 5; 1 to 3 objects that do
    not overlap, each 1/5 to 1/2 of the shorter side.
    """
    image = texture(rng, size)
    boxes: list[tuple[int, int, int, int]] = []
    labels: list[int] = []
    wanted = int(rng.integers(1, 4)) if objects is None else objects
    for _ in range(100 * wanted):
        if len(boxes) == wanted:
            break
        box = _random_box(rng, size)
        if all(_apart(box, other) for other in boxes):
            label = int(rng.integers(classes))
            _paint(image, box, label)
            boxes.append(box)
            labels.append(label)
    return image, np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64)


def _random_box(rng: np.random.Generator, size: Size) -> tuple[int, int, int, int]:
    height, width = size
    side = int(rng.integers(max(2, min(size) // 5), max(3, min(size) // 2)))
    x, y = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
    return x, y, x + side, y + side


def _apart(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]


def _paint(image: Image, box: tuple[int, int, int, int], label: int) -> None:
    """Paint shape `label` so that it fills `box` (half-open px)."""
    x1, y1, x2, y2 = box
    rows, columns = np.mgrid[0 : y2 - y1, 0 : x2 - x1] + 0.5
    side = x2 - x1
    masks = (
        (columns - side / 2) ** 2 + (rows - side / 2) ** 2 <= (side / 2) ** 2,
        np.ones_like(rows, bool),
        abs(columns - side / 2) <= np.ceil(rows) / 2,
    )
    image[y1:y2, x1:x2][masks[label % 3]] = _COLOURS[label % len(_COLOURS)]


def save_image(path: Path, image: Image) -> None:
    """Write `image` RGB (H, W, 3) to `path` in the format of its extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, 95] if "jp" in path.suffix.lower() else []
    if not cv2.imwrite(str(path), image[..., ::-1], parameters):
        raise OSError(f"cannot write {path}")


def voc_object(name: str, box: Sequence[float], difficult: int = 0) -> str:
    """Return an <object>; `box` holds xmin, ymin, xmax, ymax as they shall stand in the file."""
    corners = "".join(
        f"<{tag}>{value:g}</{tag}>"
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{corners}</bndbox></object>"
    )


def voc_xml(filename: str, size: Size, objects: Sequence[str]) -> str:
    """Return the text of a VOC annotation; `objects` from `voc_object`."""
    sides = f"<width>{size[1]}</width><height>{size[0]}</height><depth>3</depth>"
    return (
        f"<annotation><filename>{filename}</filename><size>{sides}</size>"
        f"{''.join(objects)}</annotation>\n"
    )


def write_voc(
    root: Path,
    splits: Mapping[str, int] = SPLITS,
    classes: Sequence[str] = CLASSES,
    seed: int = 0,
    *,
    size: Size = SIZE,
    objects: int | None = None,
) -> Path:
    """Write a VOC set with ids `SPLIT_000`, ... and `classes.txt`; return `root`."""
    rng = np.random.default_rng(seed)
    for split, count in splits.items():
        ids = [f"{split}_{number:03d}" for number in range(count)]
        _write(root / f"ImageSets/Main/{split}.txt", "".join(f"{name}\n" for name in ids))
        for name in ids:
            image, boxes, labels = scene(rng, size, objects=objects, classes=len(classes))
            save_image(root / f"JPEGImages/{name}.jpg", image)
            found = [
                voc_object(classes[label], (x1 + 1, y1 + 1, x2, y2))
                for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True)
            ]
            _write(root / f"Annotations/{name}.xml", voc_xml(f"{name}.jpg", size, found))
    _write(root / "classes.txt", "".join(f"{name}\n" for name in classes))
    return root


def write_coco(
    root: Path,
    splits: Mapping[str, int] = SPLITS,
    classes: Sequence[str] = CLASSES,
    seed: int = 0,
    *,
    size: Size = SIZE,
    objects: int | None = None,
) -> Path:
    """Write a COCO set; image ids 10, 20, ..., category ids 3, 6, ..., annotation ids 100, ...."""
    rng = np.random.default_rng(seed)
    categories = [{"id": 3 * place, "name": name} for place, name in enumerate(classes, 1)]
    image_id, annotation_id = 0, 99
    for split, count in splits.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for _ in range(count):
            image_id += 10
            file_name = f"{image_id:012d}.jpg"
            image, boxes, labels = scene(rng, size, objects=objects, classes=len(classes))
            save_image(root / "images" / file_name, image)
            sides = {"height": size[0], "width": size[1]}
            images.append({"id": image_id, "file_name": file_name, **sides})
            for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist(), strict=True):
                annotation_id += 1
                annotations.append(
                    {
                        "id": annotation_id,
                        "image_id": image_id,
                        "category_id": categories[label]["id"],
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                        "iscrowd": 0,
                    }
                )
        content = {"images": images, "annotations": annotations, "categories": categories}
        _write(root / f"annotations/instances_{split}.json", json.dumps(content))
    return root


def write_imagenet_det(
    root: Path,
    splits: Mapping[str, int] = SPLITS,
    classes: Sequence[str] = CLASSES,
    seed: int = 0,
    *,
    synsets: Sequence[str] = SYNSETS,
    size: Size = SIZE,
    objects: int | None = None,
) -> Path:
    """Write an ILSVRC DET set: ids `SPLIT_00000001`, for "train" below `part_0/`; synsets.txt.

    The last image of every split of three or more has no objects and no XML.
    """
    rng = np.random.default_rng(seed)
    for split, count in splits.items():
        folder = "part_0/" if split == "train" else ""
        ids = [f"{folder}{split}_{number:08d}" for number in range(1, count + 1)]
        lines = "".join(f"{name} {number}\n" for number, name in enumerate(ids, 1))
        _write(root / f"ImageSets/DET/{split}.txt", lines)
        for number, name in enumerate(ids, 1):
            empty = number == count >= 3
            image, boxes, labels = scene(
                rng, size, objects=0 if empty else objects, classes=len(classes)
            )
            save_image(root / f"Data/DET/{split}/{name}.JPEG", image)
            found = [
                voc_object(synsets[label], (x1, y1, x2 - 1, y2 - 1))
                for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True)
            ]
            if not empty:
                xml = voc_xml(Path(name).name, size, found)
                _write(root / f"Annotations/DET/{split}/{name}.xml", xml)
    pairs = zip(synsets, classes, strict=True)
    _write(root / "synsets.txt", "".join(f"{synset} {name}\n" for synset, name in pairs))
    return root


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
