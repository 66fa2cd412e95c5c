"""Batched crops: OpenCV's to a stated tolerance, hand-worked values, chunks, devices."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from detect.crops import batched, opencv
from detect.crops.geometry import Windows, windows
from detect.structures import FloatArray, Image, Size

MEAN = (124.0, 117.0, 104.0)
TOLERANCE = 1.0  # of 255 levels, against OpenCV's whole levels


def noise(size: Size) -> Image:
    """Return the image hardest to agree on: every pixel unlike its neighbours."""
    return np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)


def some_boxes(size: Size, count: int = 60) -> FloatArray:
    """Return boxes (N, 4) in and around an image of `size`, fractional, of every shape."""
    height, width = size
    corners = np.random.default_rng(2).uniform(-0.3, 1.3, (count, 2, 2)) * (width, height)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)


def tensor(image: Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def batch(image: Image, shown: Windows, crop_size: int, **options: int) -> FloatArray:
    """Return the batched crops as (N, S, S, 3)."""
    return (
        batched.crop(tensor(image), shown, crop_size, MEAN, **options).permute(0, 2, 3, 1).numpy()
    )


@pytest.mark.parametrize("mode", ["warp", "square"])
@pytest.mark.parametrize(("size", "crop_size"), [((60, 80), 64), ((1, 1), 32), ((200, 4600), 96)])
def test_equal_to_opencv(size: Size, crop_size: int, mode: str) -> None:
    image = noise(size)
    shown = windows(some_boxes(size), size, crop_size, 16, mode)
    difference = np.abs(
        batch(image, shown, crop_size) - opencv.crop(image, shown, crop_size, MEAN).astype(float)
    )
    assert difference.max() <= TOLERANCE


def test_the_difference_is_opencvs_fixed_point() -> None:
    # Given floats, cv2.resize weighs in floats: what is left is float32's last digits.
    image = noise((375, 500))
    shown = windows(some_boxes((375, 500)), (375, 500), 64)
    ours = batch(image, shown, 64)
    for crop, source, target in zip(ours, shown.sources, shown.targets, strict=True):
        (x1, y1, x2, y2), (x, y, width, height) = source, target
        if width:
            region = image[y1:y2, x1:x2].astype(np.float32)
            expected = cv2.resize(region, (int(width), int(height)))
            assert np.abs(crop[y : y + height, x : x + width] - expected).max() < 0.05


def test_values_worked_by_hand() -> None:
    # Two pixels to four: centres -0.25, 0.25, 0.75, 1.25 of the two, held at the window's edge
    # although the image goes on.
    image = np.zeros((1, 4, 3), np.uint8)
    image[0, :, 0] = (255, 0, 100, 255)
    shown = Windows(np.array([[1, 0, 3, 1]]), np.array([[1, 1, 4, 2]]))
    red = batch(image, shown, 6)[0, :, :, 0]
    expected = np.full((6, 6), MEAN[0])
    expected[1:3, 1:5] = (0, 25, 75, 100)
    assert np.allclose(red, expected, atol=1e-3)


def test_outside_is_the_mean_exactly() -> None:
    shown = windows(np.array([[300, 300, 310, 310]], np.float32), (40, 40), 16)
    crops = batched.crop(tensor(noise((40, 40))), shown, 16, (10.4, 20.6, 30.0))
    assert (crops == torch.tensor([10.0, 21.0, 30.0])[:, None, None]).all()


def test_layout_type_and_chunks() -> None:
    shown = windows(some_boxes((60, 80), 7), (60, 80), 32)
    crops = batched.crop(tensor(noise((60, 80))), shown, 32, MEAN)
    assert crops.shape == (7, 3, 32, 32)
    assert crops.dtype == torch.float32
    assert crops.is_contiguous(memory_format=torch.channels_last)
    for chunk in (1, 3, 100):
        assert (
            batch(noise((60, 80)), shown, 32, chunk=chunk) == crops.permute(0, 2, 3, 1).numpy()
        ).all()


def test_no_boxes() -> None:
    shown = windows(np.zeros((0, 4), np.float32), (10, 10), 32)
    assert batched.crop(tensor(noise((10, 10))), shown, 32, MEAN).shape == (0, 3, 32, 32)


def test_autocast_keeps_every_digit() -> None:
    shown = windows(some_boxes((60, 80), 9), (60, 80), 32)
    expected = batch(noise((60, 80)), shown, 32)
    with torch.autocast("cpu", torch.bfloat16):
        assert (batch(noise((60, 80)), shown, 32) == expected).all()


def test_other_images_are_refused() -> None:
    shown = windows(np.zeros((0, 4), np.float32), (5, 5), 16)
    with pytest.raises(ValueError, match=r"expected uint8 \(3, H, W\), got torch.float32 \(3, 5"):
        batched.crop(torch.zeros(3, 5, 5), shown, 16, MEAN)
    with pytest.raises(ValueError, match=r"expected uint8 \(3, H, W\), got torch.uint8 \(5, 5, 3"):
        batched.crop(torch.zeros(5, 5, 3, dtype=torch.uint8), shown, 16, MEAN)


@pytest.mark.gpu
def test_cuda_equals_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    image, shown = noise((375, 500)), windows(some_boxes((375, 500)), (375, 500), 64)
    crops = batched.crop(tensor(image).cuda(), shown, 64, MEAN)
    assert crops.is_cuda
    assert np.abs(crops.cpu().permute(0, 2, 3, 1).numpy() - batch(image, shown, 64)).max() < 0.05
