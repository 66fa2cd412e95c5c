"""Checks of annotated boxes, the same in every layout. Nothing is clipped or repaired."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detect.errors import DataError, option
from detect.structures import Size

# Tools that count pixels from 0 write VOC corners one pixel off, and COCO's x + width rounds;
# a box that leaves its image by more than this, px, was drawn on another image or scale.
TOLERANCE = 1.0
SKIP_HINT = f"Correct it, or leave the image out with {option('skip_bad')}."


_AS_WRITTEN = ContextVar("boxes as written", default=False)


@contextmanager
def boxes_as_written() -> Iterator[None]:
    """Within this, let finite boxes through whatever they are: for who tells all that is wrong."""
    before = _AS_WRITTEN.set(True)
    try:
        yield
    finally:
        _AS_WRITTEN.reset(before)


def check_boxes(
    path: Path,
    boxes: NDArray[np.float64],
    size: Size | None,
    describe: Callable[[int], str],
    written: NDArray[np.float64] | None = None,
) -> None:
    """Raise DataError for the first of `boxes` (N, 4) xyxy without area or outside the image.

    `describe` names object i as the file has it. A `size` that is not known, None, is not checked.
    Where the file has pixels, `written` (N, 4) are its own numbers: fractions are refused.
    """
    if written is not None and not _AS_WRITTEN.get():
        _check_pixels(path, written, describe)
    with np.errstate(over="ignore"):
        stored = boxes.astype(np.float32)
    if not np.isfinite(stored).all():
        first = int(np.argmin(np.isfinite(stored).all(axis=1)))
        raise DataError(f"{path}: {describe(first)} is no finite box. {SKIP_HINT}")
    if _AS_WRITTEN.get():
        return
    flat = (stored[:, 2:] <= stored[:, :2]).any(axis=1)
    if flat.any():
        where = describe(int(np.argmax(flat)))
        raise DataError(
            f"{path}: {where} has no area (width or height is not above 0). {SKIP_HINT}"
        )
    if size is None:
        return
    height, width = size
    excess = np.concatenate([-boxes[:, :2], boxes[:, 2:] - [width, height]], axis=1)
    farthest = excess.max(axis=1, initial=0.0)
    if (farthest > TOLERANCE).any():
        first = int(np.argmax(farthest > TOLERANCE))
        raise DataError(
            f"{path}: {describe(first)} leaves the image of {width}x{height} px (width x height) "
            f"by {farthest[first]:g} px. {SKIP_HINT}"
        )


def are_fractions(boxes: NDArray[np.float64]) -> bool:
    """Tell whether all of some `boxes` (N, 4), as a file has them, are fractions of an image."""
    inside = bool(len(boxes)) and bool(((boxes >= 0) & (boxes <= 1)).all())
    return inside and bool((boxes % 1 != 0).any())


def _check_pixels(path: Path, written: NDArray[np.float64], describe: Callable[[int], str]) -> None:
    """Raise DataError for the first box whose numbers are fractions: within one pixel, not whole.

    Taken as pixels it would be smaller than one and train to nothing without a word.
    """
    inside = ((written >= 0) & (written <= 1)).all(axis=1) & (written % 1 != 0).any(axis=1)
    if inside.any():
        raise DataError(
            f"{path}: {describe(int(np.argmax(inside)))} has numbers from 0 to 1 alone: fractions "
            "of the image's sides, it seems; expected pixels. Multiply those of x by the image's "
            f"width, those of y by its height. {SKIP_HINT}"
        )
