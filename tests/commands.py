"""Calling `detect` in this process."""

import pytest

from detect.cli import main


def call(*arguments: object) -> int:
    """Run `detect ARGUMENTS` and return its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)
