"""Random patches: inside the image, of the shares and ratios asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.crops.patches import random_patch


@given(st.integers(1, 600), st.integers(1, 600), st.integers(0, 2**32))
def test_a_patch_lies_in_its_image(height: int, width: int, seed: int) -> None:
    x1, y1, x2, y2 = random_patch(np.random.default_rng(seed), (height, width))
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height


def test_shares_and_ratios_are_the_papers() -> None:
    rng = np.random.default_rng(0)
    patches = np.array([random_patch(rng, (400, 400)) for _ in range(4000)])
    sides = patches[:, 2:] - patches[:, :2]
    share, ratio = sides.prod(axis=1) / 400**2, sides[:, 0] / sides[:, 1]
    assert 0.079 < share.min() < 0.09
    assert share.max() > 0.97
    # Rounded to whole pixels.
    assert 0.74 < ratio.min() < 0.76
    assert 1.32 < ratio.max() < 1.35
    # Uniform in area where every ratio fits: below 3/4 of it, half lies below the middle.
    small = share[share < 0.72]
    assert abs((small < (0.08 + 0.72) / 2).mean() - 0.5) < 0.03
    # Uniform in the logarithm: as often wide as tall.
    assert abs((ratio > 1).mean() - 0.5) < 0.03


def test_an_image_in_which_nothing_fits_gives_its_centre() -> None:
    drawn = {random_patch(np.random.default_rng(seed), (10, 1000), (0.9, 1.0)) for seed in range(5)}
    # The widest patch of ratio 4/3 in 10 px of height is 13 px.
    assert drawn == {(493, 0, 506, 10)}
    tall = random_patch(np.random.default_rng(0), (1000, 10), (0.9, 1.0))
    assert tall == (0, 493, 10, 506)


def test_the_whole_image_can_be_asked_for() -> None:
    assert random_patch(np.random.default_rng(0), (50, 80), (1, 1), (1.6, 1.6)) == (0, 0, 80, 50)


def test_a_patch_lies_anywhere_with_the_ratio_of_width_to_height() -> None:
    # A quarter of 100 x 160 (H x W) with ratio 1.6: 50 x 80, with 50 and 80 px to spare.
    rng = np.random.default_rng(1)
    patches = np.array(
        [random_patch(rng, (100, 160), (0.25, 0.25), (1.6, 1.6)) for _ in range(4000)]
    )
    assert (patches[:, 2:] - patches[:, :2] == (80, 50)).all()
    assert patches[:, :2].min(axis=0).tolist() == [0, 0]
    assert patches[:, :2].max(axis=0).tolist() == [80, 50]
    assert np.allclose(patches[:, :2].mean(axis=0), [40, 25], atol=1.5)


def test_the_centre_is_taken_after_ten_draws_that_do_not_fit() -> None:
    # A patch of 0.9 of a square fits where |log ratio| <= log(1 / 0.9) = 0.105: with ratios of
    # up to exp(0.527) in one draw of five. The largest central patch is the image itself.
    rng, aspect = np.random.default_rng(2), (np.exp(-0.527), np.exp(0.527))
    drawn = [random_patch(rng, (1000, 1000), (0.9, 0.9), aspect) for _ in range(4000)]
    central = sum(patch == (0, 0, 1000, 1000) for patch in drawn)
    # 0.8^10 = 0.107, and 0.134 after nine draws, 0.086 after eleven; one deviation is 20 of 4000.
    assert abs(central - 429) < 42


def test_an_image_without_pixels_is_a_bug() -> None:
    with pytest.raises(ValueError, match="at least 1x1 px"):
        random_patch(np.random.default_rng(0), (0, 5))
