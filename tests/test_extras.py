"""The extras that CI installs: there are such, and none of them holds a version of another back."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OPTIONAL = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
(LISTED,) = re.findall(r"^EXTRAS := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("extra", LISTED.split(","))
def test_an_extra_asks_for_no_more_than_a_lowest_version(extra: str) -> None:
    assert OPTIONAL[extra]
    for needed in OPTIONAL[extra]:
        assert re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?>=[\d.]+", needed), needed


def test_ci_installs_the_extras_before_it_tests() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines.index("make extras") < lines.index("make test")
