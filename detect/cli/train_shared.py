"""`detect train-shared`: a detector of one trunk, which sees an image once."""

from typing import Any

import click

from detect.cli.declaring import PATH, TRAINING, declared, told
from detect.cli.progress import Terminal
from detect.cli.speaking import first_alone
from detect.stages.train_shared import TrainSharedOptions, TrainSharedResult, train_shared


@click.command("train-shared")
@click.argument("data", type=PATH)
@declared(
    TrainSharedOptions,
    "data",
    proposals={"metavar": "P"},
    val_proposals={"metavar": "Q"},
    **TRAINING,
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Train a network that sees an image once and finds the objects of DATA in its maps.

    Fast R-CNN's idea (arXiv 1504.08083) with MultiBox's proposals, beside the R-CNN of
    train-classifier, which crops every region. `detect run --model RUN` takes the result, over
    stored proposals or over its own: --method multibox --multibox RUN. --init takes the trunk of a
    region classifier, of a MultiBox or of detect pretrain. --resume goes on with an interrupted run
    in --out and ends with the same weights. Several processes train together under torchrun: see
    detect pretrain --help.
    """
    options = told(context, TrainSharedOptions)
    with first_alone():
        click.echo(_line(train_shared(options, Terminal()), options.val_split))


def _line(result: TrainSharedResult, split: str | None) -> str:
    if result.map is None:
        return str(result.weights)
    return f"{result.weights}: mAP {100 * result.map:.2f} % on {split} (voc2012)"
