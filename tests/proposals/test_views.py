"""Which windows MultiBox sees, how they are warped, which of their boxes are believed."""

import cv2
import numpy as np
import pytest
from builders import texture
from hypothesis import given
from hypothesis import strategies as st

from detect.proposals.views import VIEWS, Window, believed, to_image, views, warp
from detect.structures import FloatArray, Size

lengths = st.integers(1, 300)
sizes = st.tuples(lengths, lengths)


def test_the_views_of_a_4_to_3_image() -> None:
    whole: Window = (0, 0, 400, 300)
    squares: list[Window] = [(0, 0, 300, 300), (50, 0, 350, 300), (100, 0, 400, 300)]
    assert views((300, 400), "whole") == [whole]
    assert views((300, 400), "squares") == [whole, *squares]
    # 180 px squares; four in a row are (400 - 180) / 3 apart, three in a column 60
    dense = [(x, y, x + 180, y + 180) for y in (0, 60, 120) for x in (0, 73, 146, 220)]
    assert views((300, 400), "dense") == [whole, *squares, *dense]


@pytest.mark.parametrize("size", [(480, 640), (375, 500), (768, 1024), (640, 480)])
def test_a_4_to_3_image_has_the_numbers_of_views_that_coverage_was_measured_with(
    size: Size,
) -> None:
    assert [len(views(size, kind)) for kind in VIEWS] == [1, 4, 16]


def test_upright_images_are_cut_along_their_height() -> None:
    assert views((40, 30), "squares") == [
        (0, 0, 30, 40), (0, 0, 30, 30), (0, 5, 30, 35), (0, 10, 30, 40),
    ]  # fmt: skip


def test_equal_windows_come_once() -> None:
    assert views((7, 7), "squares") == [(0, 0, 7, 7)]
    assert views((10, 11), "squares") == [(0, 0, 11, 10), (0, 0, 10, 10), (1, 0, 11, 10)]
    assert [views((1, 1), kind) for kind in VIEWS] == [[(0, 0, 1, 1)]] * 3
    assert len(views((100, 100), "dense")) == 1 + 9


def test_a_very_long_image() -> None:
    found = views((100, 2000), "squares")
    assert found[1:] == [(0, 0, 100, 100), (950, 0, 1050, 100), (1900, 0, 2000, 100)]
    dense = views((100, 2000), "dense")[4:]
    assert len(dense) == 66 * 3  # 60 px squares 30 px apart
    assert {x2 - x1 for x1, _, x2, _ in dense} == {60}


@given(sizes)
def test_small_squares_cover_the_image_and_overlap_by_half(size: Size) -> None:
    found = views(size, "dense")
    assert len(found) == len(set(found))
    shown = np.zeros(size, int)
    side = max(1, round(0.6 * min(size)))
    for x1, y1, x2, y2 in found:
        assert 0 <= x1 < x2 <= size[1]
        assert 0 <= y1 < y2 <= size[0]
        if (x2 - x1, y2 - y1) == (side, side):
            shown[y1:y2, x1:x2] += 1
    assert shown.min() >= 1
    for axis in (0, 1):
        starts = np.unique([w[axis] for w in found if w[2] - w[0] == w[3] - w[1] == side])
        assert np.diff(starts).max(initial=0) <= max(1, side / 2)


@pytest.mark.parametrize("kind", VIEWS)
@given(size=sizes)
def test_every_kind_covers_the_image(kind: str, size: Size) -> None:
    assert views(size, kind)[0] == (0, 0, size[1], size[0])


@given(sizes)
def test_turning_the_image_turns_its_views(size: Size) -> None:
    turned = {(y1, x1, y2, x2) for x1, y1, x2, y2 in views(size[::-1], "dense")}
    assert turned == set(views(size, "dense"))


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of whole, squares, dense, got 'many'"):
        views((2, 2), "many")


