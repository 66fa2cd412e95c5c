"""Layouts of other programs: the same images and objects, wherever their files lie."""

import json
import shutil
from pathlib import Path

import foreign
import numpy as np
import pytest
from builders import CLASSES, save_image, texture, write_voc

from detect.data import open_dataset
from detect.errors import DataError, UsageError


def _same(expected, found):
    """Check that both have the same objects of the same classes in images of the same names."""
    assert found.classes == expected.classes
    theirs = {sample.path.name: sample for sample in found.samples}
    assert sorted(theirs) == sorted(sample.path.name for sample in expected.samples)
    for sample in expected.samples:
        own, other = sample.annotations, theirs[sample.path.name]
        assert other.size == sample.size
        assert other.path.is_file()
        np.testing.assert_allclose(other.annotations.boxes, own.boxes, atol=1e-4)
        assert other.annotations.labels.tolist() == own.labels.tolist()


def test_coco_s_own_folders(tmp_path):
    splits = foreign.coco(tmp_path)
    for name, dataset in splits.items():
        old = tmp_path / f"annotations/instances_{name}.json"
        foreign.move(old, old.with_name(f"instances_{name}2017.json"))
        (tmp_path / f"annotations/captions_{name}2017.json").write_text("{}")
        for sample in dataset.samples:
            foreign.move(sample.path, tmp_path / f"{name}2017" / sample.path.name)
    (tmp_path / "images").rmdir()
    for name, dataset in splits.items():
        _same(dataset, open_dataset(tmp_path, f"{name}2017"))


def test_roboflow_s_coco_without_its_dummy_class(tmp_path):
    splits = foreign.coco(tmp_path)
    foreign.to_roboflow(tmp_path, splits)
    for name, dataset in splits.items():
        found = open_dataset(tmp_path, name)
        _same(dataset, found)
        assert found.category_ids == (3, 6, 9)


def test_a_category_0_that_has_objects_is_a_class(tmp_path):
    foreign.to_roboflow(tmp_path, foreign.coco(tmp_path))
    path = tmp_path / "train/_annotations.coco.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["category_id"] = 0
    path.write_text(json.dumps(content))
    assert open_dataset(tmp_path, "train").classes == ("shapes", *CLASSES)


def test_coco_of_another_name(tmp_path):
    splits = foreign.coco(tmp_path)
    foreign.move(tmp_path / "annotations/instances_train.json", tmp_path / "labels.json")
    foreign.move(tmp_path / "images", tmp_path / "data")
    shutil.rmtree(tmp_path / "annotations")
    (tmp_path / "notes.json").write_text('{"author": "nobody"}')
    _same(splits["train"], open_dataset(tmp_path, "labels"))


def test_voc_in_lower_case_without_lists(tmp_path):
    splits = foreign.voc(tmp_path)
    foreign.move(tmp_path / "Annotations", tmp_path / "annotations")
    foreign.move(tmp_path / "JPEGImages", tmp_path / "images")
    shutil.rmtree(tmp_path / "ImageSets")
    found = open_dataset(tmp_path, "all")
    assert [sample.image_id for sample in found.samples] == [
        sample.image_id for dataset in splits.values() for sample in dataset.samples
    ]
    with pytest.raises(UsageError, match="say which split with split; there: all"):
        open_dataset(tmp_path)
    (tmp_path / "train.txt").write_text("".join(f"train_00{n}\n" for n in range(3)))
    _same(splits["train"], open_dataset(tmp_path, "train"))


def test_voc_with_files_beside_their_images(tmp_path):
    splits = foreign.voc(tmp_path)
    foreign.to_flat(tmp_path, splits)
    for name, dataset in splits.items():
        found = open_dataset(tmp_path, name)
        _same(dataset, found)
        assert found.samples[0].image_id == f"{name}/{name}_000"
        _same_stems = [sample.path.stem for sample in open_dataset(tmp_path / name, "all").samples]
        assert _same_stems == [sample.image_id for sample in dataset.samples]


