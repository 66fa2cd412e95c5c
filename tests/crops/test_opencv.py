"""Crops by OpenCV: Caffe's pixels exactly, mean colour, interpolation a crop."""

from types import ModuleType

import cv2
import numpy as np
import pytest

from detect.crops.geometry import windows
from detect.crops.opencv import INTERPOLATIONS, crop
from detect.structures import Image

MEAN = (124, 117, 104)


@pytest.fixture
def image() -> Image:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.fixture
def boxes() -> np.ndarray:
    inside = [[20, 20, 50, 45], [0, 0, 30, 60], [70, 50, 80, 60], [0, 0, 80, 60]]
    return np.array([*inside, [3, 58, 77, 60], [40, 30, 41, 31]], np.float32)


@pytest.mark.parametrize("mode", ["warp", "square"])
@pytest.mark.parametrize("crop_size", [32, 64])
def test_crops_are_those_of_caffe(
    caffe: ModuleType, image: Image, boxes: np.ndarray, crop_size: int, mode: str
) -> None:
    shown = windows(boxes, (60, 80), crop_size, 16, mode)
    ours = crop(image, shown, crop_size, MEAN)
    for box, made in zip(boxes, ours, strict=True):
        inclusive = tuple(int(v) for v in box - (0, 0, 1, 1))
        pad = 16 * crop_size / 224
        theirs = caffe.caffe_crop(image, inclusive, crop_size, pad, mode == "square")
        assert np.abs(made.astype(int) - theirs).max() == 0


def test_outside_is_the_mean_and_inside_a_flat_image_is_flat() -> None:
    flat = np.full((50, 50, 3), 200, np.uint8)
    # At a corner, over one side alone, and wholly outside.
    boxes = [[0, 0, 60, 60], [20, 10, 50, 40], [200, 200, 210, 210]]
    shown = windows(np.array(boxes, np.float32), (50, 50), 71)
    crops = crop(flat, shown, 71, (10.4, 20.6, 30.0))
    for made, (x, y, width, height) in zip(crops, shown.targets, strict=True):
        assert (made[y : y + height, x : x + width] == 200).all()
        made[y : y + height, x : x + width] = (10, 21, 30)
    assert (crops == (10, 21, 30)).all()


def test_each_crop_has_its_own_interpolation(image: Image, boxes: np.ndarray) -> None:
    shown = windows(boxes[:4], (60, 80), 40)
    names = list(INTERPOLATIONS)
    mixed = crop(image, shown, 40, MEAN, names)
    for number, name in enumerate(names):
        alone = crop(image, shown, 40, MEAN, name)
        assert (mixed[number] == alone[number]).all()
    assert len({crop(image, shown, 40, MEAN, name).tobytes() for name in names}) == 4


@pytest.mark.parametrize(
    ("name", "levels", "expected"),
    [
        # Three pixels to one: the middle one. OpenCV's plain INTER_NEAREST takes the first.
        ("nearest", [0, 9, 0, 0, 0, 9, 3, 6, 0], [9, 0, 6]),
        ("area", [0, 9, 0, 0, 0, 9, 3, 6, 0], [3, 3, 3]),
        # Halfway between two pixels Keys' cubic with a = -0.75 (OpenCV's) weighs them and the
        # next two by -3/32, 19/32, 19/32, -3/32: 64 levels above 100 are 38 in one crop pixel
        # and -6 in the next.
        ("cubic", [100, 100, 100, 164, 100, 100, 100, 100], [100, 138, 94, 100]),
    ],
)
def test_interpolations_worked_by_hand(name: str, levels: list[int], expected: list[int]) -> None:
    count, side = len(levels), len(expected)
    image = np.tile(np.array(levels, np.uint8)[None, :, None], (count, 1, 3))
    shown = windows(np.array([[0, 0, count, count]], np.float32), (count, count), side, context=0)
    assert crop(image, shown, side, MEAN, name)[0, :, :, 0].tolist() == [expected] * side


def test_read_only_images_and_views_are_taken(image: Image, boxes: np.ndarray) -> None:
    shown = windows(boxes, (60, 80), 32)
    expected = crop(image, shown, 32, MEAN)
    wide = np.zeros((60, 160, 3), np.uint8)
    wide[:, ::2] = image
    locked = image.copy()
    locked.setflags(write=False)
    assert (crop(locked, shown, 32, MEAN) == expected).all()
    assert (crop(wide[:, ::2], shown, 32, MEAN) == expected).all()


def test_one_pixel_image_and_no_boxes() -> None:
    pixel = np.full((1, 1, 3), 77, np.uint8)
    box = np.array([[0, 0, 1, 1]], np.float32)
    crops = crop(pixel, windows(box, (1, 1), 8), 8, MEAN)
    assert (crops[0, :4, :4] == 77).all()
    assert crop(pixel, windows(box[:0], (1, 1), 8), 8, MEAN).shape == (0, 8, 8, 3)


def test_threads_do_not_change_a_pixel(image: Image, boxes: np.ndarray) -> None:
    shown = windows(boxes, (60, 80), 224)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        single = crop(image, shown, 224, MEAN)
        cv2.setNumThreads(4)
        assert (crop(image, shown, 224, MEAN) == single).all()
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize(
    ("interpolations", "message"),
    [
        ("lanczos", "crop: expected interpolations of bilinear, area, nearest, cubic, got 'lanc"),
        (["bilinear"], "crop: expected 6 interpolations, got 1"),
    ],
)
def test_bad_interpolations_are_named(
    image: Image, boxes: np.ndarray, interpolations: str | list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        crop(image, windows(boxes, (60, 80), 16), 16, MEAN, interpolations)


@pytest.mark.parametrize("wrong", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3))])
def test_other_images_are_refused(wrong: np.ndarray) -> None:
    shown = windows(np.zeros((0, 4), np.float32), (5, 5), 16)
    with pytest.raises(ValueError, match=r"crop: expected uint8 \(H, W, 3\), got "):
        crop(wrong, shown, 16, MEAN)
