"""`detect` commands in children forked from a process that has imported everything.

That process computes nothing: threads, of OpenMP or torch, would not survive the fork. A child
costs milliseconds where a new interpreter takes seconds to import, and it can be ended, as SIGKILL
does, before its Nth change of files.
"""

import importlib
import mmap
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import detect as package

_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
HANGING = 60.0  # seconds; the longest command here takes 3


@dataclass(frozen=True)
class Ended:
    """How a child ended: exit `code` (-9: killed), what it `said` on stderr, what it took.

    `changes` are those of files, `peak` is the most memory in bytes; `hung`: it had to be killed.
    """

    code: int
    said: str
    changes: int
    seconds: float
    peak: int
    hung: bool = False


@dataclass(frozen=True)
class Limits:
    """When a child ends before its time: all of them may be 0, for never.

    `change`: killed before its Nth change of files, counted from the first; `seconds`: killed
    after so many; `file_size`: no file may be larger, in bytes.
    """

    change: int = 0
    seconds: float = 0.0
    file_size: int = 0


class Child:
    """`detect WORDS`, running in a child of this process."""

    def __init__(self, words: Sequence[object], limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._count = mmap.mmap(-1, 8)
        self._begun = time.monotonic()
        self._stderr, sink = os.pipe()
        sys.stdout.flush()
        self._number = os.fork()
        if self._number == 0:
            os.close(self._stderr)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(sink, 2)
            # pytest has put its own in their place.
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            self._limit()
            detect([str(word) for word in words])
        os.close(sink)

    def ended(self) -> Ended:
        """Wait for its end, or bring it about: at its limit, or where it hangs."""
        wanted = self._limits.seconds
        end = self._begun + (wanted or HANGING)
        said = []
        while (left := end - time.monotonic()) > 0 and self._says(left):
            text = os.read(self._stderr, 2**16)
            if not text:
                break
            said.append(text)
        else:
            os.kill(self._number, signal.SIGKILL)
        os.close(self._stderr)
        _, status, used = os.wait4(self._number, 0)
        seconds = time.monotonic() - self._begun
        return Ended(
            os.waitstatus_to_exitcode(status),
            b"".join(said).decode(errors="replace"),
            int.from_bytes(self._count[:8], "little"),
            seconds,
            used.ru_maxrss * 1024,
            hung=not wanted and seconds > HANGING,
        )

    def _says(self, seconds: float) -> bool:
        return bool(select.select([self._stderr], [], [], seconds)[0])

    def _limit(self) -> None:
        """Bound this process, the child, and count its changes."""
        if self._limits.file_size:
            size = self._limits.file_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        def count(number: int) -> None:
            self._count[:8] = number.to_bytes(8, "little")

        end_before(self._limits.change, count)


def call(words: Sequence[object], limits: Limits | None = None) -> Ended:
    """Run `detect WORDS` in a child to its end."""
    return Child(words, limits).ended()


def call_whole(words: Sequence[object], seconds: float) -> Ended:
    """Run `detect WORDS` in an interpreter of its own, killed after `seconds`.

    It has ended when its own children have, which hold its stderr.
    """
    begun = time.monotonic()
    program = [sys.executable, "-c", "from detect.cli import main; main()", *map(str, words)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    try:
        said, hung = process.communicate(timeout=HANGING)[1], False
    except subprocess.TimeoutExpired:
        said, hung = b"its children live on", True
    took = time.monotonic() - begun
    return Ended(process.returncode, said.decode(errors="replace"), 0, took, 0, hung)


def end_before(change: int, tell: Callable[[int], object] = int) -> None:
    """Kill this process before its Nth `change` of files from now on; 0: never.

    A change is an opening for writing, a renaming, removing, making or shortening. `tell` is
    called with 1, 2, ... before each.
    """
    number = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal number
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
        if event in _CHANGES or (opens and arguments[0] != os.devnull):
            number += 1
            tell(number)
            if number == change:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def import_everything(calls: Iterable[Sequence[object]]) -> None:
    """Import all of `detect`, and what a child tells that it needed for each of `calls`."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    for words in calls:
        source, sink = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            detect([str(word) for word in words], sink)
        os.close(sink)
        with open(source) as stream:
            import_those(stream.read().split())
        if os.waitpid(child, 0)[1]:
            sys.exit(f"detect {' '.join(map(str, words))} failed")


def import_those(modules: Iterable[str]) -> None:
    """Import the `modules` that a child has used."""
    for name in modules:
        with suppress(ImportError):  # made by another module
            importlib.import_module(name)


def detect(words: list[str], tell: int | None = None) -> NoReturn:
    """End this process with `detect WORDS`; `tell` a pipe which modules it used."""
    from detect.cli import main

    code = 1
    try:
        main(words)
    except SystemExit as stop:
        code = int(stop.code or 0)
        if tell is not None:
            os.write(tell, " ".join(sys.modules).encode())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
