"""Whether torch.compile pays, and what it makes of a network."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from detect.errors import DetectError, EnvironmentProblem, option

# Ours: crops from which on compiling pays. On an H200 at 224 px it takes up to 18 s and saves 18
# microseconds a crop from end to end (benchmarks/gpu.py, docs/measured.md); smaller crops less.
WORTH_COMPILING = 1_000_000

BACKEND = "inductor"


def pays(choice: str, device: torch.device, crops: int | None) -> bool:
    """Tell whether `choice` (auto, on, off) means to compile for so many `crops`, None: unknown.

    auto: on a GPU, from WORTH_COMPILING crops on.
    """
    if choice == "auto":
        return device.type == "cuda" and (crops or 0) >= WORTH_COMPILING
    return choice == "on"


def compiled(function: Any, *, dynamic: bool) -> Any:
    """Return `function`, or a network, compiled when it is first called.

    For every shape anew, or `dynamic` once for all. Not with CUDA graphs (mode="reduce-overhead"),
    with which an H200 classified 43,086 crops of 224 px a second, without 43,565 (measured.md).
    """
    return torch.compile(function, backend=BACKEND, dynamic=dynamic)


@contextmanager
def compiling() -> Iterator[None]:
    """Say what goes wrong within as an EnvironmentProblem, and of torch's advice nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DetectError:
        raise
    except Exception as error:
        # torch says first where, and on the next line what.
        reason = " ".join(str(error).split("\n")[:2])[:300]
        raise EnvironmentProblem(
            f"the networks cannot be compiled here ({type(error).__name__}: {reason}). It needs a "
            f"C++ compiler, and on a GPU triton, as CUDA builds of PyTorch bring along. Use "
            f"{option('compile', 'off')}."
        ) from error
