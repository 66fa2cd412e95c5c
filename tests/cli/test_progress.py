"""Progress of a long loop: every item passes, the last line tells the whole."""

import io
import re

import pytest

from detect.cli import progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_items_pass_unchanged_and_in_order(capsys):
    assert list(progress.track(iter("abc"), 3, "reading")) == ["a", "b", "c"]
    assert capsys.readouterr().out == ""


def test_off_a_terminal_the_last_item_is_told_in_one_plain_line(capsys):
    list(progress.track(range(5), 5, "reading"))
    text = capsys.readouterr().err
    assert re.fullmatch(r"reading 5/5, [\d.e+]+ a second, 0 s left\n", text)


def test_off_a_terminal_a_long_loop_is_told_now_and_then(capsys, monkeypatch):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    list(progress.track(range(8), 8, "reading"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "reading 3/8, 0.25 a second, 20 s left",
        "reading 6/8, 0.25 a second, 8.0 s left",
        "reading 8/8, 0.25 a second, 0 s left",
    ]


def test_lines_become_rarer_and_the_loop_of_an_hour_says_few(capsys, monkeypatch):
    clock = iter(range(0, 100_000, 2))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    list(progress.track(range(1800), 1800, "training"))
    lines = capsys.readouterr().err.splitlines()
    assert 20 < len(lines) < 100
    assert lines[0] == "training 5/1800, 0.5 a second, 60 min left"


def test_nothing_to_do_says_nothing(capsys):
    assert list(progress.track([], 0, "reading")) == []
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert list(progress.track(range(3), 3, "reading")) == [0, 1, 2]
    assert "reading" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_an_error_of_the_loop_comes_through(monkeypatch, is_terminal):
    if is_terminal:
        monkeypatch.setattr("sys.stderr", _Terminal())

    def broken():
        yield 1
        raise KeyError("second")

    items = progress.track(broken(), 2, "reading")
    assert next(items) == 1
    with pytest.raises(KeyError, match="second"):
        next(items)