def test_warping_averages_what_shrinks_and_interpolates_what_grows() -> None:
    image = texture(np.random.default_rng(0), (64, 96))
    blocks = image[16:48, 8:40].reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(warp(image, (8, 16, 40, 48), 16), blocks, atol=0.51)
    larger = cv2.resize(image[3:23, 5:25], (32, 32), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(warp(image, (5, 3, 25, 23), 32), larger)
    # 64 wide, 8 high to 16 x 16: columns in fours become means, rows grow
    means = image[:8, :64].reshape(8, 16, 4, 3).mean(axis=2)
    expected = cv2.resize(means, (16, 16), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(warp(image, (0, 0, 64, 8), 16), expected, atol=1.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (24, 24)])
def test_any_image_warps_to_a_square(size: Size) -> None:
    image = np.full((*size, 3), (10, 200, 30), np.uint8)
    warped = warp(image, (0, 0, size[1], size[0]), 24)
    assert (warped.shape, warped.dtype) == ((24, 24, 3), np.uint8)
    np.testing.assert_array_equal(warped, np.full((24, 24, 3), (10, 200, 30)))


@pytest.mark.parametrize("window", [(0, 0, 0, 4), (3, 3, 2, 4), (0, 0, 7, 4), (-1, 0, 3, 3)])
def test_a_window_outside_the_image_is_refused(window: Window) -> None:
    with pytest.raises(ValueError, match=r"window: expected within \(0, 0, 6, 5\), got"):
        warp(np.zeros((5, 6, 3), np.uint8), window, 8)


NEAR_EACH_SIDE = np.array(
    [[0.05, 0.4, 0.6, 0.6], [0.4, 0.05, 0.6, 0.6], [0.4, 0.4, 0.95, 0.6], [0.4, 0.4, 0.6, 0.95]],
    np.float32,
)


@pytest.mark.parametrize(
    ("window", "kept"),
    [
        ((0, 0, 40, 30), [True, True, True, True]),  # the whole image
        ((0, 0, 30, 30), [True, True, False, True]),
        ((5, 0, 35, 30), [False, True, False, True]),
        ((10, 0, 40, 30), [False, True, True, True]),
        ((1, 1, 39, 29), [False, False, False, False]),
    ],
)
def test_boxes_near_a_cut_are_not_believed(window: Window, kept: list[bool]) -> None:
    assert believed(NEAR_EACH_SIDE, window, (30, 40)).tolist() == kept


def test_the_tenth_itself_is_far_enough() -> None:
    boxes = np.array([[0.1, 0.1, 0.9, 0.9], [0.0999, 0.2, 0.5, 0.5]], np.float32)
    assert believed(boxes, (1, 1, 2, 2), (3, 3)).tolist() == [True, False]
    assert believed(boxes[:0], (1, 1, 2, 2), (3, 3)).shape == (0,)


def test_fractions_of_a_window_become_pixels() -> None:
    boxes = np.array([[0, 0, 1, 1], [0.25, 0.5, 0.5, 0.75]], np.float32)
    expected = [[10, 20, 50, 40], [20, 30, 30, 35]]
    np.testing.assert_array_equal(to_image(boxes, (10, 20, 50, 40)), expected)


@given(sizes, st.integers(0, 2**32 - 1))
def test_mapping_keeps_boxes_within_their_window(size: Size, seed: int) -> None:
    corners = np.sort(np.random.default_rng(seed).random((20, 2, 2)), axis=1)
    boxes: FloatArray = corners.reshape(20, 4).astype(np.float32)
    for window in views(size, "squares"):
        mapped = to_image(boxes, window)
        assert (mapped[:, :2] >= window[:2]).all()
        assert (mapped[:, 2:] <= window[2:]).all()
        back = (mapped - (window[:2] * 2)) / (np.subtract(window[2:], window[:2]).tolist() * 2)
        np.testing.assert_allclose(back, boxes, atol=1e-3)
