"""Several ways to do the same, timed in turn in one run."""

import statistics
import time
from collections.abc import Callable, Mapping


def median_seconds(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the seconds of every way: the median of `rounds`, in each of which all have a turn.

    After a round that does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}
