"""Progress of a long loop: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import click

from detect.costs.units import duration
from detect.errors import as_flags
from detect.progress import Spelled

Item = TypeVar("Item")
# The longer it lasts the rarer the lines are: an hour's loop says about 70, a day's 130.
_SECONDS_BETWEEN_LINES, _SHARE_BETWEEN_LINES = 10.0, 0.05


class Terminal(Spelled):
    """Shows what stages tell (detect/progress.py) to whoever typed the command, on stderr."""

    def __init__(self) -> None:
        super().__init__(_Stderr(), as_flags)


class _Stderr:
    """A Reporter that prints."""

    def track(self, items: Iterable[Item], total: int, what: str, /) -> Iterator[Item]:
        """Yield from `items`, showing how many are done."""
        return track(items, total, what)

    def say(self, line: str, /) -> None:
        """Print `line`."""
        click.echo(line, err=True)

    def warn(self, line: str, /) -> None:
        """Print `line` as a warning."""
        click.echo(f"Warning: {line}", err=True)


def track(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield from `items`, showing "`what` 12/72, 0.4 a second, 3 min left" on stderr."""
    if sys.stderr.isatty():
        yield from _bar(items, total, what)
    else:
        yield from _lines(items, total, what)


def _bar(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True)) as progress:
        yield from progress.track(items, total=total, description=what)


def _lines(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    start = shown = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        passed = max(now - start, 1e-9)
        pause = max(_SECONDS_BETWEEN_LINES, _SHARE_BETWEEN_LINES * passed)
        if done == total or now - shown >= pause:
            shown, rate = now, done / passed
            left = duration((total - done) / rate)
            click.echo(f"{what} {done}/{total}, {rate:.3g} a second, {left} left", err=True)
