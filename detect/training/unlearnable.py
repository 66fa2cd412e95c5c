"""Why nothing can be learned of a class or of a set, and what to do."""

import json
import shlex
from collections.abc import Sequence

from detect.errors import option
from detect.structures import Dataset


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