def test_an_image_without_its_xml_is_not_left_out_silently(tmp_path):
    foreign.to_flat(tmp_path, foreign.voc(tmp_path))
    (tmp_path / "train/train_001.xml").unlink()
    with pytest.raises(DataError, match=r"train_001\.xml: a listed image has no such annotation"):
        open_dataset(tmp_path, "train")
    assert len(open_dataset(tmp_path, "train", skip_bad=True)) == 2


def test_voc_with_sub_folders(tmp_path):
    splits = foreign.voc(tmp_path)
    for sample in (one for dataset in splits.values() for one in dataset.samples):
        name = f"{sample.image_id}.xml"
        foreign.move(tmp_path / "Annotations" / name, tmp_path / "Annotations/part" / name)
        foreign.move(sample.path, tmp_path / "JPEGImages/part" / sample.path.name)
    for name, dataset in splits.items():
        lines = (f"part/{sample.image_id}\n" for sample in dataset.samples)
        (tmp_path / f"ImageSets/Main/{name}.txt").write_text("".join(lines))
        _same(dataset, open_dataset(tmp_path, name))
    shutil.rmtree(tmp_path / "ImageSets")
    assert len(open_dataset(tmp_path, "all")) == 5
    for path in list((tmp_path / "JPEGImages/part").iterdir()):  # as Oxford's pets
        foreign.move(path, tmp_path / "JPEGImages" / path.name)
    (tmp_path / "JPEGImages/part").rmdir()
    assert len(open_dataset(tmp_path, "all")) == 5


def test_voc_s_list_of_a_class_is_a_split(tmp_path):
    write_voc(tmp_path, {"train": 3})
    path = tmp_path / "ImageSets/Main/circle_train.txt"
    path.write_text("train_000 -1\ntrain_001  1\ntrain_002  0\n")
    found = open_dataset(tmp_path, "circle_train")
    assert [sample.image_id for sample in found.samples] == ["train_001", "train_002"]
    path.write_text("train_000 -1\n")
    with pytest.raises(DataError, match="no image there shows the class"):
        open_dataset(tmp_path, "circle_train")


@pytest.mark.parametrize("images_first", [True, False])
def test_yolo(tmp_path, images_first):
    splits = foreign.voc(tmp_path)
    foreign.to_yolo(tmp_path, splits, images_first=images_first)
    for name, dataset in splits.items():
        found = open_dataset(tmp_path, name)
        _same(dataset, found)
        assert [sample.image_id for sample in found.samples] == [
            f"{name}/{sample.image_id}" for sample in dataset.samples
        ]
    (tmp_path / "ids.txt").write_text("val/val_001\ntrain/train_000\n")
    chosen = open_dataset(tmp_path, tmp_path / "ids.txt")
    assert [sample.path.stem for sample in chosen.samples] == ["val_001", "train_000"]


