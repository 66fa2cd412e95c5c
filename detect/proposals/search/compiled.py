"""What compiles the loops of the search: numba, and where it keeps what it has compiled."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Return `function` compiled at its first call, or loaded from what an earlier one left."""
    decorated: Function = numba.njit(cache=True)(function)
    return decorated
