"""Sorting for the search: by radix, and as libstdc++'s std::sort leaves equals."""

import json
from pathlib import Path

import numpy as np
import pytest

from detect.proposals.search.sorting import radix_sort, std_sort

# Written by tests/golden/std_sort/make.cpp, compiled by g++ 12.2.
ORDERS = json.loads((Path(__file__).parents[2] / "golden/std_sort/orders.json").read_text())


@pytest.mark.parametrize("name", ORDERS)
def test_equals_come_as_std_sort_has_them(name: str) -> None:
    keys = np.array(ORDERS[name]["keys"], np.float32)
    values = np.arange(len(keys), dtype=np.int32)
    std_sort(keys, values)
    assert (np.diff(keys) >= 0).all()
    assert values.tolist() == ORDERS[name]["order"]


def test_some_of_these_orders_are_not_stable() -> None:
    """So that a stable sort would not pass."""
    stable = {
        name: np.argsort(case["keys"], kind="stable").tolist() for name, case in ORDERS.items()
    }
    assert sum(stable[name] != case["order"] for name, case in ORDERS.items()) >= 5


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_radix_sort_is_stable_and_takes_any_size_of_key(count: int) -> None:
    generator = np.random.default_rng(0)
    keys = (10.0 ** generator.integers(-30, 30, count)).astype(np.float32)
    keys[: count // 10] = 0
    keys[count - count // 10 :] = np.inf
    found, order = radix_sort(keys)
    expected = np.argsort(keys, kind="stable")
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(found, keys[expected])
