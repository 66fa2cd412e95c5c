"""Which subsets are scored, and the figures made of them."""

from dataclasses import asdict
from math import comb

import pytest

from detect.ensemble.curve import (
    Alone,
    SubsetFigure,
    choose_subsets,
    curve_lines,
    ensemble_curve,
)

MAPS = {
    (0,): 0.5, (2,): 0.6, (3,): 0.4,
    (0, 2): 0.7, (0, 3): 0.5, (2, 3): 0.6,
    (0, 2, 3): 0.8,
}  # fmt: skip


def test_up_to_eight_networks_every_subset_is_scored():
    subsets = choose_subsets(range(8))
    assert len(subsets) == len(set(subsets)) == 2**8 - 1
    assert choose_subsets((4, 1)) == [(4,), (1,), (4, 1)]


def test_of_more_networks_a_sample_that_the_seed_decides():
    subsets = choose_subsets(range(10), seed=1)
    sizes = [sum(len(one) == size for one in subsets) for size in range(1, 11)]
    assert sizes == [10, 30, 30, 30, 30, 30, 30, 30, 10, 1]
    assert len(set(subsets)) == len(subsets)
    assert all(one == tuple(sorted(one)) for one in subsets)
    assert subsets == choose_subsets(range(10), seed=1) != choose_subsets(range(10), seed=2)


def test_the_figures_by_hand():
    curve = ensemble_curve((0, 2, 3), MAPS)
    assert curve.map == 0.8
    assert asdict(curve.sizes[0]) == pytest.approx(
        {
            "networks": 1, "subsets": 3, "of": 3, "mean": 0.5, "min": 0.4, "max": 0.6,
            "spread": 0.2, "deviation": (0.02 / 3) ** 0.5,
        }
    )  # fmt: skip
    assert [one.mean for one in curve.sizes] == pytest.approx([0.5, 0.6, 0.8])
    assert curve.alone == (Alone(0, 0.5), Alone(2, 0.6), Alone(3, 0.4))
    assert [(one.without, one.map) for one in curve.leave_one_out] == [(0, 0.6), (2, 0.5), (3, 0.7)]
    assert [one.loss for one in curve.leave_one_out] == pytest.approx([0.2, 0.3, 0.1])
    assert SubsetFigure((0, 2), 0.7) in curve.subsets


def test_one_network_has_nobody_to_leave_out():
    curve = ensemble_curve((5,), {(5,): 0.3})
    assert curve.leave_one_out == ()
    assert curve.sizes[0].spread == 0
    assert curve_lines(curve, "abcdef")[-1].split() == ["5", "f", "30.00", "-", "-"]


def test_the_lines_show_every_size_and_network():
    lines = curve_lines(ensemble_curve((0, 2, 3), MAPS), ("one", "two", "three", "four"))
    cells = [line.split() for line in lines]
    assert cells[1] == ["1", "3", "50.00", "40.00", "60.00", "20.00", "8.16"]
    assert cells[7] == ["2", "three", "60.00", "50.00", "+30.00"]


def test_a_sample_is_said_to_be_one():
    subsets = choose_subsets(range(9))
    curve = ensemble_curve(range(9), {one: len(one) / 10 for one in subsets})
    lines = curve_lines(curve, [f"n{place}" for place in range(9)])
    assert f"30 drawn of {comb(9, 2)}" in lines[2]
    assert "drawn" not in lines[1]
