"""How much memory this process has held, and how much this machine or container has left; bytes."""

import ctypes
import gc
import math
import os
import sys
from contextlib import suppress
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
# Folder below CGROUP; in it the files with the limit and with what is taken; in memory.stat what
# is taken by pages of files that were not used lately. Versions 2 and 1, as Linux documents them
# in admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
_LIMITS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


# malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def allowed_memory() -> float:
    """Return how much address space this process may have (ulimit -v); infinite where any."""
    if sys.platform == "win32":
        return math.inf
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if most == resource.RLIM_INFINITY else most


def keep_freed() -> None:
    """Let this process keep what it frees, to use it again; without effect without glibc.

    By default glibc gives every block above 32 MiB back to the system at once (mallopt(3),
    M_MMAP_THRESHOLD), and the next step of a training gets it anew, page by page.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_MAX, 0)
            mallopt(_M_TRIM_THRESHOLD, -1)


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
    """Return what new work can take, and all there is; both all where the system says no more.

    Of the machine, or of the container that this runs in where that allows less.
    """
    free_and_total = [_machine_memory(), *_container_memory()]
    return min(free for free, _ in free_and_total), min(total for _, total in free_and_total)


def _machine_memory() -> tuple[int, int]:
    try:
        meminfo = _kilobytes(MEMINFO)
        return meminfo["MemAvailable"] * 1024, meminfo["MemTotal"] * 1024
    except (OSError, KeyError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return total, total


def _container_memory() -> list[tuple[int, int]]:
    """Return what is left and the limit, for every kind of limit that is set."""
    free_and_total = []
    for folder, limit, taken, unused in _LIMITS:
        # ValueError: "max", which means no limit.
        with suppress(OSError, KeyError, ValueError):
            total = int((CGROUP / folder / limit).read_text("ascii"))
            used = int((CGROUP / folder / taken).read_text("ascii"))
            # These pages are given up for new work; MemAvailable counts them as free as well.
            lines = (CGROUP / folder / "memory.stat").read_text("ascii").splitlines()
            used -= int(dict(line.split() for line in lines)[unused])
            free_and_total.append((max(0, total - used), total))
    return free_and_total


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
