"""`detect train-regression`: R-CNN's bounding-box regression on a trained network's features."""

from typing import Any

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.train_regression import TrainRegressionOptions, train_regression


@click.command("train-regression")
@click.argument("data", type=PATH)
@declared(
    TrainRegressionOptions,
    "data",
    split=SPLIT,
    proposals={"metavar": "P"},
    model={"metavar": "M"},
    out={"metavar": "PATH"},
    val_split=SPLIT,
    val_proposals={"metavar": "P"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Learn to move boxes, for detect refine or, by --network-out, for detect run.

    A ridge regression a class, from the features of regions near an object (R-CNN, appendix C):
    the pooled maps, or --maps over a --grid, which tell more of the place. With --val-split the
    --ridge is the one that moves boxes there best. GoogLeNet's entry had none.
    """
    click.echo(train_regression(told(context, TrainRegressionOptions), Terminal()).path)
