"""`detect report`: the scoreboard of one or several runs, one HTML file with plots beside it."""

from typing import Any

import click

from detect.checks.findings import plural
from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.report import ReportOptions, report


@click.command("report")
@click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN...")
@declared(
    ReportOptions,
    "runs",
    data={"metavar": "DATA"},
    split=SPLIT,
    proposals={"metavar": "P"},
    ensemble={"metavar": "JSON"},
    classification={"metavar": "JSON"},
    out={"metavar": "PATH"},
    blacklist={"metavar": "B"},
    explained={"metavar": "PAGE"},
    labels={"metavar": "OUT"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Make a scoreboard of folders that `detect run` wrote: one HTML file, PNGs beside it.

    mAP by all protocols, curves, what each stage and each type of error costs, what is taken for
    what, what a score is worth, labels in doubt, best and worst images, and the paper's figures
    beside yours. With several RUNs the first is shown in detail.
    A detector of `detect train` in place of RUN, without --data: what its choices were made on.
    """
    result = report(told(context, ReportOptions), Terminal())
    click.echo(result.page)
    if (labels := told(context, ReportOptions).labels) is not None:
        click.echo(f"{labels}: {plural(len(result.doubts), 'label')} in doubt")
