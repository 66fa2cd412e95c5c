"""The layouts of other programs: sets of builders.py, moved and rewritten as they write them."""

import json
import shutil
from pathlib import Path

from builders import CLASSES, write_coco, write_voc

from detect.data import open_dataset
from detect.structures import Dataset

SPLITS = {"train": 3, "val": 2}


def voc(root: Path) -> dict[str, Dataset]:
    """Write a VOC set and return its splits."""
    write_voc(root, SPLITS)
    (root / "classes.txt").unlink()
    return {split: open_dataset(root, split) for split in SPLITS}


def coco(root: Path) -> dict[str, Dataset]:
    """Write a COCO set and return its splits."""
    write_coco(root, SPLITS)
    return {split: open_dataset(root, split) for split in SPLITS}


def move(path: Path, to: Path) -> None:
    """Move a file, making the folder it goes to."""
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, to)


def to_flat(root: Path, splits: dict[str, Dataset]) -> None:
    """Put the images and XML files of a VOC set into one folder a split, as Roboflow does."""
    for split, dataset in splits.items():
        for sample in dataset.samples:
            move(sample.path, root / split / sample.path.name)
            name = f"{sample.image_id}.xml"
            move(root / "Annotations" / name, root / split / name)
    _remove(root, "Annotations", "JPEGImages", "ImageSets")


def to_roboflow(root: Path, splits: dict[str, Dataset]) -> None:
    """Put the images of a COCO set beside a JSON a split, with Roboflow's dummy class.

    As there the images of every split are numbered from 0.
    """
    for split, dataset in splits.items():
        content = json.loads((root / f"annotations/instances_{split}.json").read_text())
        for one in content["categories"]:
            one["supercategory"] = "shapes"
        content["categories"].insert(0, {"id": 0, "name": "shapes", "supercategory": "none"})
        numbers = {record["id"]: number for number, record in enumerate(content["images"])}
        for record in content["images"]:
            record["id"] = numbers[record["id"]]
        for record in content["annotations"]:
            record["image_id"] = numbers[record["image_id"]]
        for sample in dataset.samples:
            move(sample.path, root / split / sample.path.name)
        (root / split / "_annotations.coco.json").write_text(json.dumps(content))
    _remove(root, "annotations", "images")


def to_yolo(root: Path, splits: dict[str, Dataset], *, images_first: bool = True) -> None:
    """Write a VOC set as YOLO's: images/SPLIT and labels/SPLIT, or SPLIT/images and so on."""
    for split, dataset in splits.items():
        for sample in dataset.samples:
            lines = (_line(*one, sample.size) for one in _objects(sample))
            for folder, ending in (("labels", ".txt"), ("images", ".jpg")):
                parts = (folder, split) if images_first else (split, folder)
                path = root.joinpath(*parts, f"{sample.image_id}{ending}")
                path.parent.mkdir(parents=True, exist_ok=True)
                if folder == "images":
                    shutil.move(sample.path, path)
                else:
                    path.write_text("".join(lines))
    _remove(root, "Annotations", "JPEGImages", "ImageSets")
    places = {name: f"images/{name}" if images_first else f"../{name}/images" for name in splits}
    text = "".join(f"{name}: {place}\n" for name, place in places.items())
    (root / "data.yaml").write_text(f"{text}nc: {len(CLASSES)}\nnames: {list(CLASSES)}\n")


def _objects(sample):
    return zip(sample.annotations.labels, sample.annotations.boxes, strict=True)


def _line(label, box, size):
    (height, width), (x1, y1, x2, y2) = size, map(float, box)
    centre = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height)
    return f"{label} {centre[0]!r} {centre[1]!r} {(x2 - x1) / width!r} {(y2 - y1) / height!r}\n"


def _remove(root: Path, *names: str) -> None:
    for name in names:
        shutil.rmtree(root / name)
