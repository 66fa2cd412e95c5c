"""Files that others leave beside, or name and begin otherwise: read now, or named."""

import json
import os
import re
import shutil

import numpy as np
import pytest
from builders import save_image, texture, write_coco, write_voc
from commands import call
from odd_inputs import change_json, refused, said
from PIL import Image

from detect.data import open_dataset, open_images
from detect.images import read_image

_IMAGE = texture(np.random.default_rng(0), (48, 64))


@pytest.mark.parametrize("name", ["IMG_2.HEIC", "IMG_2.dng", "IMG_2"])
def test_images_that_are_not_read_are_not_left_out_silently(tmp_path, capsys, name):
    save_image(tmp_path / "photos/IMG_1.JPG", _IMAGE)
    beginning = b"\xff\xd8\xff" if name == "IMG_2" else b"\0\0\0\x18ftypheic"
    (tmp_path / "photos" / name).write_bytes(beginning + b"\0" * 50)
    arguments = ("propose", tmp_path / "photos", "--out", tmp_path / "p", "--workers", 1)
    code, text = said(capsys, *arguments)
    assert code == 4
    assert f"{name}: an image that is not read, by its name or its first bytes. Convert" in text
    left = open_images([tmp_path / "photos"], skip_bad=True)
    assert [sample.image_id for sample in left.samples] == ["IMG_1"]
    assert name in left.skipped[0]


def test_a_listed_image_that_is_not_read_is_named(tmp_path):
    root = write_voc(tmp_path)
    (root / "JPEGImages/train_000.jpg").rename(root / "JPEGImages/train_000.HEIC")
    assert "but train_000.HEIC, which is not read. Convert it to JPEG or PNG." in refused(root)


def test_a_fourth_band_that_is_not_called_alpha_is_left_out(tmp_path):
    pixels = np.full((9, 9, 4), (100, 110, 120, 0), np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "alpha.tif")
    content = (tmp_path / "alpha.tif").read_bytes()
    # The entry ExtraSamples (338, a SHORT) becomes SampleFormat (339), of unsigned integers (1).
    entry = b"\x52\x01\x03\x00\x01\x00\x00\x00\x02\x00"
    assert content.count(entry) == 1
    (tmp_path / "infrared.tif").write_bytes(content.replace(entry, b"\x53" + entry[1:8] + b"\1\0"))
    assert read_image(tmp_path / "alpha.tif")[0, 0].tolist() == [255, 255, 255]
    assert read_image(tmp_path / "infrared.tif")[0, 0].tolist() == [100, 110, 120]


def test_hidden_files_are_nobodys_annotations(tmp_path):
    voc, coco = write_voc(tmp_path / "voc"), write_coco(tmp_path / "coco")
    (voc / "classes.txt").unlink()
    hidden = (voc / "Annotations/._a1.xml", voc / "ImageSets/Main/._train.txt")
    for path in (*hidden, coco / "annotations/._instances_train.json"):
        path.write_bytes(b"\0\5\x16\7")
    assert len(open_dataset(voc, "train")) == len(open_dataset(coco, "train")) == 3
    assert refused(voc, "val").endswith("Splits there: test, train.")


def test_results_may_begin_with_a_byte_order_mark(tmp_path, capsys):
    root = write_coco(tmp_path / "set")
    entries = [{"image_id": 10, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(entries), encoding="utf-8-sig")
    where = ("--data", root, "--split", "train")
    assert call("eval", "--map", *where, "--detections", results) == 0
    assert call("import", results, *where, "--out", tmp_path / "p") == 0
    assert "3 images, 1 boxes" in capsys.readouterr().out


def test_a_submission_may_begin_with_a_byte_order_mark(tmp_path, capsys):
    root, text = write_voc(tmp_path / "set"), tmp_path / "s.txt"
    text.write_text("1 1 0.5 0 0 9 9\n", encoding="utf-8-sig")
    where = ("--data", root, "--split", "train", "--out", tmp_path / "d.json")
    assert call("import", text, *where) == 0
    assert "3 images, 1 detections" in capsys.readouterr().out


def test_class_names_are_gathered_from_sub_folders_too(tmp_path):
    root = write_voc(tmp_path)
    (root / "classes.txt").unlink()
    for folder, ending in (("Annotations", "xml"), ("JPEGImages", "jpg")):
        (root / folder / "s").mkdir()
        (root / folder / f"train_000.{ending}").rename(root / folder / f"s/train_000.{ending}")
    path = root / "Annotations/s/train_000.xml"
    path.write_text(re.sub("<name>.*?</name>", "<name>disc</name>", path.read_text()))
    (root / "ImageSets/Main/train.txt").write_text("s/train_000\n")
    assert "disc" in open_dataset(root, "train").classes


def test_names_of_files_that_are_not_utf8(tmp_path, capsys):
    save_image(tmp_path / "a.jpg", _IMAGE)
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(tmp_path / "a.jpg", os.fsencode(folder) + b"/caf\xe9.jpg")
    shutil.copy(tmp_path / "a.jpg", folder / "a.jpg")
    code, text = said(capsys, "propose", folder, "--out", tmp_path / "p", "--workers", 1)
    assert code == 4
    assert "caf\\xe9.jpg: the file's name is not UTF-8 text, as the ids of images are." in text
    assert len(open_dataset(folder, skip_bad=True)) == 1
    out = os.fsdecode(os.fsencode(tmp_path) + b"/o\xe9")
    code, text = said(capsys, "propose", tmp_path / "a.jpg", "--out", out)
    assert code == 2
    assert "o\\xe9: not UTF-8 text" in text


def test_back_slashes_in_file_names_are_slashes(tmp_path):
    root = write_coco(tmp_path)

    def change(content, before):
        for image in content["images"]:
            image["file_name"] = before + re.split(r"[\\/]", image["file_name"])[-1]

    change_json(root, lambda content: change(content, "images\\"))
    assert len(open_dataset(root, "train")) == 3
    # Of a path of another machine its end is looked for.
    change_json(root, lambda content: change(content, "C:\\data\\"))
    assert len(open_dataset(root, "train")) == 3
    change_json(root, lambda content: change(content, "C:\\data\\no-"))
    assert r"file_name must lie below images/, got C:\data\no-000000000010.jpg." in refused(root)
