"""`detect ensemble`: other detections from kept scores, and what each network brings."""

from collections.abc import Iterator
from typing import Any

import click

from detect.cli.declaring import PATH, SELECTION, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.ensemble.curve import curve_lines
from detect.stages.ensemble import EnsembleOptions, EnsembleResult, ensemble


@click.command("ensemble")
@click.argument("scores", type=PATH)
@declared(
    EnsembleOptions,
    "scores",
    out={"metavar": "PATH"},
    models={"type": str, "metavar": "0,2,5"},
    weights={"type": str, "metavar": "W,W,W"},
    data={"metavar": "DATA"},
    split=SPLIT,
    json={"metavar": "OUT"},
    **SELECTION,
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Make detections from SCORES, which detect run --keep-scores left: a file or its folder.

    Any networks of the run, weights, kinds of NMS and voting, without running a network; all
    networks with the defaults give the run's own detections (of scores kept as float16 nearly so).
    With --vote, regions of score 0.02 or more vote, whatever the --threshold. With --data the mAP
    of 1, 2, ... networks over all subsets of the --models, of each alone, and of all but each.
    A detector of detect train in place of SCORES detects in --data first.
    """
    options = told(context, EnsembleOptions)
    click.echo("\n".join(_lines(options, ensemble(options, Terminal()))))


def _lines(options: EnsembleOptions, result: EnsembleResult) -> Iterator[str]:
    yield f"{result.path}: {result.detections} detections in {result.images} images"
    if result.curve is not None:
        rules = f"{options.protocol}, IoU {options.iou:g}"
        percent = 100 * result.curve.map
        yield f"mAP of {len(result.networks)} networks ({rules}): {percent:.2f} %"
        yield from curve_lines(result.curve, result.names)
