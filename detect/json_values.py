"""What a JSON value may be, wherever it is from: nesting, numbers and texts that can be written."""

import re
import sys
from typing import Any

import numpy as np

DEPTH = 64
# An escape for half of a surrogate pair. Whether the other half is there, encoding tells.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def check_halves(value: Any, text: str, start: int = 0, end: int = sys.maxsize) -> None:
    """Raise ValueError if `value`, decoded from this piece of JSON `text`, has half of a pair."""
    if _HALF.search(text, start, end):
        check_value(value, finite=False, whole=False)


def check_value(value: Any, *, finite: bool = True, whole: bool = True) -> None:
    """Raise ValueError for what no command could write again, whatever it is for."""
    ahead = [(value, 1)]
    while ahead:
        one, depth = ahead.pop()
        if isinstance(one, dict | list):
            if depth > DEPTH:
                raise too_deep()
            inner = [*one, *one.values()] if isinstance(one, dict) else one
            ahead += [(each, depth + 1) for each in inner]
        elif isinstance(one, str):
            _check_text(one)
        elif finite and isinstance(one, float) and not np.isfinite(one):
            raise ValueError("a number that is not finite, or too large")
        elif whole and isinstance(one, int) and abs(one) >= 2**64:
            raise ValueError("a whole number beyond 64 bits")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"half of a surrogate pair in {text[:60]!a}") from error


def too_deep() -> ValueError:
    """Return the error of a value nested beyond DEPTH."""
    return ValueError(f"nested deeper than {DEPTH}")
