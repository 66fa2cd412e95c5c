"""Stages called with keyword arguments."""

import inspect
from pathlib import Path

import pytest
from pydantic import Field

from detect.errors import UsageError, option
from detect.progress import SILENT, Reporter, Silence
from detect.stages import propose
from detect.stages.calling import by_keywords
from detect.stages.options import Options, Paths


class WeighOptions(Options):
    """What `weigh` is told."""

    data: Paths = Field(min_length=1, description="What is weighed.")
    scale: int = Field(1, ge=1, description=f"How often {option('data')} counts.")


@by_keywords
def weigh(options: WeighOptions, reporter: Reporter = SILENT) -> tuple[WeighOptions, Reporter]:
    """Return what was given."""
    return options, reporter


def test_options_come_as_one_object_or_as_keywords() -> None:
    expected = WeighOptions(data="a", scale=2)
    listener = Silence()
    for given in (weigh("a", scale=2), weigh(scale=2, data=["a"]), weigh(expected)):
        assert given == (expected, SILENT)
        assert given[0].gave("data", "scale") == ["data", "scale"]
    assert weigh(expected, listener)[1] is listener
    assert weigh("a", reporter=listener)[1] is listener
    assert weigh(expected, scale=3)[0] == WeighOptions(data="a", scale=3)
    assert weigh("a")[0].data == (Path("a"),)


def test_help_names_every_option_and_its_default() -> None:
    signature = inspect.signature(weigh)
    assert str(signature).startswith("(data, *, scale=1, reporter: ")
    assert signature.parameters["reporter"].default is SILENT
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
