"""Writing files so that a killed process never leaves one that reads as complete."""

import errno
import glob
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from detect.errors import DataError, DetectError, EnvironmentProblem, option


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it at the end; removed on any failure.

    Raises EnvironmentProblem on a full disk, DataError where the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise readable(error, path) from error
    finally:
        with suppress(OSError):  # not there, or nothing can be there: the error above says why
            temporary.unlink()


def remove_unfinished(path: Path) -> None:
    """Remove what processes killed while writing `path` left beside it.

    Only where no other process may be writing `path` now.
    """
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        temporary.unlink(missing_ok=True)


def readable(error: OSError, path: Path) -> DetectError:
    """Turn an OSError met while writing `path` into an error that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentProblem(
            f"{path}: no space left on this disk. Free some or choose another {option('out')}; "
            f"what was finished is kept, go on with {option('resume')}."
        )
    return DataError(f"{path}: cannot be written: {error.strerror or error}.")


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path` atomically; ValueError on NaN or infinity."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def digest(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of `text` (UTF-8)."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
