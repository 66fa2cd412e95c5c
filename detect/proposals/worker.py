"""What a worker process runs: light imports, one thread, gone when its parent is gone."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2

from detect.data import read_pixels
from detect.errors import DataError
from detect.structures import Image, Proposals, Sample

# (image (H, W, 3), its id) -> proposals; must be picklable.
Propose = Callable[[Image, str], Proposals]
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True, eq=False)
class ProposedImage:
    """One image proposed, or the reason why it could not be (its options marked)."""

    image_id: str
    proposals: Proposals | None
    problem: str = ""


def propose_image(propose: Propose, sample: Sample) -> ProposedImage:
    """Read the image of `sample` and propose; a bad image becomes the outcome's problem."""
    cv2.setNumThreads(1)  # the workers share the cores
    try:
        image = read_pixels(sample)
    except DataError as error:
        return ProposedImage(sample.image_id, None, error.marked)
    return ProposedImage(sample.image_id, propose(image, sample.image_id))


def prepare_worker(parent: int, folder: str) -> None:
    """Prepare a worker process to work in `folder`, and to end when `parent` has gone.

    loky keeps its workers for the next call, which may come from another folder, and they outlive
    a parent killed by SIGKILL for as long as five minutes otherwise.
    Ctrl-C is the parent's to handle: it reaches the whole group, and the parent ends its workers.
    """
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)
