"""The one way to write: a file is there whole, or as it was before, whatever happens in between.

A file is made under a temporary name, every write to it checked, brought to the disk (fsync), and
renamed; then its folder is brought to the disk. Records that grow get whole lines, at their end.
Files that belong together: together.py. tests/test_files.py forbids every other way.
"""

import errno
import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from detect.errors import DataError, DetectError, NoSpace, option

# Also a file as large as the process may write (ulimit -f) or the file system can hold.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")
# Folders in a stage's folder that it writes to: remove_unfinished looks into no others.
_INNER = re.compile(r"weights|pictures|unfinished-scores|\.unfinished.*|[0-9]+")


@contextmanager
def replacing(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it at the end; removed on any failure.

    For libraries that write by name and check what they write; `writing` for all others. Without
    `lasting` nothing is brought to the disk, and a power cut may leave an empty file: for what is
    checked when it is read, or made again. Raises NoSpace on a full disk, DataError where the
    folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        make_folder(path.parent)
        yield temporary
        if lasting:
            to_disk([temporary])
        os.replace(temporary, path)
        if lasting:
            to_disk([path.parent])
    except OSError as error:
        raise readable(error, path) from error
    finally:
        with suppress(OSError):  # not there, or nothing can be there: the error above says why
            temporary.unlink()


@contextmanager
def writing(path: Path, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """Yield a stream of the bytes of `path`, which appears as `replacing` says.

    A write that fails is an error at the end even where a library hides it or makes it its own
    (torch.save, zipfile, Pillow). Raises what `replacing` does.
    """
    with replacing(path, lasting=lasting) as temporary:
        stream = _Checked(io.FileIO(temporary, "w", opener=_without_links))
        try:
            with stream:
                yield stream
        except Exception as error:
            if stream.failure is None:
                raise
            raise stream.failure from error
        if stream.failure is not None:
            raise stream.failure


class _Checked(io.BufferedWriter):
    """Writes all it is given, as BufferedWriter does, and remembers the first failure."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = self.failure or error
            raise

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self.failure = self.failure or error
            raise


@contextmanager
def writing_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """Yield a stream of the text (UTF-8) of `path`, which appears as `writing` says."""
    with writing(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="\n")
        yield text
        text.flush()
        text.detach()


def write_bytes(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Write `content` to `path`, as `writing` does."""
    with writing(path, lasting=lasting) as stream:
        stream.write(content)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, as `writing` does."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path` atomically; ValueError on NaN or infinity."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append `line` to the record `path`, whole or not at all, after a last line that is whole.

    It outlives this process at once, a power cut after `to_disk`. Raises NoSpace on a full disk,
    DataError for a symbolic link and where the folder cannot be written.
    """
    try:
        cut_unfinished_line(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with io.FileIO(_without_links(path, flags), "a") as stream:
            before = stream.seek(0, os.SEEK_END)
            try:
                _write_all(stream, line.encode() + b"\n")
            except OSError:
                with suppress(OSError):  # a device
                    stream.truncate(before)
                raise
    except OSError as error:
        raise readable(error, path) from error


def _write_all(stream: io.FileIO, content: bytes) -> None:
    while content:
        content = content[stream.write(content) :]


def cut_unfinished_line(path: Path) -> None:
    """Shorten the record `path`, if it is there, to its last end of line.

    A process killed while it appended leaves at most one line without its end.
    """
    try:
        if not path.is_symlink() and not path.is_file():
            return
        with io.FileIO(_without_links(path, os.O_RDWR), "r+") as stream:
            end = start = stream.seek(0, os.SEEK_END)
            kept = -1
            while start > 0 and kept < 0:
                step = 1 if start == end else 2**20  # whole as a rule: one byte tells
                start = max(0, start - step)
                stream.seek(start)
                kept = stream.read(min(step, end - start)).rfind(b"\n")
            if start + kept + 1 < end:
                stream.truncate(start + kept + 1)
    except OSError as error:
        raise readable(error, path) from error


def to_disk(paths: Iterable[Path]) -> None:
    """Bring what was written to files and folders to the disk (fsync), as far as that goes.

    Some file systems, mostly over a network, know no fsync of a folder.
    """
    for path in paths:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
                raise
        finally:
            os.close(number)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, where they are not there, and bring them to the disk."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        to_disk([folder.parent])


def remove_unfinished(folder: Path, name: str = "", *, held: bool = False) -> None:
    """Remove what processes killed while writing the file `name`, or any, left in `folder`.

    What a living process of this machine is writing stays, unless `folder` is `held` by this one
    alone. Another machine's cannot be told from a dead one's.
    """
    if not folder.is_dir():
        return
    inner = [one for one in folder.iterdir() if _INNER.fullmatch(one.name) and not one.is_symlink()]
    for place in (folder, *(one for one in inner if not name)):
        for path in place.glob(".*.tmp") if place == folder else place.rglob(".*.tmp"):
            found = _TEMPORARY.fullmatch(path.name)
            wanted = not name or path.name.startswith(f".{name}.")
            if found and wanted and (held or not _lives(int(found[1]))):
                path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    """Tell whether another process of this number lives here."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def refuse_link(path: Path) -> None:
    """Raise DataError where `path` is a symbolic link: what it names is not ours to write into."""
    if path.is_symlink():
        raise readable(OSError(errno.ELOOP, ""), path)


def _without_links(path: str | os.PathLike[str], flags: int) -> int:
    """Open `path` and return its number; OSError (ELOOP) where it is a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def readable(error: OSError, path: Path) -> DetectError:
    """Turn an OSError met while writing `path` into an error that says what to do."""
    if error.errno in _FULL:
        limit = " (or this process may write no file as large)" * (error.errno == errno.EFBIG)
        return NoSpace(
            f"{path}: no space left on this disk{limit}. Free some or choose another "
            f"{option('out')}."
        )
    if error.errno == errno.ELOOP:
        return DataError(f"{path}: is a symbolic link, which is not written through. Move it away.")
    return DataError(f"{path}: cannot be written: {error.strerror or error}.")


def digest(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of `text` (UTF-8)."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
