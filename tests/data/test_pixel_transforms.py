"""Transforms of albumentations by name: functions of crop and seed, refusals in their words."""

import random
import tomllib
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.data.augment import CropAugmenter
from detect.data.pixel_transforms import _names, albumentations, make_transforms
from detect.errors import DataError

SIDE = 32
FIVE: tuple[dict[str, Any], ...] = (
    {"name": "GaussNoise", "std_range": [0.05, 0.15], "p": 0.5},
    {"name": "MotionBlur", "blur_limit": [3, 7], "p": 0.5},
    {"name": "CLAHE", "tile_grid_size": [4, 4], "p": 0.5},
    {"name": "RandomShadow", "p": 0.5},
    {"name": "ImageCompression", "quality_range": [20, 60], "p": 0.5},
)
# Of the library's pixel-level transforms those that do not keep what a crop is.
UNFIT = {"FromFloat", "Normalize", "ToFloat", "ToRGB"}
INVERT, BLACK_AND_WHITE = {"name": "InvertImg"}, {"name": "Posterize", "num_bits": 1}


def crops(count: int = 12) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def augmenter(*tables: dict[str, Any], **plain: Any) -> CropAugmenter:
    """Return one that does nothing but `tables`, unless told otherwise."""
    still = {"mirror": False, "photometric": False, **plain}
    return CropAugmenter(**still, more=make_transforms(tables, SIDE))


def always(table: dict[str, Any]) -> dict[str, Any]:
    return {**table, "p": 1.0}


def test_five_of_them_each_change_some_crops() -> None:
    for table in FIVE:
        changed = augmenter(table).apply(np.random.default_rng(1), crops(40))
        moved = (changed != crops(40)).any(axis=(1, 2, 3)).sum()
        assert 8 < moved < 32, table["name"]


@pytest.mark.parametrize("name", sorted(set(_names(albumentations())) - UNFIT))
def test_each_of_the_library_is_a_function_of_crop_and_seed(name: str) -> None:
    (transform,) = make_transforms([{"name": name, "p": 1.0}], SIDE)
    (other,) = make_transforms([{"name": name, "p": 1.0}], SIDE)
    first, second = crops(2)
    expected = transform(first, (3, 0))
    transform(second, (4, 0))  # another history
    for number in range(2):
        np.random.seed(number)  # noqa: NPY002
        random.seed(number)
        cv2.setRNGSeed(number)
        assert np.array_equal(transform(first, (3, 0)), expected)
    assert np.array_equal(other(first, (3, 0)), expected)
    assert expected.shape == first.shape
    assert np.array_equal(first, crops(2)[0])


def test_threads_do_not_share_what_is_drawn() -> None:
    (transform,) = make_transforms(FIVE[:1], SIDE)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: transform._transform).result()
    assert other is not transform._transform


@given(
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    tables=st.lists(st.sampled_from(FIVE), max_size=4),
)
def test_pieces_of_a_batch_are_those_of_the_whole(
    seed: int, cuts: list[int], tables: list[dict[str, Any]]
) -> None:
    change = augmenter(*tables)
    whole = change.apply(np.random.default_rng(seed), crops())
    drawn = change.draw(np.random.default_rng(seed), 12)
    bounds = [0, *sorted(cuts), 12]
    pieces = [slice(*pair) for pair in pairwise(bounds)]
    made = [change.change(crops()[rows], drawn.take(rows)) for rows in pieces]
    assert np.array_equal(np.concatenate(made), whole)


def test_equal_crops_are_changed_differently() -> None:
    same = crops(1).repeat(8, axis=0)
    for table in FIVE:
        if table["name"] != "CLAHE":  # its strength alone is drawn, and it is cut off
            changed = augmenter(always(table)).apply(np.random.default_rng(0), same)
            assert len(np.unique(changed, axis=0)) > 2, table["name"]


def test_they_come_last_and_in_their_order() -> None:
    plain = CropAugmenter()
    howard = plain.apply(np.random.default_rng(3), crops())
    both = augmenter(*map(always, (INVERT, BLACK_AND_WHITE)), mirror=True, photometric=True)
    found = both.apply(np.random.default_rng(3), crops())
    assert np.array_equal(found, (255 - howard) & 0x80)
    turned = augmenter(*map(always, (BLACK_AND_WHITE, INVERT)), mirror=True, photometric=True)
    found = turned.apply(np.random.default_rng(3), crops())
    assert np.array_equal(found, 255 - (howard & 0x80))


