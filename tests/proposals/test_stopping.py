"""Work that is stopped early ends without a word of the libraries that do it."""

import threading
from collections.abc import Iterator

import pytest

from detect.proposals.stopping import stopped_quietly


def _fails(name: str) -> None:
    def fail() -> None:
        raise RuntimeError(f"of {name}")

    thread = threading.Thread(target=fail, name=name)
    thread.start()
    thread.join()


def test_after_an_early_end_only_loky_s_thread_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(str(args.exc_value)))

    def outcomes(_: object) -> Iterator[int]:
        yield from (1, 2)

    assert list(stopped_quietly(outcomes, iter(()))) == [1, 2]
    _fails("ExecutorManagerThread")
    stopped = stopped_quietly(outcomes, iter(()))
    assert next(stopped) == 1
    with pytest.raises(KeyboardInterrupt):
        stopped.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    _fails("ExecutorManagerThread")
    _fails("another")
    assert told == ["of ExecutorManagerThread", "of another"]
