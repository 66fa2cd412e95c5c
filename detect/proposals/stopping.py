"""Ctrl-C while worker processes start, work or are stopped: one line, and it is ours."""

import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

# loky's thread that hands out the work: it fails where its queues are closed meanwhile.
_MANAGER = "ExecutorManagerThread"


def stopped_quietly(parallel: Any, tasks: Iterator[Any]) -> Iterator[Any]:
    """Yield the outcomes; where the caller stops early, end the work without joblib's advice on it.

    joblib would print that after Ctrl-C, whose message is ours, and so would a thread of loky's.
    """
    outcomes: Generator[Any, None, None] | None = None
    try:
        with _interrupts_later():
            outcomes = parallel(tasks)  # Starts the workers.
        # Not `yield from`, which would close `outcomes` before the warnings are off.
        for outcome in outcomes:  # noqa: UP028
            yield outcome
    except BaseException:
        _silence_manager()
        raise
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="joblib")
            if outcomes is not None:
                outcomes.close()


def _silence_manager() -> None:
    """Let nothing be printed of loky's thread from now on, which may end later than the caller."""
    if not isinstance(threading.excepthook, _AllBut):
        threading.excepthook = _AllBut(threading.excepthook)


class _AllBut:
    """Tells `before` how threads failed, loky's aside."""

    def __init__(self, before: Callable[[threading.ExceptHookArgs], object]) -> None:
        self._before = before

    def __call__(self, failed: threading.ExceptHookArgs) -> None:
        if failed.thread is None or failed.thread.name != _MANAGER:
            self._before(failed)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Let Ctrl-C wait for the end, and pass by the processes started here, which inherit that.

    joblib fails where it is interrupted while it starts one, and a worker shows a traceback of
    its imports, until `prepare_worker` is reached.
    """
    waiting: list[int] = []
    handler = None
    if threading.current_thread() is threading.main_thread():
        handler = signal.signal(signal.SIGINT, lambda number, _: waiting.append(number))
    try:
        with _interrupts_blocked():
            yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        for number in waiting[:1]:
            signal.raise_signal(number)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread, and in those and the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # Starting it would unblock again, before Python 3.14.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
