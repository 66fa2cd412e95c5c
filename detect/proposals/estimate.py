"""What proposing for a whole split will cost, from a few of its images."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.errors import DataError
from detect.memory import forget_peak, peak_memory
from detect.proposals.run import propose_images
from detect.proposals.worker import Propose
from detect.storage.proposals import write_part
from detect.structures import Proposals, Sample

IMAGES_TIMED = 4


@dataclass(frozen=True, eq=False)
class Estimate:
    """Measured on the images of `proposals`; `memory` bytes of one process (0: not told)."""

    proposals: tuple[Proposals, ...]
    seconds_per_image: float
    bytes_per_image: float
    memory: int

    @property
    def timed(self) -> int:
        """How many images were timed."""
        return len(self.proposals)

    @property
    def boxes_per_image(self) -> float:
        """Boxes an image, the mean."""
        return sum(map(len, self.proposals)) / self.timed

    def seconds(self, images: int, workers: int) -> float:
        """Return the seconds `images` take if `workers` share them without loss."""
        return self.seconds_per_image * images / workers

    def memory_of(self, workers: int) -> int:
        """Return the bytes of `workers` and of the process that leads them."""
        return self.memory * (workers + 1 if workers > 1 else 1)

    def disk(self, images: int) -> int:
        """Return the bytes of the proposals of `images`."""
        return round(self.bytes_per_image * images)


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """Return `count` of the samples evenly spread over all, or all there are."""
    places = np.unique(np.linspace(0, len(samples) - 1, count).round().astype(int))
    return [samples[place] for place in places.tolist()]


def measure(
    propose: Propose,
    samples: Sequence[Sample],
    timed: int = IMAGES_TIMED,
    *,
    skip_bad: bool = False,
) -> Estimate:
    """Propose for `timed` samples spread over the split, in this process, and measure.

    Raises DataError for the first of them that cannot be read, with `skip_bad` if none can.
    """
    forget_peak()
    start = time.perf_counter()
    rows: list[Proposals] = []
    problem = ""
    for outcome in propose_images(propose, spread(samples, timed), workers=1):
        if outcome.proposals is not None:
            rows.append(outcome.proposals)
        elif not skip_bad:
            raise DataError(outcome.problem)
        problem = outcome.problem
    if not rows:
        raise DataError(problem)
    seconds = time.perf_counter() - start
    return Estimate(
        tuple(rows), seconds / len(rows), _stored_bytes(rows) / len(rows), peak_memory()
    )


def _stored_bytes(rows: Sequence[Proposals]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "proposals.parquet"
        write_part(path, rows, {})
        return path.stat().st_size
