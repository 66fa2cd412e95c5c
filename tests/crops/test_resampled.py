"""Crops of many images at once by torch: OpenCV's crops, for each interpolation."""

import cv2
import numpy as np
import pytest
import torch

from detect.crops import opencv
from detect.crops.geometry import Windows, windows, windows_in
from detect.crops.resampled import Regions, crop, packed
from detect.structures import FloatArray, Image, Size

MEAN = (123.7, 116.3, 103.5)
SIZES = ((120, 160), (333, 500), (1, 1), (1, 300), (700, 20))
KINDS = ("bilinear", "area", "nearest", "cubic")


def picture(size: Size) -> Image:
    noise = np.random.default_rng(size[1]).integers(0, 256, (*size, 3), np.uint8)
    return np.asarray(cv2.blur(noise, (3, 3)), np.uint8)


def some_boxes(size: Size, count: int = 40) -> FloatArray:
    """Return boxes from less than a pixel to more than the image, some partly outside."""
    rng = np.random.default_rng(size[0])
    corner, side = rng.uniform(-0.2, 0.9, (count, 2)), rng.uniform(0.001, 1.2, (count, 2))
    boxes = np.concatenate([corner, corner + side], axis=1) * (size[::-1] * 2)
    return boxes.astype(np.float32)


def made(
    images: list[Image], chosen: list[Windows], side: int, kinds: list[str], flips: object = False
) -> np.ndarray:
    """Return crops (N, S, S, 3) of the windows of each image, all made at once."""
    begins = np.cumsum([0, *(image[..., 0].size for image in images)])
    counts = [len(one) for one in chosen]
    together = Windows(
        np.concatenate([one.sources for one in chosen]),
        np.concatenate([one.targets for one in chosen]),
    )
    widths = np.repeat([image.shape[1] for image in images], counts)
    turned = np.zeros((len(together), 3), np.bool_) | flips  # type: ignore[operator]
    regions = Regions(together, np.repeat(begins[:-1], counts), widths, turned)
    pixels = np.concatenate([packed(image).ravel() for image in images])
    return crop(torch.from_numpy(pixels), regions, side, MEAN, kinds)[..., :3].numpy()


def levels(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other)


@pytest.mark.parametrize("side", [32, 80])
@pytest.mark.parametrize("kind", KINDS)
def test_crops_of_many_images_are_opencvs(kind: str, side: int) -> None:
    images = [picture(size) for size in SIZES]
    chosen = [windows(some_boxes(size), size, side) for size in SIZES]
    expected = np.concatenate(
        [opencv.crop(*pair, side, MEAN, kind) for pair in zip(images, chosen, strict=True)]
    )
    apart = levels(made(images, chosen, side, [kind] * len(expected)), expected)
    if kind == "nearest":
        # Where a centre lies between two pixels OpenCV takes either.
        assert (apart > 0).mean() < 0.02
        return
    sources, targets = (
        np.concatenate([getattr(one, name) for one in chosen]) for name in ("sources", "targets")
    )
    shrunk = (sources[:, 2:] - sources[:, :2]) / np.maximum(targets[:, 2:], 1)
    exact = (shrunk <= 15).all(axis=1) if kind == "area" else np.ones(len(expected), np.bool_)
    assert exact.sum() > 150
    assert apart[exact].max() <= 1


def test_the_nearest_pixel_is_the_one_in_which_the_centre_lies() -> None:
    image = np.arange(7, dtype=np.uint8)[None, :, None].repeat(7, 0).repeat(3, 2) * 30
    shown = windows(np.array([[0, 0, 7, 7]], np.float32), (7, 7), 32, 0)
    centres = (np.arange(32) + 0.5) * 7 / 32
    assert (made([image], [shown], 32, ["nearest"])[0, 5, :, 0] == np.floor(centres) * 30).all()


def test_a_much_larger_area_is_the_mean_of_samples_of_it() -> None:
    image = picture((1500, 1500))
    shown = windows(np.array([[0, 0, 1500, 1500]], np.float32), (1500, 1500), 32, 0)
    expected = opencv.crop(image, shown, 32, MEAN, "area")
    apart = levels(made([image], [shown], 32, ["area"]), expected)
    assert 1 < apart.max() <= 12  # a mean of 256 of 2,200 noisy pixels
    assert apart.mean() < 2


def test_interpolations_may_differ_from_crop_to_crop() -> None:
    image = picture((333, 500))
    shown = windows(some_boxes((333, 500)), (333, 500), 48)
    kinds = [KINDS[number % 4] for number in range(40)]
    expected = opencv.crop(image, shown, 48, MEAN, kinds)
    assert (levels(made([image], [shown], 48, kinds), expected) > 1).mean() < 0.005


@pytest.mark.parametrize("number", range(8))
def test_mirrors_and_transposition_are_those_of_the_crop(number: int) -> None:
    mirrored, inverted, transposed = (bool(number & bit) for bit in (1, 2, 4))
    image, shown = picture((120, 160)), windows(some_boxes((120, 160)), (120, 160), 32)
    kinds = [KINDS[number % 4] for number in range(40)]
    upright = made([image], [shown], 32, kinds)
    expected = upright[:, :, ::-1] if mirrored else upright
    expected = expected[:, ::-1] if inverted else expected
    expected = expected.transpose(0, 2, 1, 3) if transposed else expected
    flips = (mirrored, inverted, transposed)
    found = made([image], [shown], 32, kinds, flips)
    # Columns are summed before rows, whichever these are: a half may round to the other level.
    assert levels(found, expected).max() <= int(transposed)
    assert (found != expected).mean() < 0.005


def test_what_no_window_covers_is_the_mean_colour() -> None:
    outside = np.array([[300, 300, 310, 310], [-40, 0, 40, 40]], np.float32)
    shown = windows(outside, (40, 40), 32)
    crops = made([picture((40, 40))], [shown], 32, ["cubic", "area"])
    assert (crops[0] == np.rint(MEAN)).all()
    assert (crops[1, :, :14] == np.rint(MEAN)).all()
    assert (crops[1, 16, 20:] != np.rint(MEAN)).any()


def test_windows_of_many_images_are_those_of_each() -> None:
    boxes = np.concatenate([some_boxes(size) for size in SIZES])
    sizes = np.repeat(SIZES, 40, axis=0)
    together = windows_in(boxes, sizes, 80, 8, "square")
    apart = [windows(some_boxes(size), size, 80, 8, "square") for size in SIZES]
    assert (together.sources == np.concatenate([one.sources for one in apart])).all()
    assert (together.targets == np.concatenate([one.targets for one in apart])).all()


def test_another_interpolation_is_refused() -> None:
    shown = windows(np.array([[0, 0, 4, 4]], np.float32), (8, 8), 32)
    with pytest.raises(ValueError, match="unknown interpolation 'lanczos'"):
        made([picture((8, 8))], [shown], 32, ["lanczos"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_makes_the_crops_of_a_processor(kind: str) -> None:
    size = (333, 500)
    shown = windows(some_boxes(size), size, 80)
    pixels = torch.from_numpy(packed(picture(size)).ravel())
    flips = np.random.default_rng(0).random((40, 3)) < 0.5
    regions = Regions(shown, np.zeros(40, np.int64), np.full(40, 500), flips)
    one, again, other = (
        crop(pixels.to(device), regions, 80, MEAN, [kind] * 40)[..., :3].cpu().numpy()
        for device in ("cuda", "cuda", "cpu")
    )
    assert (one == again).all()
    # The last bit of a sum may round to another level.
    assert levels(one, other).max() <= 1
    assert (one != other).mean() < 0.001
