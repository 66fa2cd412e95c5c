"""`detect train-svm`: R-CNN's linear SVMs on a trained network's features."""

from typing import Any

import click

from detect.cli.already import already
from detect.cli.declaring import BATCH_SIZE, PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.train_svm import TrainSvmOptions, train_svm


@click.command("train-svm")
@click.argument("data", type=PATH)
@declared(
    TrainSvmOptions,
    "data",
    split=SPLIT,
    proposals={"metavar": "P"},
    model={"metavar": "M"},
    positives_from={"metavar": "NAME|FILE"},
    positives_per_class={"metavar": "N"},
    out={"metavar": "PATH"},
    batch_size=BATCH_SIZE,
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Fit a linear SVM a class to the network's features, for detect run --svm.

    With R-CNN's hard-negative mining (section 2.3, appendix B): positives are the objects,
    negatives regions of IoU below 0.3. Difficult objects and crowds are neither, as in every
    training. The features of all regions wait on the disk, beside --out, until the SVMs are
    fitted; --resume goes on with them. GoogLeNet's paper names no SVMs. Needs the extra "svm".
    """
    result = train_svm(told(context, TrainSvmOptions), Terminal())
    click.echo(already(result.path) if result.complete else result.path)
