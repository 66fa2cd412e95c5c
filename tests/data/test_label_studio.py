"""Label Studio's regions: which are objects, which tell more of one, and which are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from detect.data.label_studio import read
from detect.data.split import Skipping
from detect.errors import DataError

_SIDES = {"original_width": 200, "original_height": 100}
_PLACE = {"x": 10, "y": 20, "width": 30, "height": 40}
# Of _PLACE in an image of 200 x 100 px.
_BOX = (20, 20, 80, 60)


def _region(kind: str, value: dict[str, Any], name: str = "r") -> dict[str, Any]:
    return {"id": name, "type": kind, **_SIDES, "value": value}


_CAT = _region("rectanglelabels", {**_PLACE, "rectanglelabels": ["cat"]}, "first")


def _tasks(path: Path, *results: list[dict[str, Any]]) -> Path:
    tasks = [
        {"id": number, "data": {"image": f"{number}.jpg"}, "annotations": [{"result": result}]}
        for number, result in enumerate(results, 1)
    ]
    (path / "e.json").write_text(json.dumps(tasks))
    return path / "e.json"


@pytest.mark.parametrize(
    ("kind", "place", "box"),
    [
        ("rectangle", _PLACE, _BOX),
        ("ellipse", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20}, (80, 30, 120, 70)),
        ("polygon", {"points": [[10, 20], [40, 20], [10, 60]]}, _BOX),
    ],
)
def test_a_shape_whose_label_stands_beside_it_is_one_object(tmp_path, kind, place, box):
    pair = [_region(kind, place), _region("labels", {**place, "labels": ["dog"]})]
    (found,) = read(_tasks(tmp_path, [_CAT, *pair]), Skipping(False))
    assert (found.names, found.boxes) == (("cat", "dog"), (_BOX, box))


def test_the_same_in_the_short_form(tmp_path):
    task = {
        "image": "a.jpg",
        "box": [{**_PLACE, "rotation": 0, **_SIDES}],
        "label": [{**_PLACE, "rotation": 0, "labels": ["dog"], **_SIDES}],
        "choice": "night",
    }
    (tmp_path / "min.json").write_text(json.dumps([task]))
    (found,) = read(tmp_path / "min.json", Skipping(False))
    assert (found.names, found.boxes) == (("dog",), (_BOX,))


def test_what_is_told_of_the_image_or_of_an_object_is_no_other(tmp_path):
    more = [
        _region("choices", {"choices": ["night"]}, "c"),
        _region("rating", {"rating": 3}, "d"),
        _region("textarea", {"text": ["a cat"]}, "e"),
        _region("choices", {**_PLACE, "choices": ["hidden"]}, "first"),
    ]
    (found,) = read(_tasks(tmp_path, [_CAT, *more]), Skipping(False))
    assert (found.names, found.boxes) == (("cat",), (_BOX,))


_LOST = {
    "brushlabels": {"format": "rle", "rle": [0, 1], "brushlabels": ["dog"]},
    "labels": {"format": "rle", "rle": [0, 1], "labels": ["dog"]},
    "keypointlabels": {"x": 1, "y": 2, "width": 0.5, "keypointlabels": ["dog"]},
    "vectorlabels": {"vertices": [{"x": 1, "y": 2}], "vectorlabels": ["dog"]},
    "bitmasklabels": {"imageDataURL": "data:", "bitmasklabels": ["dog"]},
    "rectangle": {**_PLACE, "x": 50},
}


@pytest.mark.parametrize("kind", _LOST)
def test_a_region_that_gives_no_object_is_refused(tmp_path, kind):
    path = _tasks(tmp_path, [_CAT, _region(kind, _LOST[kind])], [_CAT])
    with pytest.raises(DataError) as caught:
        read(path, Skipping(False))
    expected = (
        f"{path}: task 1: region 'r': a '{kind}' that gives no box with a label. Expected a "
        "rectangle, an ellipse or a polygon. Correct it, or leave the image out with skip_bad."
    )
    assert str(caught.value) == expected
    skipping = Skipping(True)
    assert [one.name for one in read(path, skipping)] == ["2.jpg"]
    assert len(skipping.lines) == 1


def test_a_region_of_several_labels_is_refused(tmp_path):
    path = _tasks(tmp_path, [_region("labels", {**_PLACE, "labels": ["dog", "cat"]})])
    with pytest.raises(DataError, match="can name no class"):
        read(path, Skipping(False))
