"""How work shows that it goes on, and what it says on the way, whoever listens.

The command line draws bars and prints lines (cli/progress.py); from Python nothing is shown
unless the caller hands over a Reporter.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Track(Protocol):
    """Yields items and shows how many of them are done."""

    def __call__(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`, `total` of them, as `what` goes on."""


def untracked(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield from `items` and show nothing."""
    return iter(items)


class Reporter(Protocol):
    """Who is told how work goes on.

    Options in a line are marked: `as_flags` or `as_arguments` of errors.py spells them.
    """

    def track(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`, `total` of them, as `what` goes on."""

    def say(self, line: str, /) -> None:
        """Take a line for people: what is being done, what was found on the way."""

    def warn(self, line: str, /) -> None:
        """Take a line about what may not be as intended."""


class Silence:
    """Listens and shows nothing."""

    def track(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`."""
        return untracked(items, total, what)

    def say(self, line: str, /) -> None:
        """Drop `line`."""

    def warn(self, line: str, /) -> None:
        """Drop `line`."""


SILENT = Silence()
