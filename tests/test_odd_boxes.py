"""Boxes and objects that are no VOC or COCO: refused by a text that says what to do."""

import json
import re

import numpy as np
import pytest
from builders import write_coco, write_voc
from odd_inputs import change_json, change_xml, refused, said

from detect.data import open_dataset


def test_fractions_are_not_taken_for_pixels(tmp_path):
    coco, voc = write_coco(tmp_path / "coco"), write_voc(tmp_path / "voc")
    box = [0.16, 0.17, 0.16, 0.26]
    change_json(coco, lambda content: content["annotations"][0].update(bbox=box))
    assert f"bbox {box}, has numbers from 0 to 1 alone: fractions" in refused(coco)
    low, high = r"<(xmin|ymin)>\d+", r"<(xmax|ymax)>\d+"
    change_xml(voc, lambda text: re.sub(low, r"<\1>0.16", re.sub(high, r"<\1>0.5", text)))
    text = refused(voc)
    assert "xmin ymin xmax ymax = 0.16 0.16 0.5 0.5, has numbers from 0 to 1 alone" in text
    assert "Multiply those of x by the image's width, those of y by its height." in text


def test_fractions_of_other_programs_are_refused_too(tmp_path, capsys):
    root = write_coco(tmp_path / "set")
    entry = {"category_id": 3, "bbox": [0.1, 0.2, 0.5, 0.25], "score": 0.5}
    entries = [{"image_id": image, **entry} for image in (10, 20)] * 5
    (tmp_path / "r.json").write_text(json.dumps(entries))
    np.savez(tmp_path / "r.npz", **{"10": [[0.1, 0.2, 0.5, 0.25]]})
    where = ("--data", root, "--split", "train")
    expected = "all numbers of all boxes are from 0 to 1: fractions of the image"
    for words in (
        ("eval", "--map", "--detections", tmp_path / "r.json"),
        ("import", tmp_path / "r.json", "--out", tmp_path / "p"),
        ("import", tmp_path / "r.npz", "--out", tmp_path / "p"),
    ):
        code, text = said(capsys, *words, *where)
        assert (code, expected in text) == (4, True)


def test_the_first_pixel_is_an_object(tmp_path):
    root = write_voc(tmp_path)
    change_xml(root, lambda text: re.sub(r"<(x|y)(min|max)>\d+", r"<\1\2>1", text))
    assert open_dataset(root, "train").samples[0].annotations.boxes[0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda text: text.replace("<annotation>", '<annotation xmlns="http://a.b/c">'),
            "begins with <{http://a.b/c}annotation>, a name in a namespace (xmlns)",
        ),
        (lambda text: text.replace("object>", "Object>"), "<Object> stands below <annotation>"),
        (
            lambda text: re.sub("(<object>.*</object>)", r"<objects>\1</objects>", text),
            "<object> stands below <objects>",
        ),
        (lambda text: text.replace("object>", "item>"), "<bndbox> stands below <item>"),
        (
            lambda _: "<annotations><image id='0' name='a.jpg'/></annotations>",
            "begins with <annotations>, as CVAT's own format does, which detect import turns",
        ),
    ],
)
def test_objects_elsewhere_in_an_xml_are_not_none(tmp_path, change, expected):
    root = write_voc(tmp_path)
    change_xml(root, change)
    text = refused(root)
    assert expected in text
    assert "Expected VOC's <annotation> with an <object> below it for each object." in text


def test_an_xml_in_another_encoding(tmp_path):
    root = write_voc(tmp_path, {"train": 1})
    (root / "classes.txt").unlink()
    path = root / "Annotations/train_000.xml"
    text = re.sub("<name>.*?</name>", "<name>金鱼</name>", path.read_text())
    path.write_bytes(text.encode("gbk"))
    error = refused(root)
    assert "is no UTF-8, which an XML is that declares no other encoding. Save it as" in error
    path.write_bytes(f'<?xml version="1.0" encoding="gbk"?>{text}'.encode("gbk"))
    assert open_dataset(root, "train").classes == ("金鱼",)
    path.write_bytes(f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode("gbk"))
    assert "is no UTF-8, as its first line declares" in refused(root)


_IDS = {
    "missing": lambda one: one.pop("id"),
    "a string": lambda one: one.update(id="100"),
    "a float": lambda one: one.update(id=100.0),
    "another's": lambda one: one.update(id=101),
}


@pytest.mark.parametrize("name", _IDS)
def test_annotations_need_a_number_of_their_own(tmp_path, name):
    root = write_coco(tmp_path, objects=2)
    change_json(root, lambda content: _IDS[name](content["annotations"][0]))
    text = refused(root)
    assert "an annotation of image 10 has the id" in text
    assert "expected a whole number that no other has" in text
    assert 'for n, a in enumerate(content["annotations"], 1): a["id"] = n' in text
    left = open_dataset(root, "train", skip_bad=True)
    assert [sample.image_id for sample in left.samples] == ["20", "30"]
