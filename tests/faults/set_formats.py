"""The formats of a data set: annotations as XML, images."""

import json
import re
from pathlib import Path
from xml.sax.saxutils import escape

from builders import save_image, texture, write_imagenet_det, write_voc
from faults.damages import odd_json, odd_lines, odd_word, one_of
from faults.fuzzing import Format, Random
from numpy.random import default_rng

from detect.data import cvat, data_hash, label_studio, labelme, open_dataset
from detect.data.foreign_labels import Images, to_dataset
from detect.data.split import Skipping
from detect.images import read_image, read_size

_ODD_TEXT = (
    "", "nan", "inf", "-1", "0", "0.5", "1e999", "9" * 4301, "n" * 300, "猫", "&a;", "&#0;",
    "<a>" * 3000, "<a/>", "<![CDATA[x]]>", "x\ny",
)  # fmt: skip
_LAUGHS = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "%s">%s]><annotation>&z;</annotation>'


def odd_xml(content: bytes, random: Random) -> bytes:
    """Put an odd text in the place of any in an XML, double an element, or leave it out."""
    text = content.decode()
    places = list(re.finditer(r"<(\w+)>([^<]*)</\1>", text))
    place = places[int(random.integers(len(places)))]
    tag, was = place[1], place[0]
    new = one_of((*(f"<{tag}>{odd}</{tag}>" for odd in _ODD_TEXT), was * 2, "", was * 300), random)
    return (text[: place.start()] + new + text[place.end() :]).encode()


def entities(content: bytes, random: Random) -> bytes:
    """Return an XML that grows without end when it is read."""
    more = b"".join(
        b'<!ENTITY %c "%s">' % (name, b"&%c;" % (name - 1) * 20) for name in range(99, 123)
    )
    return _LAUGHS % (b"x" * int(random.integers(1, 1000)), more)


def _make_image(folder: Path, suffix: str) -> Path:
    save_image(folder / f"i{suffix}", texture(default_rng(0), (48, 64)))
    return folder / f"i{suffix}"


def _make_yolo(folder: Path, wanted: str) -> Path:
    save_image(folder / "images/a.jpg", texture(default_rng(0), (48, 64)))
    (folder / "labels").mkdir()
    lines = "0 0.5 0.5 0.25 0.25\n1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 1.0\n"
    (folder / "labels/a.txt").write_text(lines, encoding="utf-8")
    names = "names:\n  0: cat\n  1: dog\n"
    (folder / "data.yaml").write_text(f"train: ../images\nval: [images]\nnc: 2\n{names}", "utf-8")
    return folder / wanted


def _make_labels(folder: Path, name: str) -> Path:
    """Write an image and labels of it, as an annotation program does."""
    save_image(folder / "a.jpg", texture(default_rng(0), (48, 64)))
    value = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 5, "rectanglelabels": ["cat"]}
    polygon = {"points": [[5, 5], [60, 5], [5, 70.5]], "polygonlabels": ["dog"]}
    regions = [
        {"original_width": 64, "original_height": 48, "value": one} for one in (value, polygon)
    ]
    shapes = [
        {"label": "cat", "points": [[1, 2], [30, 40]], "shape_type": "rectangle"},
        {"label": "dog", "points": [[20, 20], [25, 25]], "shape_type": "circle"},
    ]
    box = '<box label="cat" xtl="8.0" ytl="6.0" xbr="40.0" ybr="30.0" rotation="3"/>'
    polygons = '<polygon label="dog" points="10,20;30,25.5;20,40"/>'
    image = f'<image id="0" name="a.jpg" width="64" height="48">{box}{polygons}</image>'
    task = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": regions}]}
    sides = {"imageHeight": 48, "imageWidth": 64}
    contents = {
        "a.json": json.dumps({"shapes": shapes, "imagePath": "a.jpg", **sides}),
        "studio.json": json.dumps([task]),
        "cvat.xml": f"<annotations><version>1.1</version>{image}</annotations>",
    }
    (folder / name).write_text(contents[name], encoding="utf-8")
    return folder / name


def _read_labels(path: Path) -> None:
    readers = {"a.json": labelme.read, "studio.json": label_studio.read, "cvat.xml": cvat.read}
    skipping = Skipping(False)
    found = readers[path.name](path, skipping)
    data_hash(to_dataset(found, Images(path.parent), "labels", path, skipping))


def odd_attribute(content: bytes, random: Random) -> bytes:
    """Put an odd text in the place of an attribute of an XML."""
    text = content.decode()
    places = list(re.finditer(r'"[^"]*"', text))
    place = places[int(random.integers(len(places)))]
    odd = escape(one_of(_ODD_TEXT, random), {'"': "&quot;"})
    return f'{text[: place.start()]}"{odd}"{text[place.end() :]}'.encode()


def odd_yaml(content: bytes, random: Random) -> bytes:
    """Put an odd text in the place of a value or a line of YAML."""
    lines = content.decode().splitlines()
    place = int(random.integers(len(lines)))
    key = lines[place].partition(":")[0]
    lines[place] = one_of(
        (f"{key}: {one_of(_ODD_YAML, random)}", one_of(_ODD_YAML, random)), random
    )
    return "\n".join(lines).encode()


_ODD_YAML = (
    "", "[" * 3000, "{" * 300, "&a [*a]", "*a", "!!python/object:os.system", "2026-99-99", "nan",
    "~", "- x", "[1, null, {}]", "{1: a, 1.0: b}", "0x" + "f" * 99, "'n", "n" * 300, "{[1]: 2}",
    "? [a]",     "1" * 5000, "\x00", "!!binary x", "!!timestamp 0000-01-01",
)  # fmt: skip


def _read_image(path: Path) -> None:
    read_size(path)
    read_image(path)


SETS = {
    "VOC's XML": Format(
        lambda folder: write_voc(folder, {"test": 1}, objects=2) / "Annotations/test_000.xml",
        lambda path: open_dataset(path.parents[1], "test"),
        (odd_xml, odd_xml, entities),
    ),
    "ILSVRC's XML": Format(
        lambda folder: next(write_imagenet_det(folder, {"val": 1}, objects=2).rglob("*.xml")),
        lambda path: open_dataset(_root(path), "val"),
        (odd_xml, odd_xml, entities),
    ),
    "YOLO's labels": Format(
        lambda folder: _make_yolo(folder, "labels/a.txt"),
        lambda path: open_dataset(path.parents[1], "train"),
        (odd_word, odd_lines),
    ),
    "YOLO's names": Format(
        lambda folder: _make_yolo(folder, "data.yaml"),
        lambda path: (open_dataset(path.parent, "train"), open_dataset(path.parent, "val")),
        (odd_yaml, odd_yaml, odd_lines),
    ),
    "LabelMe's labels": Format(
        lambda folder: _make_labels(folder, "a.json"), _read_labels, (odd_json, odd_json)
    ),
    "Label Studio's labels": Format(
        lambda folder: _make_labels(folder, "studio.json"), _read_labels, (odd_json, odd_json)
    ),
    "CVAT's labels": Format(
        lambda folder: _make_labels(folder, "cvat.xml"),
        _read_labels,
        (odd_attribute, odd_attribute, entities),
    ),
    **{
        f"image ({suffix})": Format(lambda folder, s=suffix: _make_image(folder, s), _read_image)
        for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif")
    },
}


def _root(path: Path) -> Path:
    return next(folder for folder in path.parents if (folder / "ImageSets").is_dir())
