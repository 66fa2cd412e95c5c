"""`detect export` of data sets: what is written reads back equal, for us and for other programs."""

import numpy as np
import pytest
from builders import CLASSES, write_coco, write_imagenet_det, write_voc
from commands import call
from pycocotools.coco import COCO

from detect.data import open_dataset

_WRITE = {"voc": write_voc, "coco": write_coco, "det": write_imagenet_det}


@pytest.mark.parametrize("to", ["voc", "coco", "yolo"])
@pytest.mark.parametrize("layout", _WRITE)
def test_a_set_reads_back_equal(tmp_path, capsys, layout, to):
    root, out = _WRITE[layout](tmp_path / "set"), tmp_path / "out"
    for split, more in (("train", ()), ("test", ("--exist-ok",))):
        assert call("export", root, "--to", to, "--split", split, "--out", out, *more) == 0
    for split in ("train", "test"):
        own, other = open_dataset(root, split), open_dataset(out, split)
        assert other.classes == CLASSES
        assert len(own) == len(other)
        for one, two in zip(own.samples, other.samples, strict=True):
            assert two.path.read_bytes() == one.path.read_bytes()
            boxes = (two.annotations.boxes, one.annotations.boxes)
            np.testing.assert_allclose(*boxes, atol=1e-4 if to == "yolo" else 0)
            assert two.annotations.labels.tolist() == one.annotations.labels.tolist()
    number = sum(len(sample.annotations) for sample in open_dataset(root, "test").samples)
    assert capsys.readouterr().out.endswith(f"2 images, {number} objects: {out}\n")


def test_pycocotools_reads_what_is_written(tmp_path, capsys):
    root = write_voc(tmp_path / "set")
    assert call("export", root, "--to", "coco", "--split", "train", "--out", tmp_path / "o") == 0
    coco = COCO(str(tmp_path / "o/annotations/instances_train.json"))
    capsys.readouterr()
    assert coco.getImgIds() == [1, 2, 3]
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    first = open_dataset(root, "train").samples[0].annotations
    x1, y1, x2, y2 = first.boxes[0].tolist()
    assert coco.loadAnns(coco.getAnnIds([1]))[0]["bbox"] == [x1, y1, x2 - x1, y2 - y1]


def test_what_a_form_has_no_place_for_is_left_out_and_said(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"train": 2}, objects=2)
    path = root / "Annotations/train_000.xml"
    path.write_text(path.read_text().replace("<difficult>0", "<difficult>1", 1))
    told = ("--split", "train", "--out")
    assert call("export", root, "--to", "yolo", *told, tmp_path / "yolo") == 0
    output = capsys.readouterr()
    assert output.out.startswith("2 images, 3 objects")
    expected = (
        "Warning: 1 crowd regions and difficult objects left out: yolo has no place for them."
    )
    assert expected in output.err
    for to in ("voc", "coco"):
        assert call("export", root, "--to", to, *told, tmp_path / to) == 0
        first = open_dataset(tmp_path / to, "train").samples[0]
        assert sorted(first.annotations.difficult.tolist()) == [False, True]


@pytest.mark.parametrize("to", ["voc", "yolo"])
def test_a_set_of_other_classes_is_not_written_beside(tmp_path, capsys, to):
    one, other = write_voc(tmp_path / "a"), write_voc(tmp_path / "b", classes=("x", "y"))
    told = ("--to", to, "--split", "train", "--out", tmp_path / "o")
    assert call("export", one, *told) == 0
    assert call("export", other, *told, "--exist-ok") == 4
    assert "the set there has the classes circle, square, triangle" in capsys.readouterr().err
    assert len(open_dataset(tmp_path / "o", "train")) == 3
