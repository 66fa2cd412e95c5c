"""Whether every class of a split can be learned, and what to do if not."""

import json
import shlex
from collections.abc import Mapping, Sequence

from detect.errors import DataError, option
from detect.structures import Dataset


def check_learnable(counts: Mapping[str, int], dataset: Dataset) -> None:
    """Raise DataError for a class of `dataset` of which `counts` has no positive region."""
    missing = [name for name, count in counts.items() if not count]
    if len(missing) == len(counts):
        raise DataError(f"split {dataset.split}: {why_none(dataset)}")
    if missing:
        rest = [name for name in counts if counts[name]]
        raise DataError(
            f"split {dataset.split}: no region is positive for {', '.join(missing)}: it cannot be "
            f"learned. Add images of it, or {leave_out(rest)}."
        )


def why_none(dataset: Dataset) -> str:
    """Say why no region is positive for any class."""
    number = sum(len(sample.annotations) for sample in dataset.samples)
    if not number:
        return "no image has an object of the classes to learn. Give a split with objects."
    return (
        f"all {number} objects are marked difficult or crowd, which are neither positive nor "
        "negative: nothing can be learned. Unmark those that can (<difficult>0</difficult>, "
        '"iscrowd": 0), or give a split with others.'
    )


def leave_out(rest: Sequence[str]) -> str:
    """Advise to learn the classes `rest` alone, as one would type it."""
    names = json.dumps(list(rest), ensure_ascii=False)
    return f"leave it out: {option('set', shlex.quote(f'classes={names}'))}"
