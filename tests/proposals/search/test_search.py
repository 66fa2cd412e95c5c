"""Selective Search of our own: OpenCV's boxes, whatever the image."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import SHARED, needs_shared, scene, texture

from detect.images import read_image
from detect.proposals import search
from detect.proposals.search import grouping, regions, segmentation, similarity, sorted_grouping
from detect.proposals.search.regions import Appearance
from detect.proposals.search.segmentation import EdgeGraph
from detect.proposals.selective_search import find_boxes
from detect.proposals.settings import COLOUR_SPACES, PRESETS, SearchSettings
from detect.structures import Image

SETS = ("bccd", "coco-tiny", "coco12", "fruits", "voc2012-mini")
SQUARE = np.full((150, 200, 3), 40, np.uint8)
SQUARE[30:110, 120:190] = (230, 60, 60)
ODD = {
    "checks": np.kron(np.indices((12, 20)).sum(0) % 2, np.ones((8, 8)))[:, :, None] * [200, 99, 50],
    "four levels": texture(np.random.default_rng(2), (120, 160)) // 64 * 64,
    "ramp": np.repeat(np.tile(np.arange(200), (60, 1))[:, :, None], 3, axis=2),
    "square": SQUARE,
}
SIDES = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 40), (40, 1), (3, 300), (300, 3), (4, 700), (700, 4)]


def assert_opencvs(image: Image, settings: SearchSettings) -> None:
    """Compare what both find in `image`, nothing dropped and nothing resized."""
    exact = replace(settings, min_side=0, width=max(16, min(image.shape[1], 1500)))
    ours, opencvs = (find_boxes(image, replace(exact, search=one)) for one in ("own", "opencv"))
    np.testing.assert_array_equal(ours, opencvs)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ODD)
def test_images_full_of_equal_edges(name: str, preset: str) -> None:
    assert_opencvs(ODD[name].astype(np.uint8), PRESETS[preset])


@pytest.mark.parametrize("size", SIDES)
def test_images_of_one_pixel_or_one_line(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    for image in (noise, np.zeros_like(noise), np.full_like(noise, 77)):
        assert_opencvs(image, PRESETS["rcnn-quality"])


@pytest.mark.parametrize("size", [(40, 1500), (1500, 40), (16, 500), (500, 16)])
def test_panoramas(size: tuple[int, int]) -> None:
    assert_opencvs(texture(np.random.default_rng(1), size), PRESETS["googlenet"])


@pytest.mark.parametrize("name", COLOUR_SPACES)
def test_every_colour_space_of_a_scene(name: str) -> None:
    image = scene(np.random.default_rng(3), (120, 160), objects=3)[0]
    assert_opencvs(image, replace(PRESETS["rcnn-quality"], colour_spaces=(name,)))


@pytest.mark.parametrize("settings", [{"sigma": 0.3}, {"sigma": 2.5}, {"ks": (1, 7, 1000)}])
def test_other_settings(settings: dict[str, object]) -> None:
    image = texture(np.random.default_rng(4), (50, 70))
    assert_opencvs(image, replace(PRESETS["rcnn-quality"], **settings))


def _photographs() -> list[Path]:
    """Return 12 photographs of each set, evenly spread."""
    chosen: list[Path] = []
    for name in SETS:
        files = sorted((SHARED / name).rglob("*.jpg"))
        chosen += files[:: max(1, len(files) // 12)][:12]
    return chosen


@needs_shared
def test_photographs_of_all_sets() -> None:
    """Every preset in turn; at their width, made smaller for the two that are slow by OpenCV."""
    photographs = _photographs()
    assert len(photographs) >= 50
    for number, path in enumerate(photographs):
        name = list(PRESETS)[number % 4]
        settings = replace(PRESETS[name], width=200 if name.endswith("quality") else 500)
        ours, opencvs = (
            find_boxes(read_image(path), replace(settings, search=one)) for one in ("own", "opencv")
        )
        np.testing.assert_array_equal(ours, opencvs, err_msg=f"{path.name}, {name}")


@pytest.mark.parametrize(("name", "ties"), [("checks", 1), ("ramp", 0)])
def test_edges_are_sorted_as_opencv_does_only_where_equal_ones_decide(name: str, ties: int) -> None:
    """Both images have equal edges everywhere; the ramp's join nothing small at this k."""
    graph = EdgeGraph(ODD[name].astype(np.uint8), 0.8)
    graph.segment(50.0, 50)
    assert graph.ties == ties


