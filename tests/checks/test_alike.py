"""Pictures that are nearly the same: what is found, what is not, how many are compared."""

import cv2
import numpy as np
import pytest
from builders import scene, texture

from detect.checks import alike
from detect.checks.alike import Fingerprint, fingerprint, groups_alike


def grey(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


@pytest.fixture
def picture():
    image, _, _ = scene(np.random.default_rng(3), (240, 320), objects=5)
    return image


def _jpeg(image, quality):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: _jpeg(image, 30),
        lambda image: cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, (800, 600), interpolation=cv2.INTER_CUBIC),
        lambda image: np.clip(image * 0.8 + 30, 0, 255).astype(np.uint8),
        lambda image: cv2.GaussianBlur(image, (0, 0), 1.5),
    ],
    ids=["JPEG", "smaller", "larger", "brighter", "blurred"],
)
def test_a_changed_copy_is_found_among_others(picture, change):
    others = [texture(np.random.default_rng(seed), (240, 320)) for seed in range(30)]
    images = [*others[:15], picture, *others[15:], change(picture)]
    assert groups_alike([fingerprint(grey(image)) for image in images]) == [[15, 31]]


def test_scenes_with_other_objects_are_not_alike(picture):
    scenes = [scene(np.random.default_rng(seed), (240, 320), objects=4)[0] for seed in range(60)]
    assert groups_alike([fingerprint(grey(image)) for image in scenes]) == []


def test_another_part_of_the_picture_is_not_alike(picture):
    shifted = np.roll(picture, 60, axis=1)
    assert groups_alike([fingerprint(grey(one)) for one in (picture, shifted, picture[::-1])]) == []


def test_equal_hashes_need_thumbnails_that_correlate():
    bits = np.zeros(8, np.uint8)
    grey = np.arange(256, dtype=np.uint8)
    prints = [Fingerprint(bits, one) for one in (grey, grey // 2 + 100, grey[::-1].copy())]
    assert groups_alike(prints) == [[0, 1]]


def test_pictures_of_one_colour_are_in_no_group():
    flat = [fingerprint(np.full((50, 50), value, np.uint8)) for value in (0, 0, 200)]
    assert groups_alike(flat) == []
    assert groups_alike([]) == []


def test_blocks_miss_no_pair_and_compare_few():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 256, (2000, 8), dtype=np.uint8)
    for number in range(100):  # a partner each: a bit of seven of the bytes is another
        ones = 1 << rng.integers(0, 8, 8)
        ones[number % 8] = 0
        bits[1000 + 10 * number] = bits[10 * number] ^ ones.astype(np.uint8)
    found = set()
    compared = 0
    for first, second in alike._candidates(bits):
        compared += len(first)
        near = np.unpackbits(bits[first] ^ bits[second], axis=1).sum(axis=1) <= alike.MOST_BITS
        pairs = zip(first[near].tolist(), second[near].tolist(), strict=True)
        found |= {(min(pair), max(pair)) for pair in pairs}
    assert found == {(place, 1000 + place) for place in range(0, 1000, 10)}
    assert compared < 2000 * 1999 / 2 / 20


def test_many_copies_are_one_group_without_comparing_all_with_all(picture):
    copies = [fingerprint(grey(picture))] * 3000
    bits = np.stack([one.bits for one in copies])
    assert sum(len(first) for first, _ in alike._candidates(bits)) == 2999
    assert groups_alike(copies) == [list(range(3000))]
