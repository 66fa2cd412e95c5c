"""Selective Search: the boxes, their order, the settings, images at the edges."""

import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from builders import scene, texture

from detect.boxes import areas, canonical_order, iou_matrix
from detect.errors import EnvironmentProblem
from detect.proposals.selective_search import (
    _CONVERSIONS,
    _MEASURES,
    find_boxes,
    propose,
    scores_by_rank,
    segmentation_module,
)
from detect.proposals.settings import COLOUR_SPACES, PRESETS, Search, SearchSettings
from detect.structures import Image, Size

SMALL = SearchSettings(width=160)
SEARCHES: tuple[Search, ...] = ("own", "opencv")


def _scene(seed: int = 0) -> Image:
    return scene(np.random.default_rng(seed), (120, 160), objects=3)[0]


@pytest.mark.parametrize("preset", PRESETS)
def test_finds_the_objects_of_a_scene(preset: str) -> None:
    image, truth, _ = scene(np.random.default_rng(3), (240, 320), objects=3)
    boxes = find_boxes(image, replace(PRESETS[preset], width=160))
    assert (iou_matrix(truth, boxes).max(axis=1) > 0.8).all()


def test_a_square_is_found_at_its_place_in_pixels_of_the_original() -> None:
    image = np.full((150, 400, 3), 40, np.uint8)
    image[30:110, 220:300] = (230, 60, 60)
    boxes = find_boxes(image, SearchSettings(width=200))
    truth = np.array([[220, 30, 300, 110]], np.float32)
    assert iou_matrix(truth, boxes).max() > 0.9


def test_doubled_superpixels_give_about_half_the_boxes() -> None:
    image = texture(np.random.default_rng(1), (240, 320))
    settings = (replace(PRESETS[name], width=300) for name in ("googlenet", "rcnn"))
    few, many = (len(find_boxes(image, one)) for one in settings)
    assert 0.35 < few / many < 0.6


def test_presets_are_rcnns_and_the_same_at_doubled_ks() -> None:
    """Spaces, measures, ks and sigma: R-CNN's selective_search_boxes.m; the smallest side is ours.

    Ks twice as large: GoogLeNet's paper, section 8.
    """
    two = ("colour+texture+size+fill", "texture+size+fill")
    fast = SearchSettings(("hsv", "lab"), (50, 100), two, sigma=0.8, width=500, min_side=10.0)
    spaces = ("hsv", "lab", "rgi", "hue", "intensity")
    every = replace(fast, colour_spaces=spaces, strategies=(*two, "fill", "size"))
    expected = {
        "rcnn": fast,
        "googlenet": replace(fast, ks=(100, 200)),
        "rcnn-quality": replace(every, ks=(50, 100, 150, 300)),
        "googlenet-quality": replace(every, ks=(100, 200, 300, 600)),
    }
    assert expected == PRESETS


def test_a_strategy_is_of_the_measures_in_its_name() -> None:
    names = {"colour": "Color", "texture": "Texture", "size": "Size", "fill": "Fill"}
    for strategy, measures in _MEASURES.items():
        assert measures == tuple(names[part] for part in strategy.split("+"))


@pytest.mark.parametrize("search", SEARCHES)
def test_the_smallest_superpixel_is_k(search: Search) -> None:
    """A square of 9 px has 81 px: more than 50, less than 100."""
    image = np.full((60, 60, 3), 40, np.uint8)
    image[20:29, 20:29] = (230, 60, 60)
    truth = np.array([[20, 20, 29, 29]], np.float32)
    settings = SearchSettings(width=60, min_side=5, search=search)
    found = [find_boxes(image, replace(settings, ks=(k,))) for k in (50, 100)]
    best = [iou_matrix(truth, boxes).max() for boxes in found]
    assert best[0] > 0.6
    assert best[1] < 0.3


def test_quality_finds_every_box_of_its_fast_preset() -> None:
    image = _scene()
    fast = {tuple(box) for box in find_boxes(image, SMALL).tolist()}
    quality = SearchSettings(tuple(COLOUR_SPACES), (50, 100, 150, 300), width=160)
    assert fast < {tuple(box) for box in find_boxes(image, quality).tolist()}


def test_boxes_are_distinct_sorted_inside_and_large_enough() -> None:
    boxes = find_boxes(_scene(), SearchSettings(width=300, min_side=12))
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    np.testing.assert_array_equal(canonical_order(boxes), np.arange(len(boxes)))
    assert boxes.dtype == np.float32
    assert boxes.min() >= 0
    assert (boxes.max(axis=0) <= [160, 120, 160, 120]).all()
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 12


def test_the_smallest_side_only_removes() -> None:
    every = find_boxes(_scene(), SearchSettings(width=160, min_side=0))
    large = find_boxes(_scene(), SearchSettings(width=160, min_side=25))
    expected = every[((every[:, 2:] - every[:, :2]) >= 25).all(axis=1)]
    np.testing.assert_array_equal(large, expected)
    assert 0 < len(large) < len(every)


