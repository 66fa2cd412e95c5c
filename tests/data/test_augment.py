"""Augmentation: a function of the generator, PIL's enhancement as judge, options, errors."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as Pictures
from PIL import ImageEnhance

from detect.data.augment import RANDOM_INTERPOLATIONS, Changes, CropAugmenter, flip_boxes

NO_SEEDS = np.zeros(0, np.int64)
PLAIN = CropAugmenter(mirror=False, photometric=False)


def crops(count: int = 40, side: int = 16) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_a_batch_is_a_function_of_the_generator() -> None:
    augmenter, batch = CropAugmenter(vertical_mirror=True), crops()
    first, second, other = (
        augmenter.apply(np.random.default_rng(seed), batch) for seed in (1, 1, 2)
    )
    assert (first == second).all()
    assert (first != other).any()


def test_other_random_states_do_not_matter() -> None:
    augmenter, batch = CropAugmenter(), crops()
    expected = augmenter.apply(np.random.default_rng(1), batch)
    np.random.seed(99)  # noqa: NPY002
    assert (augmenter.apply(np.random.default_rng(1), batch) == expected).all()


def test_the_input_is_left_alone() -> None:
    batch = crops()
    before = batch.copy()
    batch.setflags(write=False)
    CropAugmenter(vertical_mirror=True).apply(np.random.default_rng(0), batch)
    assert (batch == before).all()


def test_nothing_switched_on_changes_nothing() -> None:
    assert (PLAIN.apply(np.random.default_rng(0), crops()) == crops()).all()


@pytest.mark.parametrize(("vertical", "axis"), [(False, 1), (True, 0)])
def test_half_of_the_crops_are_mirrored(vertical: bool, axis: int) -> None:
    augmenter = CropAugmenter(not vertical, vertical, photometric=False)
    batch = crops(400)
    changed = augmenter.apply(np.random.default_rng(0), batch)
    flipped = [(new == np.flip(old, axis)).all() for new, old in zip(changed, batch, strict=True)]
    kept = [(new == old).all() for new, old in zip(changed, batch, strict=True)]
    assert np.logical_xor(flipped, kept).all()
    assert 150 < sum(flipped) < 250


def test_mirrors_and_transpose_make_the_eight_symmetries_equally_often() -> None:
    crop = crops(1)[0]
    augmenter = CropAugmenter(True, True, True, photometric=False)
    changed = augmenter.apply(np.random.default_rng(0), crop[None].repeat(4000, axis=0))
    turned = [np.rot90(side, quarters) for side in (crop, crop[::-1]) for quarters in range(4)]
    counts = [(changed == symmetry).all(axis=(1, 2, 3)).sum() for symmetry in turned]
    assert sum(counts) == 4000
    assert np.allclose(counts, 500, atol=80)


@pytest.mark.parametrize(
    ("number", "enhancement"),
    [(0, ImageEnhance.Brightness), (1, ImageEnhance.Contrast), (2, ImageEnhance.Color)],
)
@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3, 1.5])
def test_each_distortion_is_pils(number: int, enhancement: type, factor: float) -> None:
    batch = crops(3)
    orders = np.array([[number, (number + 1) % 3, (number + 2) % 3]] * 3)
    changes = Changes(np.zeros((3, 3), bool), orders, np.array([[factor, 1.0, 1.0]] * 3), NO_SEEDS)
    ours = CropAugmenter().change(batch, changes)
    for crop, made in zip(batch, ours, strict=True):
        theirs = np.asarray(enhancement(Pictures.fromarray(crop)).enhance(factor))
        # Both round to whole levels, the grey picture once more.
        assert np.abs(made.astype(int) - theirs).max() <= 2


def test_what_is_drawn_is_howards_and_r_cnns() -> None:
    drawn = CropAugmenter().draw(np.random.default_rng(0), 6000)
    orders, counts = np.unique(drawn.orders, axis=0, return_counts=True)
    assert orders.tolist() == [list(order) for order in itertools.permutations(range(3))]
    assert np.allclose(counts, 1000, atol=100)
    assert 0.5 <= drawn.factors.min() < 0.501
    assert 1.499 < drawn.factors.max() <= 1.5
    assert np.allclose(drawn.factors.mean(axis=0), 1, atol=0.02)
    # Left to right alone.
    assert np.allclose(drawn.flips.mean(axis=0), [0.5, 0, 0], atol=0.02)


def test_seeds_of_transforms_come_from_a_stream_of_their_own() -> None:
    rng, alone = np.random.default_rng(3), np.random.default_rng(3)
    drawn = CropAugmenter().draw(rng, 5)
    alone.random((2, 5, 3)), alone.random((5, 3))
    assert rng.random() == alone.random()
    assert len(set(drawn.seeds.tolist())) == 5
    assert drawn.take(slice(1, 3)).seeds.tolist() == drawn.seeds[1:3].tolist()


def test_the_order_matters() -> None:
    batch = crops(1).repeat(2, axis=0)
    orders = np.array([[0, 1, 2], [1, 2, 0]])
    factors = np.array([[1.5, 0.5, 1.2], [0.5, 1.2, 1.5]])  # the same three amounts
    changes = Changes(np.zeros((2, 3), bool), orders, factors, NO_SEEDS)
    first, second = CropAugmenter().change(batch, changes)
    assert (first != second).any()


def test_strength_bounds_the_change_of_brightness() -> None:
    grey = np.full((200, 8, 8, 3), 100, np.uint8)  # contrast and colour leave flat grey alone
    changed = CropAugmenter(strength=0.2).apply(np.random.default_rng(0), grey)
    assert 79 <= changed.min() < 85
    assert 115 < changed.max() <= 121


def test_strength_zero_changes_nothing() -> None:
    augmenter = CropAugmenter(mirror=False, strength=0)
    assert (augmenter.apply(np.random.default_rng(0), crops()) == crops()).all()


def test_mirrors_do_not_depend_on_the_distortion() -> None:
    batch = np.zeros((50, 4, 4, 3), np.uint8)
    batch[:, :, 2:] = 200
    with_colour = CropAugmenter().apply(np.random.default_rng(5), batch)
    without = CropAugmenter(photometric=False).apply(np.random.default_rng(5), batch)
    assert ((with_colour[:, 0, 0] > with_colour[:, 0, 3]) == (without[:, 0, 0] > 100)).all()


def test_interpolations_are_drawn_equally_often() -> None:
    drawn = CropAugmenter().interpolations(np.random.default_rng(0), 4000)
    names, counts = np.unique(drawn, return_counts=True)
    assert set(names) == set(RANDOM_INTERPOLATIONS)
    assert np.allclose(counts, 1000, atol=100)
    plain = CropAugmenter(interpolation="bilinear")
    assert plain.interpolations(np.random.default_rng(0), 3) == ["bilinear"] * 3


def test_no_crops() -> None:
    assert CropAugmenter().apply(np.random.default_rng(0), crops(0)).shape == (0, 16, 16, 3)


def test_bad_options_and_arrays_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected a strength in \[0, 1\], got 2"):
        CropAugmenter(strength=2)
    with pytest.raises(
        ValueError, match="expected interpolation 'random' or 'bilinear', got 'area'"
    ):
        CropAugmenter(interpolation="area")
    with pytest.raises(
        ValueError, match=r"expected uint8 \(N, S, S, 3\), got float64 \(1, 2, 2, 3"
    ):
        CropAugmenter().apply(np.random.default_rng(0), np.zeros((1, 2, 2, 3)))


def test_albumentations_is_imported_late_and_asked_not_to_call_home() -> None:
    code = (
        "import sys, os, numpy as np\n"
        "from detect.data.augment import CropAugmenter\n"
        "assert 'albumentations' not in sys.modules\n"
        "CropAugmenter().apply(np.random.default_rng(0), np.zeros((1, 4, 4, 3), np.uint8))\n"
        "assert 'albumentations' in sys.modules\n"
        "assert os.environ['NO_ALBUMENTATIONS_UPDATE'] == '1'\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_boxes_follow_every_symmetry() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[1:3, 2:7] = 200  # y 1 to 3, x 2 to 7
    box = np.array([[2 / 8, 1 / 8, 7 / 8, 3 / 8]], np.float32)
    augmenter = CropAugmenter(photometric=False)
    for number in range(8):
        flips = np.array([[bool(number & bit) for bit in (1, 2, 4)]])
        nothing = np.zeros((1, 3), int), np.ones((1, 3)), NO_SEEDS
        turned = augmenter.change(picture[None], Changes(flips, *nothing))[0]
        x1, y1, x2, y2 = (flip_boxes(box, flips[0])[0] * 8).astype(int)
        assert (turned[y1:y2, x1:x2] == 200).all()
        assert turned.sum() == picture.sum() == 3 * 200 * (y2 - y1) * (x2 - x1)
