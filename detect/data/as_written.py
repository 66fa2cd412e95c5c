"""Data sets as they are, with what readers refuse: for whoever tells all that is wrong at once."""

from pathlib import Path

from detect.data import open_dataset
from detect.data.split import NoSplitError
from detect.data.truth import boxes_as_written
from detect.structures import Dataset


def splits_of(root: Path) -> tuple[str, ...]:
    """Return the names of the splits in `root`, short ones first; () where it has no lists.

    DataError where that is no data set.
    """
    try:
        open_as_written(root, None)
    except NoSplitError as error:
        return error.splits
    return ()


def open_as_written(root: Path, split: str | None, *, skip_bad: bool = True) -> Dataset:
    """Read one split as `open_dataset` does, but with every finite box that is there.

    Boxes may lie outside their image or have no area, images may be missing. Raises as
    `open_dataset`.
    """
    with boxes_as_written():
        return open_dataset(root, split, skip_bad=skip_bad, need_images=False)
