"""The windows of crops: Caffe's formula as judge, hand-worked cases, laws, degenerate boxes."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.crops.geometry import Windows, fill_colour, windows
from detect.structures import FloatArray, Size

CROP_SIZES = (64, 96, 224, 227)


def whole_boxes(rng: np.random.Generator, count: int, size: Size) -> FloatArray:
    """Return boxes (N, 4) in whole pixels, at least one pixel, inside an image of `size`."""
    height, width = size
    x = np.sort(rng.integers(0, width + 1, (count, 2)), axis=1)
    y = np.sort(rng.integers(0, height + 1, (count, 2)), axis=1)
    boxes = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[kept].astype(np.float32)


@pytest.mark.parametrize(("mode", "context"), [("warp", 16), ("square", 16), ("square", 0)])
@pytest.mark.parametrize("crop_size", CROP_SIZES)
@pytest.mark.parametrize("size", [(60, 80), (375, 500), (7, 900), (1, 1)])
def test_windows_are_those_of_caffe(
    caffe: ModuleType, mode: str, context: int, crop_size: int, size: Size
) -> None:
    boxes = whole_boxes(np.random.default_rng(crop_size), 300, size)
    ours = windows(boxes, size, crop_size, context, mode)
    for box, source, target in zip(boxes, ours.sources, ours.targets, strict=True):
        inclusive = tuple(int(v) for v in box - (0, 0, 1, 1))
        pad = context * crop_size / 224
        region, place = caffe.caffe_window(inclusive, size, crop_size, pad, mode == "square")
        if min(place[2:]) < 1:  # Caffe stops here; ours shows nothing
            assert source.tolist() == target.tolist() == [0, 0, 0, 0]
            continue
        assert (source - (0, 0, 1, 1)).tolist() == list(region)
        assert target.tolist() == list(place)


def test_window_worked_by_hand() -> None:
    # Box 30 x 60 px: half sides 15 and 30, by 7/6: 17.5 and 35, about the centre (25, 50).
    # Columns round(7.5) = 8 to round(42.5) = 43, rows 15 to 85, both ends shown.
    inside = windows(np.array([[10, 20, 40, 80]], np.float32), (200, 300), 224)
    assert inside.sources.tolist() == [[8, 15, 44, 86]]
    assert inside.targets.tolist() == [[0, 0, 224, 224]]


def test_padding_worked_by_hand() -> None:
    # Box 60 x 60 px in the corner: window -5 to 65, 71 px, 5 of them outside. At 71 px of crop
    # a pixel is a pixel.
    corner = windows(np.array([[0, 0, 60, 60]], np.float32), (100, 100), 71)
    assert corner.sources.tolist() == [[0, 0, 66, 66]]
    assert corner.targets.tolist() == [[5, 5, 66, 66]]


def test_square_widens_the_shorter_side() -> None:
    box = np.array([[100, 120, 160, 140]], np.float32)  # centre (130, 130), half sides 30, 10
    assert windows(box, (300, 300), 224, mode="square").sources.tolist() == [[95, 95, 166, 166]]


def test_without_context_the_box_alone_is_shown() -> None:
    box = np.array([[10, 20, 74, 84], [10, 20, 10, 20]], np.float32)
    tight = windows(box, (200, 300), 64, context=0)
    assert tight.sources.tolist() == [[10, 20, 74, 84], [10, 20, 11, 21]]
    assert tight.targets.tolist() == [[0, 0, 64, 64]] * 2


def test_the_largest_number_below_a_half_rounds_down() -> None:
    # 0.49999997 + 0.5 is 1 in float32.
    below = np.nextafter(np.float32(0.5), np.float32(0))
    shown = windows(np.array([[below, 0.5, 8, 8]], np.float32), (20, 20), 64, context=0)
    assert shown.sources.tolist() == [[0, 1, 8, 8]]


@st.composite
def scenes(draw: st.DrawFn) -> tuple[FloatArray, Size]:
    size = draw(st.tuples(st.integers(1, 500), st.integers(1, 500)))
    number = st.floats(-1e4, 1e4, width=32)
    corners = draw(st.lists(st.tuples(number, number, number, number), min_size=1, max_size=8))
    boxes = np.array(corners, np.float32)
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    return np.concatenate([low, high], axis=1), size


@given(
    scene=scenes(),
    crop_size=st.integers(1, 300),
    context=st.floats(0, 100),
    mode=st.sampled_from(["warp", "square"]),
)
def test_sources_lie_in_the_image_and_targets_in_the_crop(
    scene: tuple[FloatArray, Size], crop_size: int, context: float, mode: str
) -> None:
    boxes, (height, width) = scene
    shown = windows(boxes, (height, width), crop_size, context, mode)
    assert len(shown) == len(boxes)
    x1, y1, x2, y2 = shown.sources.T
    x, y, w, h = shown.targets.T
    empty = w == 0
    assert ((x1 >= 0) & (x2 <= width) & (y1 >= 0) & (y2 <= height)).all()
    assert ((x >= 0) & (x + w <= crop_size) & (y >= 0) & (y + h <= crop_size)).all()
    assert ((x2 > x1) & (y2 > y1) & (w > 0) & (h > 0))[~empty].all()
    assert not shown.sources[empty].any()
    assert not shown.targets[empty].any()


@given(scene=scenes())
def test_every_crop_size_shows_the_same_pixels(scene: tuple[FloatArray, Size]) -> None:
    boxes, size = scene
    # From 11,000 px on even the thinnest sliver of these windows is wider than half a pixel.
    small, large = windows(boxes, size, 30_000), windows(boxes, size, 60_000)
    assert small.sources.tolist() == large.sources.tolist()


def test_a_box_outside_the_image_shows_nothing() -> None:
    boxes = np.array([[-50, 10, -20, 40], [10, 130, 40, 160], [300, 300, 310, 310]], np.float32)
    shown = windows(boxes, (100, 100), 64)
    assert not shown.sources.any()
    assert not shown.targets.any()


def test_a_box_outside_whose_context_reaches_in_shows_the_rim() -> None:
    shown = windows(np.array([[100, 20, 160, 80]], np.float32), (100, 100), 71)
    assert shown.sources.tolist() == [[95, 15, 100, 86]]
    assert shown.targets.tolist() == [[0, 0, 5, 71]]


def test_boxes_below_a_pixel_show_one_or_two() -> None:
    boxes = np.array([[10.1, 10.2, 10.3, 10.4], [10.6, 10.6, 10.6, 10.6]], np.float32)
    shown = windows(boxes, (100, 100), 64)
    assert shown.sources.tolist() == [[10, 10, 11, 11], [11, 11, 12, 12]]
    assert shown.targets.tolist() == [[0, 0, 64, 64]] * 2


def test_the_whole_of_a_one_pixel_image_is_a_quarter_of_its_crop() -> None:
    # Caffe's window of the box 0..1 is pixels 0 and 1; the second is outside.
    shown = windows(np.array([[0, 0, 1, 1]], np.float32), (1, 1), 64)
    assert shown.sources.tolist() == [[0, 0, 1, 1]]
    assert shown.targets.tolist() == [[0, 0, 32, 32]]


def test_a_sliver_below_half_a_pixel_of_the_crop_is_not_shown() -> None:
    shown = windows(np.array([[-5000, 0, 20, 50]], np.float32), (100, 400), 64, context=0)
    assert not shown.targets.any()


def test_far_boxes_do_not_overflow() -> None:
    shown = windows(np.array([[-1e30, -1e30, 1e30, 1e30]], np.float32), (100, 100), 64)
    assert not shown.targets.any()


def test_no_boxes() -> None:
    shown = windows(np.zeros((0, 4), np.float32), (10, 10), 64)
    assert len(shown) == 0
    assert shown.sources.shape == shown.targets.shape == (0, 4)


def test_input_is_left_alone_and_output_cannot_be_written() -> None:
    boxes = np.array([[1, 2, 30, 40]], np.float32)
    shown = windows(boxes, (50, 50), 64)
    assert boxes.tolist() == [[1, 2, 30, 40]]
    with pytest.raises(ValueError, match="read-only"):
        shown.sources[0, 0] = 5


def test_take_keeps_the_order_asked_for() -> None:
    shown = windows(whole_boxes(np.random.default_rng(0), 20, (80, 80)), (80, 80), 64)
    some = shown.take(np.array([3, 1]))
    assert some.sources.tolist() == shown.sources[[3, 1]].tolist()
    assert isinstance(some, Windows)
    assert len(some) == 2


@pytest.mark.parametrize(
    ("boxes", "options", "message"),
    [
        ([[1, 2, 3]], {}, r"windows: expected boxes of shape \(N, 4\), got \(1, 3\)"),
        (
            [[0, 0, 5, 5], [9, 0, 5, 5]],
            {},
            r"windows: expected finite boxes with x1 <= x2 and y1 <= y2, "
            r"got \[9.0, 0.0, 5.0, 5.0\] in row 1",
        ),
        ([[0, 0, np.nan, 5]], {}, "expected finite boxes .* in row 0"),
        ([[0, 0, 5, 5]], {"size": (0, 5)}, r"an image of at least 1x1 px, got size \(0, 5\)"),
        ([[0, 0, 5, 5]], {"crop_size": 0}, "a crop of at least 1 px, got 0"),
        ([[0, 0, 5, 5]], {"context": 112}, "0 <= context < 112 px at a crop of 224, got 112"),
        ([[0, 0, 5, 5]], {"mode": "squash"}, "mode 'warp' or 'square', got 'squash'"),
    ],
)
def test_bad_calls_say_what_was_expected(
    boxes: list[list[float]], options: dict[str, object], message: str
) -> None:
    arguments = {"size": (20, 20), "crop_size": 64, **options}
    with pytest.raises(ValueError, match=message):
        windows(np.array(boxes, np.float32), **arguments)


def test_fill_colour_is_whole_levels() -> None:
    assert fill_colour((0, 123.675, 254.6)).tolist() == [0, 124, 255]


@pytest.mark.parametrize("mean", [(1, 2), (1, 2, 256), (-1, 2, 3), (np.nan, 1, 1)])
def test_fill_colour_refuses_other_means(mean: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"fill_colour: expected three levels of 0..255, got \["):
        fill_colour(mean)
