"""The counted warning of --skip-bad."""

from collections.abc import Sequence

import click


def warn(text: str) -> None:
    """Print a warning on stderr."""
    click.echo(f"Warning: {text}", err=True)


def warn_skipped(reasons: Sequence[str]) -> None:
    """Say what was left out under --skip-bad, a line each, and how many in all."""
    for reason in reasons:
        warn(f"left out: {reason}")
    if reasons:
        warn(f"images left out (--skip-bad): {len(reasons)}.")
