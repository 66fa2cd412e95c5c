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
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Learn to move the boxes of each class, for detect refine.

    A ridge regression a class, from the pooled features of regions near an object (R-CNN,
    appendix C). GoogLeNet's entry had none.
    """
    click.echo(train_regression(told(context, TrainRegressionOptions), Terminal()).path)
