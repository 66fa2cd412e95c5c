"""Making the next items in a thread while the last one is being used."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_PATIENCE = 0.1  # s between looks at whether anybody still wants items
_GOODBYE = 5.0  # s that an interrupted command waits for the item being made


def run_ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yield from `items`, which a thread makes up to `depth` ahead; its exceptions come in turn.

    For work that lets go of Python's lock: reading, OpenCV, torch.
    """
    if depth < 1:
        raise ValueError(f"depth: expected at least 1, got {depth}")
    maker = _Maker(items, depth)
    maker.thread.start()
    try:
        while isinstance(entry := maker.ready.get(), _Made):
            yield entry.item
        if entry is not None:
            raise entry
    finally:
        maker.stopped.set()
        maker.thread.join(_GOODBYE)


class _Made(Generic[Item]):
    """An item, told apart from the end (None) and from an exception."""

    def __init__(self, item: Item) -> None:
        self.item = item


class _Maker(Generic[Item]):
    """The thread that makes the items, and the queue it leaves them in."""

    def __init__(self, items: Iterable[Item], depth: int) -> None:
        self.items = items
        self.ready: queue.Queue[_Made[Item] | BaseException | None] = queue.Queue(depth)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            for item in self.items:
                self._put(_Made(item))
                if self.stopped.is_set():
                    return
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, entry: _Made[Item] | BaseException | None) -> None:
        """Leave `entry` as soon as there is room; give up when nobody wants it any more."""
        while not self.stopped.is_set():
            try:
                return self.ready.put(entry, timeout=_PATIENCE)
            except queue.Full:
                continue
