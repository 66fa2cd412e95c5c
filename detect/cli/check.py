"""`detect check`: everything that is wrong or odd about a data set, at once."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click

from detect.checks.findings import KINDS, Finding, plural
from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.errors import DataError, as_flags
from detect.stages.check import CheckOptions, CheckResult, check

_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}
_SHOWN = 3  # findings of a kind, the oddest
_MARK_WIDTH = 9


@click.command("check")
@click.argument("data", type=PATH)
@declared(
    CheckOptions,
    "data",
    split=SPLIT,
    detections={"metavar": "RUN|F"},
    model={"metavar": "MODEL"},
    out={"metavar": "PATH"},
    json={"metavar": "OUT"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Tell everything that is wrong or odd about DATA at once, each kind with what to do.

    Errors stop training, or leave it nothing to learn from: the exit code is 4. Nothing is changed.
    With --model or --detections the labels that a detector doubts are told as well.
    """
    result = check(told(context, CheckOptions), Terminal())
    click.echo("\n".join(_lines(result)))
    if result.page is not None:
        click.echo(result.page)
    if result.stops:
        count = sum(finding.level == "error" for finding in result.findings)
        raise DataError(f"{plural(count, 'error')} found: see the arrows above for what to do.")


def _lines(result: CheckResult) -> Iterator[str]:
    """Yield the splits as a table, and every kind of finding with its oddest ones."""
    yield from _splits(result)
    grouped = result.by_kind()
    width = max(shutil.get_terminal_size().columns, 60)
    for kind, found in grouped.items():
        yield ""
        yield from _kind(kind, found, width)
    yield ""
    if not grouped:
        yield "Nothing wrong or odd was found."
    elif any(len(found) > _SHOWN for found in grouped.values()) and result.page is None:
        yield f"The {_SHOWN} oddest of each; all with --json OUT, pictures with --out PATH."


def _splits(result: CheckResult) -> Iterator[str]:
    names = [name or "(all)" for name in result.splits]
    width = max(len("split"), *map(len, names))
    yield f"{'split':{width}}  images   objects  left out by --skip-bad"
    for name, one in zip(names, result.splits.values(), strict=True):
        yield f"{name:{width}}  {one.images:6,}  {one.objects:8,}  {one.left_out:22,}"


def _kind(kind: str, found: Sequence[Finding], width: int) -> Iterator[str]:
    known = KINDS[kind]
    indent = " " * _MARK_WIDTH
    mark = click.style(f"{known.level:{_MARK_WIDTH}}", fg=_COLOURS[known.level])
    yield f"{mark}{known.title}: {len(found):,}"
    for one in found[:_SHOWN]:
        yield _wrapped(as_flags(one.marked), indent, f"{indent}  ", width)
    if len(found) > _SHOWN:
        yield f"{indent}and {len(found) - _SHOWN:,} more"
    yield _wrapped(f"-> {as_flags(known.remedy)}", indent, f"{indent}   ", width)


def _wrapped(text: str, first: str, other: str, width: int) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=other,
        break_on_hyphens=False,
        break_long_words=False,
    )
