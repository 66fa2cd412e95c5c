"""Errors that say memory ran out, and work that is given up then."""

import pytest
import torch

from detect.models.out_of_memory import attempt, is_out_of_memory

CPU = torch.device("cpu")
# The text of c10/core/impl/alloc_cpu.cpp.
FULL = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."


def test_a_full_cpu_is_recognised_and_another_error_is_not() -> None:
    assert is_out_of_memory(RuntimeError(FULL))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(MemoryError())
    cublas = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
    assert is_out_of_memory(RuntimeError(cublas))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_the_allocator_of_a_cpu_says_so_itself() -> None:
    assert attempt(lambda: torch.empty(2**60, dtype=torch.uint8), CPU) is None


def test_work_that_fits_returns_its_value_and_other_errors_are_raised() -> None:
    assert attempt(lambda: 7, CPU) == 7
    with pytest.raises(RuntimeError, match="size of tensor"):
        attempt(lambda: torch.ones(2) + torch.ones(3), CPU)
