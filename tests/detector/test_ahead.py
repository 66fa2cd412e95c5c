"""Items made ahead in a thread: order, errors, and a thread that ends when nobody wants more."""

import itertools
import threading
from contextlib import closing

import pytest

from detect.detector.ahead import run_ahead


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_items_come_in_order_and_none_is_lost(depth):
    assert list(run_ahead(range(50), depth)) == list(range(50))


def test_none_and_exceptions_may_be_items():
    items = [None, ValueError("an item"), None]
    assert list(run_ahead(items, 1)) == items


def test_an_error_comes_after_the_items_before_it():
    def make():
        yield 1
        yield 2
        raise KeyError("third")

    found = []
    with pytest.raises(KeyError, match="third"):
        found.extend(run_ahead(make(), 1))
    assert found == [1, 2]


def test_at_most_depth_items_wait_beside_the_one_being_made():
    made = []
    with closing(run_ahead((made.append(n) or n for n in itertools.count()), 2)) as items:
        for n in itertools.islice(items, 5):
            assert len(made) <= n + 1 + 2 + 1


def test_the_thread_ends_with_its_reader():
    before = threading.active_count()
    with closing(run_ahead(itertools.count(), 2)) as items:
        assert next(items) == 0
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_a_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="expected at least 1, got 0"):
        next(run_ahead([], 0))
