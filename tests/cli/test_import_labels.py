"""`detect import` of what annotation programs write: CVAT, Label Studio, LabelMe."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture
from commands import call

from detect.data import open_dataset

# Of an image of 64 x 48 px.
_RECTANGLE, _POLYGON = [8, 6, 40, 30], [10, 20, 30, 40]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a", "in/b"):
        save_image(tmp_path / f"photos/{name}.jpg", texture(np.random.default_rng(0), (48, 64)))
    return tmp_path / "photos"


def _imported(capsys, file, *more):
    """Import `file` and return the objects of the set it became, (name, box) by image."""
    out = Path(file).parent / "set"
    assert call("import", file, *more, "--out", out) == 0, capsys.readouterr().err
    dataset = open_dataset(out, "all")
    found = {}
    for sample in dataset.samples:
        names = [dataset.classes[label] for label in sample.annotations.labels]
        boxes = sample.annotations.boxes.round(3).tolist()
        found[sample.path.relative_to(out / "images").as_posix()] = list(
            zip(names, boxes, strict=True)
        )
    number = sum(map(len, found.values()))
    assert capsys.readouterr().out == f"{len(found)} images, {number} objects: {out}\n"
    return found


def _refused(capsys, file, *more, code=4):
    out = Path(file).parent / "set"
    assert call("import", file, *more, "--out", out) == code
    assert not out.exists()
    return capsys.readouterr().err


_CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task/></meta>
<image id="0" name="a.jpg" width="64" height="48">
<box label="cat" xtl="8.00" ytl="6.00" xbr="40.00" ybr="30.00" occluded="0" z_order="0"/>
<polygon label="dog" points="10.0,20.0;30.0,25.0;20.0,40.0" occluded="0"/>
<ellipse label="dog" cx="20" cy="30" rx="10" ry="5"/>
<box label="cat" xtl="20" ytl="10" xbr="40" ybr="20" rotation="90.0"/>
<tag label="night"/>
</image>
<image id="1" name="in/b.jpg" width="64" height="48"></image>
</annotations>
"""


def test_cvat(tmp_path, photos, capsys):
    (tmp_path / "annotations.xml").write_text(_CVAT)
    assert _imported(capsys, tmp_path / "annotations.xml", "--data", photos) == {
        "a.jpg": [
            ("cat", _RECTANGLE),
            ("dog", _POLYGON),
            ("dog", [10, 25, 30, 35]),
            ("cat", [25, 5, 35, 25]),
        ],
        "in/b.jpg": [],
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name="a.jpg"', 'name="c.jpg"', "image c.jpg: no file for the image 'c.jpg' in and below"),
        ('width="64"', 'width="65"', "says that a.jpg has 65x48 px (width x height)"),
        ('xbr="40.00"', 'xbr="80.00"', "object 1 (cat) of a.jpg, x1 y1 x2 y2 = 8 6 80 30, leaves"),
        ("<ellipse", "<polyline", "polyline of 'dog': such a shape has no box."),
        ('xtl="8.00"', 'xtl="x"', "box of 'cat': expected finite numbers."),
        ('label="cat"', 'label=""', "'' can name no class"),
        ("<image", "<track", "It has tracks of a video: export its frames"),
    ],
)
def test_wrong_cvat(tmp_path, photos, capsys, old, new, expected):
    text = _CVAT.replace(old, new).replace("</image>", "</track>" if "track" in new else "</image>")
    (tmp_path / "a.xml").write_text(text)
    assert expected in _refused(capsys, tmp_path / "a.xml", "--data", photos)


def _region(kind, value):
    sides = {"original_width": 64, "original_height": 48}
    return {"id": "r", "type": kind, **sides, "value": {"rotation": 0, **value}}


