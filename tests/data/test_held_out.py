"""Images held out: as many as told, every class about as often, the same from a seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.data.held_out import held_out


def drawn(counts: np.ndarray, share: float = 0.2, seed: int = 0) -> np.ndarray:
    return held_out(counts, share, np.random.default_rng(seed))


@given(images=st.integers(2, 60), share=st.floats(0.05, 0.95), seed=st.integers(0, 5))
def test_a_share_is_held_out_and_something_is_left(images: int, share: float, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 3, (images, 2))
    places = drawn(counts, share, seed)
    assert len(places) == min(images - 1, max(1, round(share * images)))
    assert (np.diff(places) > 0).all()
    assert places[0] >= 0
    assert places[-1] < images
    np.testing.assert_array_equal(places, drawn(counts, share, seed))


def test_a_rare_class_is_on_both_sides() -> None:
    counts = np.zeros((100, 2), np.int64)
    counts[:, 0], counts[:10, 1] = 1, 1
    for seed in range(20):
        assert counts[drawn(counts, seed=seed), 1].sum() == 2


def test_the_only_object_of_a_class_is_learned_from() -> None:
    counts = np.zeros((20, 2), np.int64)
    counts[:, 0], counts[3, 1] = 1, 1
    for seed in range(20):
        assert 3 not in drawn(counts, seed=seed)


def test_of_those_held_out_every_class_is_seen_where_none_need_be_left() -> None:
    counts = np.zeros((60, 3), np.int64)
    counts[:, 0], counts[3, 1], counts[40, 2] = 1, 3, 1
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert {3, 40} <= set(held_out(counts, 1 / 3, rng, leave=False).tolist())


def test_one_rare_class_does_not_hide_the_common_ones() -> None:
    counts = np.random.default_rng(1).integers(0, 4, (100, 5))
    counts[:, 4] = 0
    counts[7, 4] = 1
    common = counts[:, :4].sum(axis=0)
    for leave in (True, False):
        for seed in range(10):
            places = held_out(counts, 0.2, np.random.default_rng(seed), leave=leave)
            shares = counts[places][:, :4].sum(axis=0) / common
            assert np.abs(shares / 0.2 - 1).max() < 0.15
            assert (7 in places) is not leave


def test_one_image_is_refused() -> None:
    with pytest.raises(ValueError, match="two images"):
        drawn(np.ones((1, 1), np.int64))
