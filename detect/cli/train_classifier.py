"""`detect train-classifier`: GoogLeNet on the regions of an annotated split."""

from collections.abc import Iterator
from typing import Any

import click

from detect.cli.declaring import PATH, TRAINING, declared, told
from detect.cli.progress import Terminal
from detect.cli.speaking import first_alone
from detect.stages.train_classifier import (
    TrainClassifierOptions,
    TrainClassifierResult,
    TrainedNetwork,
    train_classifier,
)


@click.command("train-classifier")
@click.argument("data", type=PATH)
@declared(
    TrainClassifierOptions,
    "data",
    proposals={"metavar": "P"},
    val_proposals={"metavar": "Q"},
    positives_from={"metavar": "NAME|FILE"},
    positives_per_class={"metavar": "N"},
    ensemble={"metavar": "N"},
    **TRAINING,
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Train GoogLeNet to tell the objects of DATA from its background.

    --resume goes on with an interrupted run in --out and ends with the same weights. Several
    processes train together under torchrun: see detect pretrain --help.

    The networks of an --ensemble begin with the same weights and differ in the order of their
    batches (seed, seed + 1, ...) and in what the recipe's [[ensemble]] tables change: the first
    table for the first network, and so on. The paper's classification entry did so; how the six
    networks of its detection entry differ is not published, and this is our choice.
    """
    options = told(context, TrainClassifierOptions)
    with first_alone():
        click.echo(shown(train_classifier(options, Terminal()), options))


def shown(result: TrainClassifierResult, options: TrainClassifierOptions) -> str:
    """Return what was trained, where it is and what it scored, a line a network."""
    return "\n".join(_lines(result, options))


def _lines(result: TrainClassifierResult, options: TrainClassifierOptions) -> Iterator[str]:
    count = len(result.networks)
    for number, network in enumerate(result.networks, 1):
        if network.already:
            yield f"{network.path}: finished already ({number} of {count})"
        else:
            yield f"{network.weights}{_scored(network, options.val_split)}"
    if options.ensemble is not None:
        averaged = f"detect run --model {result.path} averages them."
        yield f"{result.path}: {count} networks; {averaged}"


def _scored(network: TrainedNetwork, split: str | None) -> str:
    return "" if network.map is None else f": mAP {100 * network.map:.2f} % on {split} (voc2012)"
