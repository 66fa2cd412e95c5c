"""Pictures of findings: what part of the image they show, and that any box can be drawn."""

import base64
import io

import numpy as np
import pytest
from builders import save_image, texture
from checking import seen
from PIL import Image as Pictures

from detect.checks.findings import Finding
from detect.report.checked_pictures import _part, picture_url

SIZE = (240, 320)


@pytest.fixture
def path(tmp_path):
    save_image(tmp_path / "a.png", texture(np.random.default_rng(0), SIZE))
    return tmp_path / "a.png"


def opened(url):
    kind, _, content = url.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Pictures.open(io.BytesIO(base64.b64decode(content)))


def test_a_small_box_is_shown_from_near_by_and_inside_the_image():
    assert _part(SIZE, [(100, 100, 130, 120)], near=True) == (70, 65, 160, 155)
    assert _part(SIZE, [(0, 0, 4, 4)], near=True) == (0, 0, 64, 64)
    assert _part(SIZE, [(310, 236, 320, 240)], near=True) == (256, 176, 320, 240)


def test_a_large_box_is_shown_with_the_whole_image_and_what_it_leaves():
    assert _part(SIZE, [(10, 10, 200, 200)], near=True) == (0, 0, 320, 240)
    assert _part(SIZE, [(-20, 0, 400, 100)], near=True) == (-20, 0, 400, 240)
    assert _part(SIZE, [(-900, 0, 9000, 100)], near=True) == (-160, 0, 480, 240)
    assert _part(SIZE, [(-900, 0, -890, 9)], near=False) == (-160, 0, 320, 240)
    assert _part(SIZE, [], near=False) == (0, 0, 320, 240)


@pytest.mark.parametrize(
    "box",
    [
        (-5e8, -5e8, 5e8, 5e8), (1e9, 1e9, 1e9 + 5, 1e9 + 5), (60, 60, 10, 10), (5, 5, 5, 5),
        (0.1, 0.1, 0.2, 0.2), (-40, -40, -30, -30), (319, 0, 330, 240), (300, 50, -300, 60),
    ],
)  # fmt: skip
def test_any_box_can_be_drawn(path, box):
    image = seen([box], size=SIZE, path=path)
    for objects in ((0,), ()):
        picture = opened(picture_url(Finding("outside", "", (image,), objects)))
        assert max(picture.size) <= 1280
    assert picture_url(Finding("doubt-unlabelled", "", (image,), box=box))


def test_several_images_are_one_picture_and_what_cannot_be_read_is_none(path):
    image = seen([(10, 10, 90, 90)], size=SIZE, path=path)
    assert opened(picture_url(Finding("leak", "", (image,) * 7))).size[0] > 900
    gone = seen([(10, 10, 90, 90)], path=path.with_name("b.png"))
    assert picture_url(Finding("leak", "", (image, gone))) is None
    assert picture_url(Finding("few", "")) is None
