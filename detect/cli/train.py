"""`detect train`: from a labelled folder to its best detector."""

from typing import Any

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.train import TrainOptions, TrainResult, train


@click.command("train")
@click.argument("data", type=PATH)
@declared(
    TrainOptions,
    "data",
    split=SPLIT,
    val_split=SPLIT,
    out={"metavar": "DETECTOR"},
    set={"metavar": "A.B=3"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Train the best detector of DATA that --minutes allow, and choose all that is to be chosen.

    MultiBox networks, what proposes, region classifiers whose boxes move, how regions are looked
    at and selected, from which score each class is shown: every choice is made on images held out
    of the training and stands in choices.json of the detector. The test split is never looked at.
    Then: detect run PHOTOS --model DETECTOR --out found. --resume goes on after an interruption.
    """
    result = train(told(context, TrainOptions), Terminal())
    click.echo(_line(result))


def _line(result: TrainResult) -> str:
    if not result.trained:
        return "nothing trained (--dry-run)."
    figures = result.figures
    half, mean = (f"{100 * figures[name]:.1f}" for name in ("AP50", "AP"))
    of = f"{figures['images']} {figures['of']}"
    return f"{result.path}: mAP {half} at IoU 0.5, {mean} over 0.50 to 0.95, on {of}"
