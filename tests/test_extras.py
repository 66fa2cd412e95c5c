"""The extras that CI installs: there are such, and none of them holds a version of another back."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]
_LIMITS = re.compile(r"([a-z0-9-]+)(?:\[[a-z]+\])?>=([\d.]+)(,<[\d.]+)?")
CORE = {re.match(r"[a-z0-9-]+", line)[0] for line in PROJECT["dependencies"]}  # type: ignore[index]
(LISTED,) = re.findall(r"^EXTRAS := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("extra", LISTED.split(","))
def test_an_extra_holds_back_no_version_of_what_the_core_needs(extra: str) -> None:
    assert OPTIONAL[extra]
    for needed in OPTIONAL[extra]:
        name, least, most = _LIMITS.fullmatch(needed).groups()  # type: ignore[union-attr]
        assert least
        assert not (most and name in CORE), needed


def test_ci_installs_the_extras_before_it_tests() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines.index("make extras") < lines.index("make test")
