"""Peak memory: what was held counts, until it is forgotten."""

import sys

import numpy as np
import pytest

from detect.memory import available_memory, forget_peak, peak_memory

SIZE = 200 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is for ever")
def test_a_peak_counts_what_was_held_until_it_is_forgotten() -> None:
    forget_peak()
    before = peak_memory()
    np.ones(SIZE // 8)
    assert peak_memory() >= before + SIZE * 0.9
    forget_peak()
    assert peak_memory() <= before + SIZE * 0.5


def test_what_is_available_is_some_of_all_there_is() -> None:
    free, total = available_memory()
    assert 0 < free <= total