_STUDIO = [
    {
        "id": 7,
        "data": {"image": "/data/upload/1/0123abcd-a.jpg"},
        "annotations": [
            {"was_cancelled": True, "result": []},
            {
                "result": [
                    _region(
                        "rectanglelabels",
                        {
                            "x": 12.5, "y": 12.5, "width": 50, "height": 50,
                            "rectanglelabels": ["cat"],
                        },
                    ),
                    _region(
                        "rectanglelabels",
                        {
                            "x": 50, "y": 50, "width": 25, "height": 25, "rotation": 90,
                            "rectanglelabels": ["cat"],
                        },
                    ),
                    _region(
                        "polygonlabels",
                        {"points": [[25, 25], [50, 25], [25, 75]], "polygonlabels": ["dog"]},
                    ),
                    {"id": "c", "type": "choices", "value": {"choices": ["night"]}},
                ]
            },
        ],
    },
    {
        "id": 8,
        "data": {"image": "/data/local-files/?d=in/b.jpg"},
        "annotations": [{"result": []}],
    },
]  # fmt: skip


def test_label_studio(tmp_path, photos, capsys):
    (tmp_path / "export.json").write_text(json.dumps(_STUDIO))
    assert _imported(capsys, tmp_path / "export.json", "--data", photos) == {
        "a.jpg": [("cat", _RECTANGLE), ("cat", [20, 24, 32, 40]), ("dog", [16, 12, 32, 36])],
        "in/b.jpg": [],
    }


def test_label_studio_s_short_form(tmp_path, photos, capsys):
    region = {"x": 12.5, "y": 12.5, "width": 50, "height": 50, "rectanglelabels": ["cat"]}
    region |= {"original_width": 64, "original_height": 48}
    task = {"id": 1, "image": "/data/upload/1/0123abcd-a.jpg", "label": [region], "annotator": 1}
    (tmp_path / "min.json").write_text(json.dumps([task]))
    assert _imported(capsys, tmp_path / "min.json", "--data", photos) == {
        "a.jpg": [("cat", _RECTANGLE)]
    }


def test_tasks_of_label_studio_that_nobody_or_two_have_done(tmp_path, photos, capsys):
    tasks = json.loads(json.dumps(_STUDIO))
    tasks[1]["annotations"] = []
    (tmp_path / "e.json").write_text(json.dumps(tasks))
    expected = "task 8: 0 annotations, expected one. Choose one in Label Studio"
    assert expected in _refused(capsys, tmp_path / "e.json", "--data", photos)
    found = _imported(capsys, tmp_path / "e.json", "--data", photos, "--skip-bad")
    assert list(found) == ["a.jpg"]


def _labelme(path, name, shapes):
    content = {"version": "5.4", "flags": {}, "shapes": shapes, "imagePath": name}
    content |= {"imageData": None, "imageHeight": 48, "imageWidth": 64}
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(content))


def _shape(kind, points):
    return {"label": "cat", "points": points, "shape_type": kind, "group_id": None, "flags": {}}


def test_labelme(tmp_path, photos, capsys):
    shapes = [
        _shape("rectangle", [[40, 30], [8, 6]]),
        _shape("polygon", [[10, 20], [30, 25], [20, 40]]),
        _shape("circle", [[20, 20], [23, 24]]),
    ]
    _labelme(photos / "a.json", "a.jpg", shapes)
    _labelme(photos / "labels/b.json", "..\\in\\b.jpg", [])
    assert _imported(capsys, photos) == {
        "a.jpg": [("cat", _RECTANGLE), ("cat", _POLYGON), ("cat", [15, 15, 25, 25])],
        "in/b.jpg": [],
    }


def test_wrong_labelme(tmp_path, photos, capsys):
    file = photos / "a.json"
    _labelme(file, "a.jpg", [_shape("point", [[1, 2]])])
    assert "a.json: shape 1: a 'point' has no box." in _refused(capsys, file)
    _labelme(file, "a.jpg", [_shape("polygon", [[1], [2, 3]])])
    assert "shape 1: expected points of two numbers." in _refused(capsys, file)
    assert "--split means nothing for labels of LabelMe" in _refused(
        capsys, file, "--split", "x", code=2
    )