def test_yolo_with_a_file_of_names_and_lists_of_paths(tmp_path):
    splits = foreign.voc(tmp_path)
    foreign.to_yolo(tmp_path, splits)
    (tmp_path / "data.yaml").rename(tmp_path / "data.bak")
    (tmp_path / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    _same(splits["val"], open_dataset(tmp_path, "val"))
    (tmp_path / "classes.txt").unlink()
    names = "".join(f"  {place}: {name}\n" for place, name in enumerate(CLASSES))
    (tmp_path / "my.yml").write_text(f"path: /gone\nval: lists/val.txt\nnames:\n{names}")
    (tmp_path / "lists").mkdir()
    paths = (f"./images\\val\\{sample.path.name}\n" for sample in splits["val"].samples)
    (tmp_path / "lists/val.txt").write_text("".join(paths))
    _same(splits["val"], open_dataset(tmp_path, "val"))


def test_yolo_beside_the_images(tmp_path):
    splits = foreign.voc(tmp_path)
    foreign.to_yolo(tmp_path, splits)
    for path in [*tmp_path.glob("images/train/*"), *tmp_path.glob("labels/train/*")]:
        foreign.move(path, tmp_path / "flat" / path.name)
    (tmp_path / "flat/classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    _same(splits["train"], open_dataset(tmp_path / "flat", "all"))


def _yolo(tmp_path, line):
    """Return the root of a set of one image of 64x48 px with one line of labels."""
    save_image(tmp_path / "images/a.jpg", texture(np.random.default_rng(0), (48, 64)))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text(line)
    (tmp_path / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    return tmp_path


def test_polygons_are_their_bounding_boxes(tmp_path):
    root = _yolo(tmp_path, "1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 1.0\n\n")
    (sample,) = open_dataset(root, "train").samples
    assert sample.annotations.boxes.tolist() == [[16, 12, 48, 48]]
    assert sample.annotations.labels.tolist() == [1]


def test_an_image_without_labels_has_no_objects(tmp_path):
    root = _yolo(tmp_path, "1 0.5 0.5 0.5 0.5")
    save_image(root / "images/b.jpg", texture(np.random.default_rng(0), (48, 64)))
    assert [len(sample.annotations) for sample in open_dataset(root, "train").samples] == [1, 0]
    shutil.rmtree(root / "labels")
    with pytest.raises(DataError, match="no labels for any image of split train; looked for"):
        open_dataset(root, "train")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2 0.5 0.5 0.5 0.5", "line 1: class '2': expected a number from 0 to 1, a place among"),
        ("cat 0.5 0.5 0.5 0.5", "class 'cat': expected a number"),
        ("0 0.5 0.5 0.5 0.5 0.9", "(a sixth number is a confidence: these are detections)"),
        ("0 0.5 0.5", "got '0 0.5 0.5'. Expected CLASS X Y WIDTH HEIGHT"),
        ("0 0.5 0.5 0.5 x", "Expected CLASS X Y WIDTH HEIGHT"),
        ("0 0.5 nan 0.5 0.5", "a number is not finite"),
        ("0 0.5 0.5 0 0.5", "has no area"),
        ("0 10 20 30 40", "read as fractions of the image's sides, leaves the image of 64x48 px"),
    ],
)
def test_wrong_lines_of_yolo(tmp_path, line, expected):
    with pytest.raises(DataError) as caught:
        open_dataset(_yolo(tmp_path, line), "train")
    assert expected in caught.value.for_command_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: images\nnames: {0: cat, 2: dog}\n", "names: expected the numbers 0 to 1"),
        ("train: images\nnames: [cat]\nnc: 2\n", "nc is 2, but there are 1 names"),
        ("train: images\nnames: cat\n", "names: expected the names of the classes, got 'cat'"),
        ("train: gone\nnames: [cat, dog]\n", "no such folder or list of images"),
        ("train: &a [x]\nval: *a\nnames: [cat]\n", "not valid YAML: an alias (*name)"),
        ("train: [\nnames: [cat]\n", "not valid YAML"),
    ],
)
def test_wrong_names_of_yolo(tmp_path, text, expected):
    root = _yolo(tmp_path, "0 0.5 0.5 0.5 0.5")
    (root / "data.yaml").write_text(text)
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert expected in str(caught.value)


_SEEN = {
    "a.xml": ("<?xml?><annotations><version>1.1", "CVAT's own format: detect import FILE --data"),
    "a.json": ('{"version": "5", "shapes": []}', "LabelMe's files: detect import FOLDER --out SET"),
    "b.json": (
        '[{"id": 1, "annotations": [], "data": {}}]',
        "Label Studio's export: detect import",
    ),
    "a.csv": ("filename,xmin,ymin\n", "boxes as CSV, which are not read: export COCO"),
    "a.tfrecord": ("", "TFRecords, which are not read"),
    "a.zip": ("", "an archive: unpack it"),
    "a.txt": ("0 0.5 0.5 0.25 0.25\n", "YOLO's labels without names: add data.yaml or classes.txt"),
}


@pytest.mark.parametrize("name", _SEEN)
def test_what_is_not_read_is_named(tmp_path: Path, name: str):
    text, expected = _SEEN[name]
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / name).write_text(text)
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path, "train")
    assert f"Seen there: labels/{name}, {expected}" in caught.value.for_command_line
