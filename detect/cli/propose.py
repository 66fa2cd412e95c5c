"""`detect propose`: regions for every image of a split."""

from typing import Any

import click

from detect.cli.already import already
from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.propose import ProposeCost, ProposeOptions, ProposeResult, propose


@click.command("propose")
@click.argument("data", type=PATH)
@declared(
    ProposeOptions,
    "data",
    split=SPLIT,
    out={"metavar": "PATH"},
    multibox={"metavar": "M"},
    multibox_nms={"type": str, "metavar": "IOU|adaptive"},
    shard={"type": str, "metavar": "I/N"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Propose regions for every image of DATA: a data set, or a folder of images.

    The files are the same, byte for byte, for any number of workers, shards and reruns.
    """
    click.echo(shown(propose(told(context, ProposeOptions), Terminal())))


def shown(result: ProposeResult) -> str:
    """Return what was proposed and where it is, or what it will cost."""
    if result.cost is not None:
        return _cost_lines(result.cost)
    if result.complete:
        return already(result.path)
    per_image = result.boxes / max(result.images, 1)
    return f"{result.images} images, {result.boxes} boxes, {per_image:.0f} an image: {result.path}"


def _cost_lines(cost: ProposeCost) -> str:
    return (
        f"Timed {cost.timed} of {cost.images} images: {cost.seconds:.2f} s and "
        f"{cost.boxes:.0f} boxes an image.\n"
        f"All {cost.images} with {cost.workers} workers: {cost.hours:.2f} hours, "
        f"{cost.memory / 1e9 if cost.memory else float('nan'):.1f} GB of memory, "
        f"{cost.disk / 1e6:.1f} MB on disk."
    )
