"""`detect plan`: hours, memory and disk of every stage, before any of them begins."""

from typing import Any, get_args

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.costs.table import busy_lines, lines
from detect.stages.plan import PlanOptions, PlanResult, plan
from detect.storage.scores_card import Dtype


@click.command("plan")
@click.argument("data", type=PATH)
@declared(
    PlanOptions,
    "data",
    split=SPLIT,
    config={"metavar": "C"},
    model={"metavar": "MODEL"},
    proposals={"metavar": "P"},
    test_split=SPLIT,
    test_proposals={"metavar": "Q"},
    ensemble={"metavar": "N"},
    folds={"metavar": "N"},
    keep_scores={
        "metavar": "[float32|float16]", "is_flag": False, "flag_value": get_args(Dtype)[0],
    },
    json={"metavar": "OUT"},
)  # fmt: skip
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Estimate what the commands on DATA will cost on this machine, from a minute of timings.

    A little of each stage is done in a temporary folder: a few images proposed for, a few steps
    trained, a few regions classified. A recipe's keys say of which network it is. Nothing is
    kept. Not counted: validation, reading annotations, pictures, several processes under
    torchrun. Between runs of a machine that does other things as well, figures vary. With --model
    and no recipe: what detect run costs with that detector, which proposes on the way.
    """
    options = told(context, PlanOptions)
    click.echo("\n".join(_lines(plan(options, Terminal()), options)))


def _lines(result: PlanResult, options: PlanOptions) -> list[str]:
    images = ", ".join(f"{count:,} of {split}" for split, count in result.images.items())
    return [
        f"{options.data}: images: {images}",
        f"Estimates, from timings taken just now on this machine ({result.device}).",
        *busy_lines(result.load, result.cores),
        "",
        *lines(result.stages),
    ]
