"""What proposing for a whole split will cost, from a few of its images."""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.errors import DataError
from detect.proposals.run import attempts
from detect.proposals.worker import Propose
from detect.regions import Proposals, Sample
from detect.storage.proposals import write_part

IMAGES_TIMED = 4


@dataclass(frozen=True)
class Estimate:
    """Measured on `timed` images; `memory` bytes of one process (0: this system does not tell)."""

    timed: int
    boxes_per_image: float
    seconds_per_image: float
    bytes_per_image: float
    memory: int


def measure(propose: Propose, samples: Sequence[Sample], timed: int = IMAGES_TIMED) -> Estimate:
    """Propose for `timed` samples spread over the split, in this process, and measure.

    Raises DataError for the first of them that cannot be read.
    """
    places = np.unique(np.linspace(0, len(samples) - 1, timed).round().astype(int))
    start = time.perf_counter()
    rows: list[Proposals] = []
    for outcome in attempts(propose, [samples[place] for place in places], workers=1):
        if outcome.proposals is None:
            raise DataError(outcome.problem)
        rows.append(outcome.proposals)
    seconds = time.perf_counter() - start
    count = len(rows)
    boxes = sum(map(len, rows)) / count
    return Estimate(count, boxes, seconds / count, _stored_bytes(rows) / count, _peak_memory())


def _stored_bytes(rows: Sequence[Proposals]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "proposals.parquet"
        write_part(path, rows, {})
        return path.stat().st_size


def _peak_memory() -> int:
    """Return the most memory this process has held, bytes; 0 on Windows, which has no rusage."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
