"""Ctrl-C that waits for the end of a step, so that nothing half-done is saved."""

import signal
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """Context manager: the first SIGINT or SIGTERM sets `asked`, a second one stops at once."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        # Python allows handlers in the main thread alone; elsewhere the signal stops at once.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in self._SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
