"""Whether what a stored model says of itself can be so: kinds of values, and their bounds."""

from collections.abc import Callable
from typing import Any

from detect.data.folds import parse_fold
from detect.reading import is_name

# As recipes have it (config/sections.py and its neighbours); what is large costs memory.
WIDEST, LARGEST_INPUT, MOST_CLASSES, MOST_SLOTS = 4, 1024, 100_000, 100_000
CLASSES = f"1 to {MOST_CLASSES:,} different class names"
# What float32 divides by and holds without becoming infinite: far beyond any pixel.
SMALLEST, LARGEST = 1e-9, 1e9

# Whether a value is right, and what is expected; and those of fields by their names.
Check = tuple[Callable[[Any], bool], str]
Checks = dict[str, Check]


def is_number(low: float, high: float) -> Callable[[Any], bool]:
    """Return whether a value is a number from `low` to `high`; True and False are none."""
    return lambda value: type(value) in (int, float) and low <= value <= high


def is_count(low: int, high: int) -> Callable[[Any], bool]:
    """Return whether a value is a whole number from `low` to `high`."""
    return lambda value: type(value) is int and low <= value <= high


def is_triple(low: float) -> Callable[[Any], bool]:
    """Return whether a value is three numbers from `low`, float32's."""
    number = is_number(low, LARGEST)
    return lambda value: isinstance(value, tuple) and len(value) == 3 and all(map(number, value))


def are_names(value: object) -> bool:
    """Tell whether `value` is a tuple of class names: different, not empty, not too many."""
    if not isinstance(value, tuple) or not all(map(is_name, value)):
        return False
    return MOST_CLASSES >= len(value) == len(set(value)) > 0


def is_fold(value: object) -> bool:
    """Tell whether `value` names a fold (data/folds.py), or none."""
    try:
        return isinstance(value, str) and (value == "" or parse_fold(value) is not None)
    except ValueError:
        return False


def one_of(names: tuple[str, ...]) -> Check:
    """Return the check of a field that takes one of `names`."""
    return lambda value: isinstance(value, str) and value in names, f"one of {', '.join(names)}"


def whole(low: int, high: int) -> Check:
    """Return the check of a whole number from `low` to `high`."""
    return is_count(low, high), f"a whole number from {low} to {high:,}"


WIDTH: Check = (is_number(SMALLEST, WIDEST), f"a positive number up to {WIDEST}")
