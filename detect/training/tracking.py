"""How a training shows that it goes on, whoever shows it."""

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