def test_segments_are_numbered_by_appearance_and_none_is_too_small() -> None:
    labels = EdgeGraph(texture(np.random.default_rng(0), (80, 100)), 0.8).segment(20.0, 30)
    _, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    assert (np.diff(first) > 0).all()
    assert sizes.min() >= 30


def _regions() -> regions.Regions:
    image = texture(np.random.default_rng(5), (90, 120))
    return Appearance(image).regions(EdgeGraph(image, 0.8).segment(5.0, 10))


def test_regions_by_hand() -> None:
    """Two columns and a row of 2 px beside each other: OpenCV sees no pair in the first line."""
    image = np.zeros((3, 4, 3), np.uint8)
    image[:, 2:] = 100
    labels = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 1, 1]], np.int32)
    found = Appearance(image).regions(labels)
    assert found.sizes.tolist() == [4, 6, 2]
    assert found.boxes.tolist() == [[0, 0, 2, 2], [2, 0, 4, 3], [0, 2, 2, 3]]
    pairs = zip(found.firsts.tolist(), found.seconds.tolist(), strict=True)
    assert list(pairs) == [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_allclose(found.colours.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(found.textures.sum(axis=1), 1, rtol=1e-6)
    assert found.colours[0, [0, 25, 50]] == pytest.approx([1 / 3] * 3)
    assert found.colours[1, [9, 34, 59]] == pytest.approx([1 / 3] * 3)  # 100 * 25 / 256


def test_turning_back_less_gives_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """At this size the last pixels used would be among those that OpenCV rounds otherwise."""
    image = texture(np.random.default_rng(6), (266, 200))
    found = regions.gradients(image)
    monkeypatch.setattr(regions, "_LAST_COLUMNS", 10**6)
    np.testing.assert_array_equal(found, regions.gradients(image))


def test_a_hierarchy_begins_with_the_segments_and_ends_with_the_whole() -> None:
    found = _regions()
    boxes, merged, _ = grouping.group(found, (True, True, True, True))
    np.testing.assert_array_equal(boxes[: len(found.sizes)], found.boxes)
    assert len(boxes) == 2 * len(found.sizes) - 1
    assert boxes[-1].tolist() == [0, 0, 120, 90]
    assert_merged(boxes, merged)


def assert_merged(boxes: np.ndarray, merged: np.ndarray) -> None:
    """Every region but the last is merged once, and a box holds the two that it was made of."""
    first = len(boxes) - len(merged)
    assert sorted(merged.reshape(-1).tolist()) == list(range(len(boxes) - 1))
    assert (merged.max(axis=1) < np.arange(first, len(boxes))).all()
    one, two = boxes[merged[:, 0]], boxes[merged[:, 1]]
    np.testing.assert_array_equal(boxes[first:, :2], np.minimum(one, two)[:, :2])
    np.testing.assert_array_equal(boxes[first:, 2:], np.maximum(one, two)[:, 2:])


@pytest.mark.parametrize("strategy", [(True, True, True, True), (False, False, False, True)])
def test_the_tree_and_sorting_group_alike_where_nothing_is_equal(
    strategy: similarity.Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of equals, which filling has, another order still merges all."""
    found = _regions()
    first = similarity.begin(found, strategy)
    pairs = found.firsts.copy(), found.seconds.copy()
    sorted_boxes, sorted_merged = sorted_grouping.group_sorted(first, *pairs)
    monkeypatch.setattr(grouping, "MOST_PAIRS", 0)
    boxes, merged, tied = grouping.group(found, strategy)
    assert tied is not strategy[0]
    assert len(boxes) == len(sorted_boxes)
    assert_merged(boxes, merged)
    assert_merged(sorted_boxes, sorted_merged)
    if not tied:
        np.testing.assert_array_equal(boxes, sorted_boxes)
        np.testing.assert_array_equal(np.sort(merged), np.sort(sorted_merged))


def test_preparing_compiles_everything_once() -> None:
    search.prepare()
    modules = (grouping, regions, segmentation, similarity, sorted_grouping)
    loops = [
        loop
        for module in modules
        for loop in vars(module).values()
        if hasattr(loop, "signatures") and loop.__module__ == module.__name__
    ]
    before = [len(loop.signatures) for loop in loops]
    assert_opencvs(ODD["four levels"].astype(np.uint8), PRESETS["rcnn-quality"])
    image = np.asarray(cv2.resize(SQUARE, (99, 77)), np.uint8)
    assert_opencvs(image, PRESETS["rcnn"])
    assert [len(loop.signatures) for loop in loops] == before
    assert len(loops) > 20
