"""`detect run`: detections in a data set or in images, and pictures of them."""

from typing import Any, get_args

import click

from detect.cli.already import already
from detect.cli.declaring import BATCH_SIZE, PATH, SELECTION, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.run import RunOptions, RunResult, run
from detect.storage.scores_card import Dtype


@click.command("run")
@click.argument("images", type=PATH, nargs=-1, required=True, metavar="DATA|IMAGE...")
@declared(
    RunOptions,
    "images",
    split=SPLIT,
    model={"metavar": "M"},
    out={"metavar": "PATH"},
    proposals={"metavar": "P"},
    multibox={"metavar": "M"},
    svm={"metavar": "FILE"},
    keep_scores={
        "metavar": "[float32|float16]", "is_flag": False, "flag_value": get_args(Dtype)[0],
    },
    batch_size=BATCH_SIZE,
    **SELECTION,
)  # fmt: skip
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Detect objects in a split of DATA, in a folder of images, or in images.

    Writes OUT/detections.json (COCO results) and a picture an image. Without --proposals, regions
    are proposed on the way, as `detect propose` does it. --keep-scores leaves OUT/scores.parquet
    as well, from which `detect ensemble` makes other detections without a network. Scores are
    probabilities; with --svm they are above 0 for the class, whatever their size. With --vote,
    regions of score 0.02 or more vote, whatever the --threshold.
    """
    click.echo(shown(run(told(context, RunOptions), Terminal())))


def shown(result: RunResult) -> str:
    """Return how much was detected, and where it is."""
    if result.complete:
        return already(result.path)
    line = f"{result.path}: {result.detections} detections in {result.images} images"
    if (kept := result.scores) is None:
        return line
    size = kept.size / 1e6
    return f"{line}\n{kept.path}: scores of {kept.networks} networks, {size:.1f} MB"
