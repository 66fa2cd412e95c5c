"""Stages called with keyword arguments."""

import inspect
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from detect.cli.progress import Terminal
from detect.errors import DetectWarning, UsageError, option
from detect.progress import QUIET, Reporter, Silence, Spelled
from detect.stages import propose
from detect.stages.calling import by_keywords
from detect.stages.options import Options, Paths


class WeighOptions(Options):
    """What `weigh` is told."""

    data: Paths = Field(min_length=1, description="What is weighed.")
    scale: int = Field(1, ge=1, description=f"How often {option('data')} counts.")


@by_keywords
def weigh(options: WeighOptions, reporter: Reporter = QUIET) -> tuple[WeighOptions, Reporter]:
    """Return what was given."""
    reporter.say(f"weighing {option('data')}")
    reporter.warn(f"nothing lies on {option('scale', options.scale)}")
    return options, reporter


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def track(self, items: Iterable[Any], total: int, what: str, /) -> Iterator[Any]:
        """Yield from `items`."""
        return iter(items)

    def say(self, line: str, /) -> None:
        """Keep `line`."""
        self.lines.append(line)

    def warn(self, line: str, /) -> None:
        """Keep `line` as a warning."""
        self.lines.append(f"! {line}")


def test_options_come_as_one_object_or_as_keywords() -> None:
    expected = WeighOptions(data="a", scale=2)
    silent = {"reporter": Silence()}
    calls = (weigh("a", scale=2, **silent), weigh(scale=2, data=["a"], **silent))
    for given, _ in (*calls, weigh(expected, **silent)):
        assert given == expected
        assert given.gave("data", "scale") == ["data", "scale"]
    assert weigh(expected, scale=3, **silent)[0] == WeighOptions(data="a", scale=3)
    assert weigh("a", **silent)[0].data == (Path("a"),)


def test_a_reporter_reads_options_as_python_spells_them_and_a_terminal_as_flags(capsys) -> None:
    listener, told = Listener(), WeighOptions(data="a", scale=2)
    weigh("a", scale=2, reporter=listener)
    _, handed_on = weigh(told, listener)
    assert isinstance(handed_on, Spelled)
    weigh(told, handed_on)  # as a stage calls another
    assert listener.lines == ["weighing data", "! nothing lies on scale=2"] * 3
    assert capsys.readouterr() == ("", "")
    weigh(told, Terminal())
    assert capsys.readouterr().err == "weighing --data\nWarning: nothing lies on --scale 2\n"


def test_without_a_reporter_a_warning_is_pythons_at_the_line_that_called(capsys) -> None:
    with pytest.warns(DetectWarning, match=r"^nothing lies on scale=2$") as caught:
        weigh("a", scale=2)
    assert [Path(one.filename).name for one in caught] == ["test_calling.py"]
    assert capsys.readouterr() == ("", "")
    program = (
        "import warnings\nfrom detect.progress import QUIET\n\n"
        "def mine():\n    QUIET.warn('lost')\n\nmine()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("<string>:5: DetectWarning: lost")


def test_help_names_every_option_and_its_default() -> None:
    signature = inspect.signature(weigh)
    assert str(signature).startswith("(data, *, scale=1, reporter: ")
    assert signature.parameters["reporter"].default is QUIET
    assert inspect.getdoc(weigh) == (
        "Return what was given.\n\nOptions:\n    data: What is weighed.\n"
        "    scale: How often data counts."
    )
    assert inspect.signature(propose).parameters["preset"].default == "rcnn"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "^data is missing: What is weighed"),
        ({"data": "a", "scales": 2}, "^no option 'scales'; there are data, scale"),
        ({"data": "a", "scale": 0}, "^scale=0: Input should be greater than or equal to 1"),
        ({"data": {"x" * 500: 1}}, r"^data=\{'x{75,80}: Input"),
    ],
)
def test_a_wrong_one_is_named(given: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        weigh(**given)


def test_one_value_is_not_given_twice() -> None:
    with pytest.raises(UsageError, match="data is given twice"):
        weigh("a", data="b")


@pytest.mark.parametrize("reporter", [Listener, 3, object(), None])
def test_what_cannot_be_told_is_no_reporter(reporter: Any) -> None:
    with pytest.raises(UsageError, match=r"^reporter: expected an object with track, say, warn"):
        weigh(WeighOptions(data="a"), reporter)
