"""What compiles the loops of the search: numba, and where it keeps what it has compiled."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import numba
from numba.core import config

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Return `function`, compiled at its first call or loaded from what an earlier one has left.

    numba keeps it beside the source, else in the user's cache folder (NUMBA_CACHE_DIR, if set,
    before both), for one processor and version each. Where it may write to none of them, a folder
    of this process serves it and its workers.
    """
    compile_lazily: Any = numba.njit(cache=True)
    try:
        decorated: Function = compile_lazily(function)
    except RuntimeError:  # "no locator available"
        _make_folder()
        decorated = compile_lazily(function)
    return decorated


@cache
def _make_folder() -> None:
    folder = tempfile.mkdtemp(prefix="detect-numba-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder  # workers read it, this process its copy
    settings: Any = config
    settings.CACHE_DIR = folder
