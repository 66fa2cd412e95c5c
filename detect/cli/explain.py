"""`detect explain`: one page that shows an R-CNN at work on some images."""

from typing import Any

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.explain import ExplainOptions, explain


@click.command("explain")
@click.argument("run", type=PATH)
@declared(
    ExplainOptions,
    "run",
    data={"metavar": "DATA"},
    split=SPLIT,
    image={"metavar": "ID"},
    model={"metavar": "M"},
    out={"metavar": "PATH"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Show from the inside what RUN, of detect run --keep-scores, did with some images.

    One HTML file that needs no network: superpixels and how they merge, proposals, every network's
    votes, what suppressed a box, why an object was missed; with sliders for score and NMS.
    """
    result = explain(told(context, ExplainOptions), Terminal())
    for image_id, why in result.images.items():
        click.echo(f"{image_id}: {why}" if why else image_id)
    click.echo(result.page)
