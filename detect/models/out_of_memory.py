"""Work that may not fit in memory: tried, so that the caller can try again with less."""

from collections.abc import Callable
from typing import TypeVar

import torch

Value = TypeVar("Value")


def attempt(compute: Callable[[], Value], device: torch.device) -> Value | None:
    """Return what `compute` returns, None if memory ran out; then what it held is given back.

    Raises its other errors.
    """
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Only here: until the error is gone its traceback holds everything that was computed.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether `error` is torch's or Python's way to say that memory ran out."""
    # The CPU allocator raises a plain RuntimeError (c10/core/impl/alloc_cpu.cpp), as do cuBLAS and
    # cuDNN, whose status is CUBLAS_STATUS_ALLOC_FAILED or CUDNN_STATUS_ALLOC_FAILED.
    told = any(words in str(error) for words in ("allocate memory", "_STATUS_ALLOC_FAILED"))
    return told or isinstance(error, torch.OutOfMemoryError | MemoryError)
