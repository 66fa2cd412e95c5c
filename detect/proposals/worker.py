"""What a worker process runs: light imports, one thread, gone when its parent is gone."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2

from detect.errors import DataError
from detect.regions import Proposals, Sample

ProposeSample = Callable[[Sample], Proposals]
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """One image proposed, or the reason why it could not be."""

    image_id: str
    proposals: Proposals | None = None
    problem: str = ""


def attempt(propose: ProposeSample, sample: Sample) -> Outcome:
    """Propose regions of `sample`; a DataError becomes the outcome's problem."""
    try:
        return Outcome(sample.image_id, propose(sample))
    except DataError as error:
        return Outcome(sample.image_id, problem=str(error))


def start(parent: int) -> None:
    """Prepare a worker process: one OpenCV thread, and an end to it when `parent` has gone.

    loky's workers outlive a parent killed by SIGKILL for as long as five minutes otherwise.
    """
    cv2.setNumThreads(1)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)
