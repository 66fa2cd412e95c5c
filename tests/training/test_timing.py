"""From a few steps to a whole training; how long a step takes is not for a test to say."""

import pytest

from detect.models.timing import Peak
from detect.training.timing import StepTime, Timed, scaled

FEW = Timed(samples=4, steps=2, seconds=0.5, peak=Peak(1000, 100))


def test_a_whole_batch_that_was_timed_stays_as_it_is() -> None:
    most = Timed(samples=16, steps=8, seconds=1.5, peak=Peak(2200, 400))
    assert scaled(FEW, most, 16, disk=7) == StepTime(1.5, 16, 16, 8, Peak(2200, 400), 7)


def test_seconds_grow_in_proportion_and_memory_along_a_line() -> None:
    most = Timed(samples=16, steps=8, seconds=1.5, peak=Peak(2200, 400))
    # 12 samples took 1200 and 300 bytes more: the other 16 take 1600 and 400.
    assert scaled(FEW, most, 32, disk=7) == StepTime(3.0, 32, 16, 8, Peak(3800, 800), 7)


@pytest.mark.parametrize("few", [FEW, Timed(16, 2, 1.5, Peak(900, 0))])
def test_memory_never_shrinks_with_the_batch(few: Timed) -> None:
    most = Timed(samples=16, steps=8, seconds=1.5, peak=Peak(900, 90))
    assert scaled(few, most, 32, disk=0).peak == Peak(900, 90)
