"""`detect train-multibox`: a network that proposes boxes, whatever their class."""

from typing import Any

import click

from detect.cli.declaring import PATH, TRAINING, declared, told
from detect.cli.progress import Terminal
from detect.cli.speaking import first_alone
from detect.stages.train_multibox import (
    TrainMultiboxOptions,
    TrainMultiboxResult,
    train_multibox,
)


@click.command("train-multibox")
@click.argument("data", type=PATH)
@declared(TrainMultiboxOptions, "data", leave_out={"metavar": "I/N"}, **TRAINING)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Train MultiBox to propose the objects of DATA, whatever their class.

    With --leave-out 1/2 and 2/2 two networks together propose for every image of the split
    without having seen it: `detect propose --multibox A --multibox B`. --resume goes on with an
    interrupted run in --out and ends with the same weights. Several processes train together
    under torchrun: see detect pretrain --help.
    """
    options = told(context, TrainMultiboxOptions)
    with first_alone():
        click.echo(_line(train_multibox(options, Terminal()), options.val_split))


def _line(result: TrainMultiboxResult, split: str | None) -> str:
    if result.average_recall is None:
        return str(result.weights)
    return (
        f"{result.weights}: average recall {result.average_recall:.4f}, "
        f"coverage 50 {result.coverage_50:.4f}, coverage 70 {result.coverage_70:.4f} on {split}"
    )
