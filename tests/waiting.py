"""Work on a GPU that nothing may wait for."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def waiting_for_nothing() -> Iterator[None]:
    """Make every operation that waits for the GPU an error; torch warns that it misses some."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
