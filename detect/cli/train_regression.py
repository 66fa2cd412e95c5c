"""`detect train-regression`: R-CNN's bounding-box regression on a trained network's features."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import open_data
from detect.errors import DataError, UsageError
from detect.models.box_regression import PAIR_IOU, RIDGE

if TYPE_CHECKING:
    from detect.training.regression import Pairs


@click.command("train-regression")
@click.argument("data", type=options.PATH)
@options.split
@click.option(
    "--proposals", required=True, type=options.PATH, metavar="P", help="Proposals of that split."
)
@click.option(
    "--model", required=True, type=options.PATH, metavar="M", help="A region classifier's run."
)
@options.out("File to write, ending in .safetensors.")
@click.option(
    "--ridge",
    type=click.FloatRange(0, min_open=True),
    default=RIDGE,
    show_default=True,
    help="Weight of the penalty, lambda.",
)
@click.option(
    "--pair-iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=PAIR_IOU,
    show_default=True,
    help="From which a region is paired with an object.",
)
@options.precision
@options.device
@options.exist_ok
@options.skip_bad
@options.debug
def command(
    data: Path,
    split: str | None,
    proposals: Path,
    model: Path,
    out: Path,
    ridge: float,
    pair_iou: float,
    precision: str,
    device: str,
    exist_ok: bool,
    skip_bad: bool,
) -> None:
    """Learn to move the boxes of each class, for detect refine.

    A ridge regression a class, from the pooled features of regions near an object (R-CNN,
    appendix C). GoogLeNet's entry had none.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: expected a name ending in .safetensors.")
    options.prepare_out(out, exist_ok=exist_ok)
    from detect.detector.refine import RegionEncoder
    from detect.models.box_regression import fit
    from detect.models.checkpoint import load_model
    from detect.models.device import choose_device
    from detect.models.model_files import model_hash
    from detect.models.regression_file import StoredRegression, save_regression
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes
    from detect.training.regression import collect_pairs

    encoder_model, card = load_model(model)
    encoder = RegionEncoder(encoder_model, card, choose_device(device), precision)
    dataset = open_data(data, split, skip_bad=skip_bad)
    dataset = choose_classes(dataset, card.classes)
    pairs = collect_pairs(dataset.samples, ProposalFile(proposals), encoder, pair_iou, track)
    _check(pairs, dataset.split, pair_iou)
    columns = (pairs.features, pairs.boxes, pairs.truths, pairs.labels)
    regression = fit(*columns, len(card.classes), ridge)
    save_regression(out, StoredRegression(regression, card.classes, model_hash(model)))
    counts = zip(card.classes, regression.pairs.tolist(), strict=True)
    click.echo(f"pairs: {', '.join(f'{name} {count}' for name, count in counts)}", err=True)
    click.echo(out)


def _check(pairs: "Pairs", split: str, iou: float) -> None:
    if not len(pairs):
        raise DataError(
            f"split {split}: no region has an IoU of {iou:g} or more with an object. Propose more "
            "boxes, or lower --pair-iou."
        )