def test_the_image_is_not_modified() -> None:
    image = _scene()
    before = image.copy()
    for search in SEARCHES:
        propose(image, "a", replace(SMALL, search=search))
        np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("search", SEARCHES)
def test_the_same_bytes_whatever_ran_before_and_in_another_process(search: Search) -> None:
    image, settings = np.ascontiguousarray(_scene()[:60, :80]), replace(SMALL, search=search)
    first = propose(image, "a", settings)
    propose(_scene(5), "b", settings)  # moves the C library's rand(), which OpenCV orders by
    again = propose(image, "a", settings)
    assert first.boxes.tobytes() == again.boxes.tobytes()
    code = (
        "import sys, numpy as np\n"
        "from detect.proposals.selective_search import propose\n"
        "from detect.proposals.settings import SearchSettings\n"
        "image = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(60, 80, 3)\n"
        f"settings = SearchSettings(width=160, search='{search}')\n"
        "sys.stdout.write(propose(image, 'a', settings).boxes.tobytes().hex())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], input=image.tobytes(), capture_output=True, check=True
    )
    assert other.stdout.decode() == first.boxes.tobytes().hex()


@pytest.mark.parametrize(("image_id", "seed"), [("a", 1), ("b", 0)])
def test_seed_and_image_id_change_the_order_alone(image_id: str, seed: int) -> None:
    image = _scene()
    one, other = propose(image, "a", SMALL), propose(image, image_id, SMALL, seed)
    assert not np.array_equal(one.boxes, other.boxes)
    for proposals in (one, other):
        ordered = proposals.boxes[canonical_order(proposals.boxes)]
        np.testing.assert_array_equal(ordered, find_boxes(image, SMALL))


def test_a_negative_seed_is_a_seed_of_its_own() -> None:
    orders = {propose(_scene(), "a", SMALL, seed).boxes.tobytes() for seed in (-1, 0, 1)}
    assert len(orders) == 3


def test_scores_fall_from_one_and_stay_above_zero() -> None:
    proposals = propose(_scene(), "a", SMALL)
    assert proposals.scores[0] == 1
    assert (np.diff(proposals.scores) < 0).all()
    assert proposals.scores[-1] == pytest.approx(1 / len(proposals), rel=1e-4)
    assert set(proposals.sources) == {"selective-search"}
    assert proposals.size == (120, 160)
    np.testing.assert_allclose(scores_by_rank(4), [1, 0.75, 0.5, 0.25])
    assert scores_by_rank(0).shape == (0,)


def test_large_boxes_come_early_as_in_the_original() -> None:
    sizes = areas(
        propose(texture(np.random.default_rng(0), (240, 320)), "a", PRESETS["rcnn"]).boxes
    )
    half = len(sizes) // 2
    assert sizes[:half].mean() > 2 * sizes[half:].mean()


def test_a_box_comes_first_as_often_as_its_place_by_area_and_chance_say() -> None:
    """Places 1, 2, 3 times uniform numbers u, v, w: the least is u in a share of 23/36.

    P(u < 2v and u < 3w) is the integral of (1 - u/2)(1 - u/3), 23/36; P(2v < u and 2v < 3w)
    that of (1 - 2v)(1 - 2v/3) to 1/2, 8/36; 5/36 are left.
    """
    image = np.full((40, 40, 3), 30, np.uint8)
    image[:, 24:] = 220  # the whole, a part of 24 px and one of 16 px
    settings = SearchSettings(ks=(50,), width=40, min_side=12)
    sizes = sorted(areas(find_boxes(image, settings)), reverse=True)
    assert len(sizes) == 3
    tops = [areas(propose(image, "a", settings, seed).boxes[:1])[0] for seed in range(400)]
    shares = [tops.count(size) / len(tops) for size in sizes]
    np.testing.assert_allclose(shares, [23 / 36, 8 / 36, 5 / 36], atol=0.06)


def test_a_box_comes_first_by_the_hierarchy_as_often_as_its_position_and_chance_say() -> None:
    """Two parts of one whole: positions 3 (the left one, found first), 2 and 1 (Uijlings 3.3).

    The integrals are those above.
    """
    image = np.full((40, 40, 3), 30, np.uint8)
    image[:, 24:] = 220
    settings = SearchSettings(("hsv",), (50,), ("size",), width=40, ranking="hierarchy")
    tops = [propose(image, "a", settings, seed).boxes[0].tolist() for seed in range(400)]
    whole, left, right = [0, 0, 40, 40], [0, 0, 24, 40], [24, 0, 40, 40]
    found = {tuple(box) for box in find_boxes(image, settings).tolist()}
    assert len(found) == 3
    assert tuple(whole) in found
    shares = [
        np.mean([np.abs(np.subtract(top, one)).max() < 3 for top in tops])
        for one in (whole, right, left)
    ]
    np.testing.assert_allclose(shares, [23 / 36, 8 / 36, 5 / 36], atol=0.06)


