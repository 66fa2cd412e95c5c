"""One process a folder: what two commands would write at the same time, one of them may.

The locks are the kernel's (flock; on Windows a locked byte): one ends with the process that holds
it, however that ends, so that none is ever stale. Made of the standard library: filelock up to
3.29.7 empties the file before it has the lock (its issue 591), and with it the holder's name; where
flock is missing, newer ones fall back to a file that outlives its process. docs/reliability.md says
what network file systems do.
"""

import errno
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from math import gcd
from pathlib import Path

from detect.errors import DataError, DetectError, option
from detect.files import readable
from detect.progress import Reporter

WHOLE = (1, 1)

_NAME = re.compile(r"\.lock(?:-(\d{1,9})-of-(\d{1,9}))?")
_TAKEN = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
# Whoever made a folder and left it empty removes it, maybe just as another is about to use it.
_TRIES = 100
# A holder writes about 80 bytes; more is not a holder's.
_LONGEST_HOLDER = 300
# Links are not followed: what they name is not ours to write.
_OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)


class InUseError(DetectError):
    """Another process writes there: right options, data and machine at the wrong time; code 1."""


@contextmanager
def holding(folder: Path, reporter: Reporter, share: tuple[int, int] = WHOLE) -> Iterator[None]:
    """Be the one process that writes into `folder`, which is made if it is not there.

    With `share` (i, n) of every n-th file from the i-th: those without a file in common go
    together. What was made for this alone is gone at the end. Raises InUseError where another
    process, or another call in this one, holds any of it; DataError where there can be no folder.
    """
    with _made(folder), _held(folder / _name(share), folder, reporter):
        for other in _overlapping(folder, share):
            _check_free(other, folder)
        yield


@contextmanager
def holding_file(path: Path, reporter: Reporter) -> Iterator[None]:
    """Be the one process that writes the file `path`, and what it keeps beside until then.

    Raises as `holding`.
    """
    with _made(path.parent), _held(path.with_name(f".{path.name}.lock"), path, reporter):
        yield


def _name(share: tuple[int, int]) -> str:
    index, count = share
    return ".lock" if count == 1 else f".lock-{index}-of-{count}"


def _overlapping(folder: Path, share: tuple[int, int]) -> Iterator[Path]:
    """Yield the locks of other shares that have files in common with `share`.

    Numbers i + kn and j + lm meet where i and j are the same modulo the divisor of n and m.
    """
    index, count = share
    for path in sorted(folder.glob(".lock*")):
        found = _NAME.fullmatch(path.name)
        if found is None or path.name == _name(share):
            continue
        other, others = (int(number or 1) for number in found.groups())
        if (index - other) % gcd(count, others) == 0:
            yield path


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make `folder` and its parents; at the end remove those of them that hold nothing."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    _make(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            for one in missing:
                one.rmdir()


def _make(folder: Path) -> None:
    """Make `folder`, again where it is removed meanwhile; DataError for what is in its way."""
    for tries_left in reversed(range(_TRIES)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return
        except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
            _check_way(folder, error)
            if not tries_left:
                raise readable(error, folder) from error
        except OSError as error:
            raise readable(error, folder) from error


def _check_way(folder: Path, error: OSError) -> None:
    """Raise DataError where `folder`, or the nearest one above it that is there, is no folder."""
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir() and os.path.lexists(there):
        kind = "a file" if there.exists() else "a link to nothing"
        raise DataError(
            f"{there}: is {kind}; a folder is needed there. Choose another {option('out')}."
        ) from error


@contextmanager
def _held(path: Path, out: Path, reporter: Reporter) -> Iterator[None]:
    """Hold the lock in the file `path`, which is there no longer than that."""
    try:
        descriptor, problem = _acquire(path, out)
    except OSError as error:
        raise readable(error, path) from error
    if problem:
        reporter.warn(
            f"{out}: no locks on this file system ({problem}). Start no other command with this "
            f"{option('out')} until this one has ended."
        )
    try:
        _sign(descriptor)
        yield
    finally:
        _release(descriptor, path)


def _acquire(path: Path, out: Path) -> tuple[int, str]:
    """Return the descriptor of the locked file `path`, and why it could not be locked, or ""."""
    for _ in range(_TRIES):
        _make(path.parent)
        try:
            descriptor = os.open(path, _OPEN | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor, str(error.strerror)
            os.close(descriptor)
            if error.errno in _TAKEN:
                raise _in_use(path, out) from None
            raise
        if _is_at(descriptor, path):
            return descriptor, ""
        os.close(descriptor)  # Its holder has removed it since it was opened.
    raise _in_use(path, out)


def _release(descriptor: int, path: Path) -> None:
    """Remove the file `path`, if it still is the one that is locked, and unlock it."""
    # Removed first: whoever has opened it by then looks for it in vain and tries again.
    with suppress(OSError):
        if _is_at(descriptor, path) and sys.platform != "win32":
            path.unlink()
    os.close(descriptor)
    if sys.platform == "win32":
        with suppress(OSError):  # There an open file cannot be removed, which is as safe.
            path.unlink()


def _check_free(path: Path, out: Path) -> None:
    """Remove the file `path` that a killed process has left; InUseError if one holds it."""
    try:
        descriptor = os.open(path, _OPEN)
    except FileNotFoundError:
        return
    except OSError as error:
        raise readable(error, path) from error
    try:
        _lock(descriptor, shared=True)  # Several may look at the same time.
    except OSError as error:
        os.close(descriptor)
        if error.errno in _TAKEN:
            raise _in_use(path, out) from None
        return  # No locks here: the warning is given.
    _release(descriptor, path)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, shared: bool = False) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # Beyond the holder's name, which is read.
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool = False) -> None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)


def _sign(descriptor: int) -> None:
    """Write who holds it, for `_in_use`."""
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    holder = f"process {os.getpid()} on {socket.gethostname()} since {since}\n"
    with suppress(OSError):  # A full disk: it is held all the same.
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, holder.encode())


def _in_use(path: Path, out: Path) -> InUseError:
    """Return the error that says who holds the lock `path` of `out`."""
    return InUseError(
        f"{out} is being written by {_holder(path)}. Wait for it, stop it, or choose another "
        f"{option('out')}."
    )


def _holder(path: Path) -> str:
    """Return what the file `path` says of its holder, if it says it in whole."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_HOLDER).decode()
    except (OSError, UnicodeDecodeError):
        return "another process"
    holder, end, _ = text.partition("\n")
    return holder if end and holder.isprintable() else "another process"
