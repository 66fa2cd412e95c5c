"""Which pixels the 144 crops of section 7 show: by hand at 224 px, and on pictures."""

import numpy as np
import pytest
from builders import texture

from detect.crops.counts import CROPS
from detect.crops.multicrop import SHAPE, cut, members, scaled_windows


def test_a_landscape_image_at_224_by_hand() -> None:
    # 375 x 500 (H x W): the shorter side at 256, 288, 320, 352; 500 * 256 / 375 = 341.3.
    shown = scaled_windows((375, 500), 224)
    assert shown.sizes.tolist() == [[256, 341], [288, 384], [320, 427], [352, 469]]
    assert shown.windows.shape == (4, 3, 6, 4)
    left, centre, right = shown.windows[0].tolist()
    assert left == [
        [0, 0, 224, 224],
        [32, 0, 256, 224],
        [0, 32, 224, 256],
        [32, 32, 256, 256],
        [16, 16, 240, 240],
        [0, 0, 256, 256],
    ]
    # The squares are 341 - 256 = 85 px apart at most: 85 // 2 = 42.
    assert centre[0] == [42, 0, 266, 224]
    assert centre[4] == [58, 16, 282, 240]
    assert right[3] == [117, 32, 341, 256]
    assert right[5] == [85, 0, 341, 256]
    # At 352: 469 - 352 = 117, spare 128.
    assert shown.windows[3, 1].tolist()[3] == [58 + 128, 128, 58 + 352, 352]
    assert shown.windows[3, 2].tolist()[5] == [117, 0, 469, 352]


def test_a_portrait_image_goes_top_centre_bottom() -> None:
    shown = scaled_windows((640, 320), 224)
    assert shown.sizes.tolist() == [[512, 256], [576, 288], [640, 320], [704, 352]]
    assert shown.windows[0, :, 5].tolist() == [
        [0, 0, 256, 256],
        [0, 128, 256, 384],
        [0, 256, 256, 512],
    ]


def test_every_window_lies_in_its_image_whatever_the_shape() -> None:
    for size in ((1, 1), (7, 500), (500, 7), (96, 96), (333, 334)):
        for side in (32, 96, 224):
            shown = scaled_windows(size, side)
            height, width = np.moveaxis(shown.sizes[:, None, None], -1, 0)
            x1, y1, x2, y2 = np.moveaxis(shown.windows, -1, 0)
            assert (x1 >= 0).all()
            assert (y1 >= 0).all()
            assert (x2 <= width).all()
            assert (y2 <= height).all()
            assert ((x2 - x1) == (y2 - y1)).all()
            assert ((x2 - x1)[:, :, :5] == side).all()


def test_the_few_crops_are_among_the_many() -> None:
    assert [len(members(count)) for count in CROPS] == [1, 10, 144]
    assert set(members(1)) < set(members(10)) < set(members(144))
    # scale 0, the central square, its centre, not mirrored
    assert np.unravel_index(members(1)[0], SHAPE) == (0, 1, 4, 0)
    # its corners and its centre, each as it is and mirrored
    ten = np.transpose(np.unravel_index(members(10), SHAPE)).tolist()
    assert ten == [[0, 1, place, mirrored] for place in range(5) for mirrored in (0, 1)]
    image = texture(np.random.default_rng(0), (50, 70))
    every = cut(image, 32, 144)
    assert every.shape == (144, 32, 32, 3)
    for count in (1, 10):
        assert (cut(image, 32, count) == every[members(count)]).all()


def test_crops_show_their_windows_and_mirror_images() -> None:
    # A side of 37 px, 8/7 of 32, needs no resizing at the first scale.
    image = texture(np.random.default_rng(1), (37, 60))
    crops = cut(image, 32, 144).reshape(*SHAPE, 32, 32, 3)
    assert (crops[0, 0, 0, 0] == image[:32, :32]).all()
    assert (crops[0, 2, 3, 0] == image[5:, 28:]).all()
    assert (crops[..., 1, :, :, :] == crops[..., 0, :, ::-1, :]).all()


def test_a_square_shows_all_of_itself() -> None:
    image = np.zeros((37, 37, 3), np.uint8)
    image[:, 18:] = 200
    whole = cut(image, 32, 144).reshape(*SHAPE, 32, 32, 3)[0, 1, 5, 0]
    assert (whole[:, :15] == 0).all()
    assert (whole[:, 17:] == 200).all()


def test_a_large_image_is_averaged() -> None:
    # 96 px to 32: every pixel the mean of nine. The centre begins at (32 - 28) // 2 = 2.
    image = np.random.default_rng(2).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    means = image.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(cut(image, 28, 1)[0] - means[2:30, 2:30]).max() <= 0.51


def test_a_small_image_is_interpolated() -> None:
    # 16 px to 32: a new pixel is a quarter from one old centre, three from the next.
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, 8:] = 200
    row = cut(image, 28, 1)[0, 0, :, 0].tolist()
    assert row == [0] * 13 + [50, 150] + [200] * 13


def test_a_whole_square_keeps_its_mean() -> None:
    # 44 px, 11/7 of 28, needs no resizing at the last scale; its square goes from 44 px to 28.
    image = np.random.default_rng(3).integers(0, 256, (44, 44, 3), dtype=np.uint8)
    whole = cut(image, 28, 144).reshape(*SHAPE, 28, 28, 3)[3, 1, 5, 0]
    assert np.abs(whole.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 0.1


def test_another_number_of_crops_is_a_bug() -> None:
    with pytest.raises(ValueError, match="expected one of 1, 10, 144, got 12"):
        members(12)