def test_ranking_changes_the_order_alone_and_is_the_same_every_time() -> None:
    image = _scene()
    by_area = propose(image, "a", SMALL)
    by_hierarchy = [propose(image, "a", replace(SMALL, ranking="hierarchy")) for _ in range(2)]
    assert by_hierarchy[0].boxes.tobytes() == by_hierarchy[1].boxes.tobytes()
    assert by_area.boxes.tobytes() != by_hierarchy[0].boxes.tobytes()
    for proposals in (by_area, by_hierarchy[0]):
        ordered = proposals.boxes[canonical_order(proposals.boxes)]
        np.testing.assert_array_equal(ordered, find_boxes(image, SMALL))


@pytest.mark.parametrize("size", [(90, 70), (10, 300), (12, 4600)])
def test_a_flat_image_has_one_box_the_whole(size: Size) -> None:
    """Of 10 px, the smallest side allowed, too; 4,600 x 12 px become 1,500 x 4."""
    proposals = propose(np.full((*size, 3), 128, np.uint8), "flat", SearchSettings())
    np.testing.assert_array_equal(proposals.boxes, [[0, 0, size[1], size[0]]])
    np.testing.assert_array_equal(proposals.scores, [1])


@pytest.mark.parametrize("size", [(1, 1), (9, 9), (9, 300), (300, 9)])
def test_an_image_below_the_smallest_side_has_none(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    proposals = propose(noise, "tiny", SearchSettings())
    assert proposals.boxes.shape == (0, 4)
    assert proposals.size == size


@pytest.mark.parametrize("size", [(12, 4600), (4600, 12), (40, 900), (900, 40)])
def test_extreme_aspect_ratios(size: tuple[int, int]) -> None:
    boxes = find_boxes(texture(np.random.default_rng(0), size), SearchSettings(ks=(100,)))
    assert len(boxes) > 0
    height, width = size
    assert (boxes.max(axis=0) <= [width, height, width, height]).all()


def test_grey_images_have_boxes() -> None:
    grey = np.repeat(_scene()[:, :, :1], 3, axis=2)
    assert len(find_boxes(grey, SMALL)) > 20


def test_normalised_red_and_green_by_hand() -> None:
    image = np.array([[[100, 50, 50], [0, 0, 0], [10, 30, 60]]], np.uint8)
    # 255 * 100/200 = 127.5 (to even), 255 * 50/200 = 63.75; grey .299 R + .587 G + .114 B
    expected = [[[128, 64, 65], [0, 0, 0], [26, 76, 27]]]
    np.testing.assert_array_equal(_CONVERSIONS["rgi"](image), expected)


@pytest.mark.parametrize(
    ("name", "red", "blue"),
    [
        ("hsv", [0, 255, 255], [120, 255, 255]),  # half degrees
        ("hue", 0, 120),
        # CIE (53.24, 80.09, 67.20) and (32.30, 79.19, -107.86): L * 2.55, a and b + 128
        ("lab", [136, 208, 195], [82, 207, 20]),
        ("intensity", 76, 29),  # 0.299 and 0.114 of 255
        ("rgi", [255, 0, 76], [0, 0, 29]),
    ],
)
def test_colours_of_red_and_blue_by_hand(name: str, red: object, blue: object) -> None:
    image = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    np.testing.assert_array_equal(_CONVERSIONS[name](image), [[red, blue]])


@pytest.mark.parametrize("name", COLOUR_SPACES)
def test_every_colour_space_alone_has_boxes(name: str) -> None:
    assert len(find_boxes(_scene(), SearchSettings((name,), width=160))) > 10


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"colour_spaces": ("rgb",)}, r"unknown \['rgb'\]; known: hsv, lab, rgi, hue, intensity"),
        ({"strategies": ()}, "unknown empty list; known: colour"),
        ({"ks": (0, 50)}, r"every k must be at least 1, got \[0, 50\]"),
        ({"width": 1501}, "width must be 16 to 1500 px, got 1501"),
        ({"sigma": 0.0}, "sigma must be above 0 px"),
        ({"sigma": float("nan")}, "sigma must be above 0 px"),
        ({"min_side": -1.0}, "min_side at least 0 px"),
        (
            {"search": "opencv", "ranking": "hierarchy"},
            "OpenCV does not give the hierarchy: ranking by it takes search own",
        ),
    ],
)
def test_bad_settings(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SearchSettings(**settings)  # type: ignore[arg-type]


def test_the_wrong_opencv_is_named_with_the_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    # What opencv-python-headless, installed over the contrib build, leaves of it.
    monkeypatch.delattr(cv2.ximgproc.segmentation, "createSelectiveSearchSegmentation")
    with pytest.raises(EnvironmentProblem) as caught:
        segmentation_module()
    lines = str(caught.value).splitlines()
    assert "has no Selective Search" in lines[0]
    repair = "pip install --force-reinstall --no-deps opencv-contrib-python-headless"
    assert lines[1] == f"Repair: {repair}"
