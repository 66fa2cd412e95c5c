"""`detect refine`: detections moved by box regression."""

from typing import Any

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.refine import RefineOptions, refine


@click.command("refine")
@click.argument("detections", type=PATH)
@declared(
    RefineOptions,
    "detections",
    data={"metavar": "DATA"},
    split=SPLIT,
    model={"metavar": "M"},
    regression={"metavar": "R"},
    out={"metavar": "PATH"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Move the boxes of DETECTIONS (COCO results) by what the network sees in them.

    Scores stay. Boxes are cut to the image; of those that then overlap the better one stays.
    """
    result = refine(told(context, RefineOptions), Terminal())
    click.echo(f"{result.images} images: {result.path}")
