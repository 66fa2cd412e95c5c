"""`detect visualize`: pictures of ground truth, proposals or detections."""

from typing import Any

import click

from detect.cli.already import already
from detect.cli.declaring import SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.visualize import VisualizeOptions, VisualizeResult, visualize


@click.command("visualize")
@declared(
    VisualizeOptions,
    data={"metavar": "DATA"},
    split=SPLIT,
    detections={"metavar": "F"},
    proposals={"metavar": "P"},
    out={"metavar": "PATH"},
    image={"metavar": "ID"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Draw ground truth, proposals or detections, one picture an image.

    With ground truth at hand, right (solid green), wrong (dash-dotted orange), duplicate (dotted
    purple) and missed (dashed yellow) are told apart.
    """
    click.echo(shown(visualize(told(context, VisualizeOptions), Terminal())))


def shown(result: VisualizeResult) -> str:
    """Return how many pictures there are, and where."""
    count = len(result.pictures)
    if count and not result.drawn:
        return already(result.folder)
    return f"{count} picture{'s' if count != 1 else ''} in {result.folder}"
