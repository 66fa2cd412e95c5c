"""`detect plan`: hours, memory and disk of every stage, before any of them begins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from detect.cli import options
from detect.cli.run import DTYPES
from detect.config import (
    AnyRecipe,
    ClassifierRecipe,
    MultiBoxRecipe,
    load_any_recipe,
    member_recipes,
)
from detect.errors import UsageError
from detect.proposals.settings import PRESETS


@dataclass(frozen=True)
class Chosen:
    """The options of one call."""

    data: Path
    split: str
    configs: tuple[Path, ...]
    proposals: Path | None
    test_split: str | None
    test_proposals: Path | None
    preset: str
    ensemble: int | None
    folds: int | None
    keep_scores: str | None
    workers: int | None
    threads: int
    device: str
    json: Path | None
    skip_bad: bool


@click.command("plan")
@click.argument("data", type=options.PATH)
@click.option("--split", required=True, metavar="NAME|FILE", help="The split to train on.")
@click.option(
    "--config",
    "configs",
    type=options.PATH,
    multiple=True,
    required=True,
    metavar="C",
    help="A recipe of a region classifier, MultiBox or a pre-training; repeatable.",
)
@click.option("--proposals", type=options.PATH, metavar="P", help="Stored regions of --split.")
@click.option("--test-split", metavar="NAME|FILE", help="Detect in it. [default: --split]")
@click.option("--test-proposals", type=options.PATH, metavar="Q", help="Its stored regions.")
@click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    default="rcnn",
    show_default=True,
    help="Of Selective Search, where regions are not stored.",
)
@click.option("--ensemble", type=click.IntRange(1), metavar="N", help="N networks classify.")
@click.option(
    "--folds", type=click.IntRange(1), metavar="N", help="N networks of MultiBox (--leave-out)."
)
@click.option(
    "--keep-scores",
    type=click.Choice(DTYPES),
    is_flag=False,
    flag_value=DTYPES[0],
    default=None,
    metavar="[float32|float16]",
    help="As in detect run: count their disk.  [default: off]",
)
@options.workers
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Of a training, that make batches ahead.",
)
@options.device
@click.option("--json", type=options.PATH, metavar="OUT", help="Write all figures.")
@options.skip_bad
@options.debug
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Estimate what the commands on DATA will cost on this machine, from a minute of timings.

    A little of each stage is done in a temporary folder: a few images proposed for, a few steps
    trained, a few regions classified. A recipe's keys say of which network it is. Nothing is
    kept. Not counted: validation, reading annotations, pictures, several processes under
    torchrun. Between runs of a machine that does other things as well, figures vary.
    """
    chosen = Chosen(**given)
    recipes = [(path.name, load_any_recipe(path)) for path in chosen.configs]
    _check(chosen, [recipe for _, recipe in recipes])
    if chosen.proposals and (chosen.test_proposals or not chosen.test_split):
        for name in ("preset", "workers"):
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                raise UsageError(
                    f"--{name}: all regions are stored, nothing is proposed. Leave it out."
                )
    from detect.cli import planning

    plan = planning.make(chosen, recipes)
    click.echo("\n".join(plan.lines))
    if chosen.json:
        from detect.files import write_json

        write_json(chosen.json, plan.figures)


def _check(chosen: Chosen, recipes: list[AnyRecipe]) -> None:
    """Raise UsageError for options that do not go together, DataError for a wrong [[ensemble]]."""
    multiboxes = sum(isinstance(recipe, MultiBoxRecipe) for recipe in recipes)
    classifiers = [recipe for recipe in recipes if isinstance(recipe, ClassifierRecipe)]
    if multiboxes > 1:
        raise UsageError("two recipes of MultiBox in --config: give the one that proposes.")
    if chosen.folds and not multiboxes:
        raise UsageError("--folds: no --config is a recipe of MultiBox.")
    for name in ("ensemble", "keep_scores"):
        if getattr(chosen, name) and not classifiers:
            option = name.replace("_", "-")
            raise UsageError(f"--{option}: no --config is a recipe of a region classifier.")
    if chosen.test_proposals and not chosen.test_split:
        raise UsageError("--test-proposals: say of which split, with --test-split.")
    for recipe in classifiers:
        if chosen.ensemble:
            member_recipes(recipe, chosen.ensemble)
