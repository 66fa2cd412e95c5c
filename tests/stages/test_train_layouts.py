"""`train` to its end on sets as other programs write them, and with several networks."""

from collections.abc import Callable
from pathlib import Path

import foreign
import pytest
from builders import write_coco, write_imagenet_det, write_voc

from detect.data import open_dataset
from detect.progress import SILENT
from detect.stages.detector_folder import read_detector
from detect.stages.load import load
from detect.stages.train import train

SMALL = (
    "model.width=0.25", "model.input_size=32", "sampling.batch_size=8", "optimizer.steps=6",
    "regression.grid=2", "multibox.model.width=0.25", "multibox.model.input_size=32",
    "multibox.batch_size=4", "multibox.optimizer.steps=6",
)  # fmt: skip
SPLITS = {"train": 10, "val": 3}


def yolo(root: Path) -> Path:
    write_voc(root, SPLITS, size=(60, 70))
    foreign.to_yolo(root, {split: open_dataset(root, split) for split in SPLITS})
    return root


def roboflow(root: Path) -> Path:
    write_coco(root, SPLITS, size=(60, 70))
    foreign.to_roboflow(root, {split: open_dataset(root, split) for split in SPLITS})
    return root


def ilsvrc(root: Path) -> Path:
    return write_imagenet_det(root, SPLITS, size=(60, 70), objects=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "layout", "val", "networks"),
    [(yolo, "yolo", "val", 2), (roboflow, "coco", "val", 1), (ilsvrc, "imagenet_det", None, 1)],
)
def test_a_set_of_another_layout_becomes_a_detector(
    tmp_path, write: Callable[[Path], Path], layout: str, val: str | None, networks: int
) -> None:
    root = write(tmp_path / "set")
    data = open_dataset(root, "train")
    assert data.layout == layout
    out = tmp_path / "d"
    train(
        root, out=out, val_split=val, networks=networks, fast=True, pretrained="off", set=SMALL,
        device="cpu", reporter=SILENT,
    )  # fmt: skip
    card = read_detector(out).card
    assert card.classes == data.classes
    assert len(card.networks) == networks
    assert card.figures["images"] == (3 if val else 2)
    found = load(out, device="cpu")(data.samples[0].path)
    assert found.classes == data.classes
