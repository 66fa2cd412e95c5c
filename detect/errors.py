"""Errors a user can act on: one or two lines saying what, where, expected, got, what to do.

`ValueError` is for a caller's bug; these are for a user's input, and the command line turns
each into its exit code: 1 failed, 2 usage, 3 environment, 4 data.
"""

import errno
import re
from pathlib import Path

# What reading ends with where a disk fails, a file system is damaged, or a server went away; a
# system knows those that it has.
_DISKS_SAY = (
    "EIO", "ENXIO", "ENODEV", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EHOSTDOWN", "ENETDOWN",
    "EREMOTEIO", "EUCLEAN", "EBADMSG",
)  # fmt: skip
_OF_DISKS = frozenset(number for number, name in errno.errorcode.items() if name in _DISKS_SAY)

# Marks an option within a message: its name and what it was given. Never typed by anybody.
_NAME, _VALUE, _END = "\ue000", "\ue001", "\ue002"
_OPTION = re.compile(f"{_NAME}([^{_VALUE}]*){_VALUE}([^{_END}]*){_END}")


def option(name: str, value: object = "") -> str:
    """Name the option `name` of a stage in the message of an error, with the `value` it has.

    The command line shows `--skip-bad` or `--iou 0.7`, Python `skip_bad` or `iou=0.7`.
    """
    return f"{_NAME}{name}{_VALUE}{value}{_END}"


def as_flags(text: str) -> str:
    """Return `text` with its options as the command line spells them."""
    return _OPTION.sub(_flag, text)


def as_arguments(text: str) -> str:
    """Return `text` with its options as Python spells them."""
    return _OPTION.sub(lambda found: "=".join(filter(None, found.groups())), text)


def _flag(found: re.Match[str]) -> str:
    name, value = found.groups()
    return " ".join(filter(None, (f"--{name.replace('_', '-')}", value)))


class DetectWarning(UserWarning):
    """Something may not be as the user means it, or is left out; the work goes on."""


class DetectError(Exception):
    """The work failed for a reason the user can read; exit code 1."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message for a caller in Python."""
        return as_arguments(self.marked)

    def __repr__(self) -> str:
        """Return the message for a caller in Python, with the kind of error."""
        return f"{type(self).__name__}({str(self)!r})"

    @property
    def for_command_line(self) -> str:
        """The message for whoever typed a command."""
        return as_flags(self.marked)

    @property
    def marked(self) -> str:
        """The message with its options marked: for another error, or a line of a Reporter."""
        return super().__str__()


class UsageError(DetectError):
    """An option or argument is wrong; exit code 2."""

    exit_code = 2


class EnvironmentProblem(DetectError):
    """This machine or installation cannot do the job (package, device, disk); exit code 3."""

    exit_code = 3


class NothingKept(KeyboardInterrupt):
    """Ctrl-C before there was anything that a later call could go on with."""


class NoSpace(EnvironmentProblem):
    """The disk is full, or the quota or a limit on the size of files is reached; exit code 3."""


class DiskFailure(EnvironmentProblem):
    """What holds a file fails, for no fault of the file; exit code 3."""


def disk_failure(path: Path, error: BaseException | None) -> DiskFailure | None:
    """Return what to raise of `path` where `error`, or what it came from, is a disk's fault."""
    if error is None:
        return None
    if isinstance(error, OSError) and error.errno in _OF_DISKS:
        return DiskFailure(
            f"{path}: its disk fails: {error.strerror}. Look after the disk, then go on; if it is "
            "this file alone, leave it out."
        )
    return disk_failure(path, error.__cause__ or error.__context__)


class DataError(DetectError):
    """A path, file, annotation, split or model is missing or wrong; exit code 4."""

    exit_code = 4


def unreadable(path: Path, error: OSError, remedy: str = "") -> DetectError:
    """Return what to raise where `error` ended reading `path`: a fault of the file or a disk."""
    wrong = f"{path}: cannot be read: {error.strerror or error}. {remedy}".rstrip()
    # What it came from may be of another file.
    return disk_failure(path, OSError(error.errno, error.strerror)) or DataError(wrong)