def test_each_has_its_own_chance() -> None:
    grey = np.full((800, SIDE, SIDE, 3), 64, np.uint8)
    half = ({**INVERT, "p": 0.5}, BLACK_AND_WHITE)  # the second by the library's chance, 1/2
    found = augmenter(*half).apply(np.random.default_rng(0), grey)[:, 0, 0, 0]
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == [0, 64, 128, 191]
    assert np.allclose(counts, 200, atol=50)


def test_one_draws_the_same_whatever_those_before_it_draw() -> None:
    noise = always(FIVE[0])
    still = {"name": "MultiplicativeNoise", "multiplier": [1, 1], "elementwise": True}
    drawing, resting = ({**still, "p": chance} for chance in (1.0, 0.0))
    first, second = (
        augmenter(before, noise).apply(np.random.default_rng(0), crops())
        for before in (drawing, resting)
    )
    assert np.array_equal(first, second)
    alone = augmenter(noise, noise).apply(np.random.default_rng(0), crops())
    assert not np.array_equal(alone, first)


def test_the_example_of_the_documentation_can_be_made() -> None:
    text = (Path(__file__).parents[2] / "docs/augmentation.md").read_text(encoding="utf-8")
    example = tomllib.loads(text.split("```toml")[1].split("```")[0])
    assert len(make_transforms(example["augment"]["more"], SIDE)) == 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "GausNoise"}, r"has no transform 'GausNoise'\. Did you mean GaussNoise\?"),
        ({"name": "Compose"}, "has no transform 'Compose'."),
        ({"name": "ImageOnlyTransform"}, "has no transform 'ImageOnlyTransform'."),
        ({"name": "HorizontalFlip"}, "HorizontalFlip changes more than the values of pixels"),
        ({"name": "CoarseDropout"}, "CoarseDropout changes more than the values of pixels"),
        ({"name": "Mosaic"}, "Mosaic needs other images or texts than the crop"),
        # Of two arguments, or two parts of one, together: the library's check names none.
        ({"name": "RandomShadow", "shadow_roi": [0, 0, 2, 2]}, "RandomShadow"),
        ({"name": "PlanckianJitter", "temperature_limit": [0, 1]}, "PlanckianJitter"),
        ({"name": "FDA"}, "FDA needs other images or texts than the crop"),
        ({"name": "TextImage"}, "TextImage needs other images or texts than the crop"),
        (
            {"name": "Normalize"},
            r"Normalize makes float32 \(32, 32, 3\) of a crop uint8 \(32, 32, 3\)",
        ),
        ({"name": "ToFloat"}, r"expected the same size and type"),
        ({"name": "FromFloat"}, "FromFloat makes float16"),
        ({"name": "ToGray", "num_output_channels": 1}, r"ToGray makes uint8 \(32, 32\) of"),
        ({"name": "ToRGB"}, "ToRGB fails on a crop .*: The image is already an RGB"),
        (
            {"name": "GaussNoise", "std": 3},
            "GaussNoise has no argument 'std'; it has std_range, mean_range, .*, p.",
        ),
        ({"name": "Blur", "strict": True}, "Blur has no argument 'strict'; it has blur_limit, p."),
        ({"name": "GaussNoise", "std_range": "a"}, "GaussNoise: std_range: Input should be a"),
        ({"name": "InvertImg", "p": 2}, "InvertImg: p: Input should be less than .* 1, got 2"),
        # What the library would change by itself, saying so once.
        ({"name": "Blur", "blur_limit": 4}, "Blur: blur_limit: Non-zero kernel sizes must be odd"),
        (
            {"name": "GaussianBlur", "blur_limit": 0, "sigma_limit": 0},
            "GaussianBlur fails on a crop .*: invalid value",
        ),
        (
            {"name": "ChannelDropout", "channel_drop_range": [1, 3]},
            "ChannelDropout fails on a crop .*: Can not drop all channels",
        ),
    ],
)
def test_what_is_refused_and_why(table: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        make_transforms([{"name": "Blur"}, table], SIDE)
    assert str(error.value).startswith("[[augment.more]] table 2: ")
    assert len(str(error.value).splitlines()) == 1
