"""How much memory this process has held, and how much this machine has left; bytes."""

import ctypes
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path


def forget_peak() -> None:
    """Let `peak_memory` begin anew; without effect elsewhere than on Linux (proc(5), clear_refs).

    What was freed and kept for later is given back first, where malloc is glibc's.
    """
    gc.collect()
    if sys.platform != "linux":
        return
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int:
    """Return the most memory this process has held, since `forget_peak` or else ever.

    0 on Windows, which does not tell.
    """
    try:
        return _kilobytes(Path("/proc/self/status"))["VmHWM"] * 1024
    except (OSError, KeyError):
        return _peak_ever()


def available_memory() -> tuple[int, int]:
    """Return what new work can take, and all there is; both all where the system says no more."""
    try:
        found = _kilobytes(Path("/proc/meminfo"))
        return found["MemAvailable"] * 1024, found["MemTotal"] * 1024
    except (OSError, KeyError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return total, total


def _kilobytes(path: Path) -> dict[str, int]:
    """Return the values of the lines "NAME: NUMBER kB" of a file of /proc."""
    lines = [line.split() for line in path.read_text("utf-8", "replace").splitlines()]
    return {line[0].rstrip(":"): int(line[1]) for line in lines if line[-1:] == ["kB"]}


def _peak_ever() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
