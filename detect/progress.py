"""How work shows that it goes on, and what it says on the way, whoever listens.

The command line draws bars and prints lines (cli/progress.py); from Python nothing is shown but
warnings, as Python shows them, unless the caller hands over a Reporter.
"""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from detect.errors import DetectWarning, as_arguments

Item = TypeVar("Item")


class Track(Protocol):
    """Yields items and shows how many of them are done."""

    def __call__(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`, `total` of them, as `what` goes on."""


def untracked(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield from `items` and show nothing."""
    return iter(items)


class Reporter(Protocol):
    """Who is told how work goes on; options in a line are spelled as Python's arguments."""

    def track(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`, `total` of them, as `what` goes on."""

    def say(self, line: str, /) -> None:
        """Take a line for people: what is being done, what was found on the way."""

    def warn(self, line: str, /) -> None:
        """Take a line about what may not be as intended."""


class Silence:
    """Listens and shows nothing, warnings neither."""

    def track(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`."""
        return untracked(items, total, what)

    def say(self, line: str, /) -> None:
        """Drop `line`."""

    def warn(self, line: str, /) -> None:
        """Drop `line`."""


class Quiet(Silence):
    """Shows nothing but warnings, which become Python's: what is lost is not lost silently."""

    def warn(self, line: str, /) -> None:
        """Issue a DetectWarning where the caller's own code called this package."""
        warnings.warn(line, DetectWarning, stacklevel=_level_outside())


def _level_outside() -> int:
    """Return the `stacklevel` of `warnings.warn`, called by our caller, that is outside of here."""
    package, level, frame = __name__.partition(".")[0], 0, sys._getframe()
    while frame.f_back is not None and _is_in(package, str(frame.f_globals.get("__name__"))):
        level, frame = level + 1, frame.f_back
    return level


def _is_in(package: str, module: str) -> bool:
    return module.partition(".")[0] == package


SILENT = Silence()
QUIET = Quiet()


@dataclass(frozen=True)
class Spelled:
    """What a stage tells, whose lines have marked options: `listener` gets them spelled."""

    listener: Reporter
    spell: Callable[[str], str] = as_arguments

    def track(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items` as the listener does."""
        return self.listener.track(items, total, what)

    def say(self, line: str, /) -> None:
        """Hand on `line`."""
        self.listener.say(self.spell(line))

    def warn(self, line: str, /) -> None:
        """Hand on `line`."""
        self.listener.warn(self.spell(line))
