"""`detect split`: two halves of a split with the same classes in both, as R-CNN's val1 and val2."""

from collections.abc import Iterator
from typing import Any

import click

from detect.cli.debugging import debug
from detect.cli.declaring import PATH, SPLIT, declared_some, told
from detect.cli.progress import Terminal
from detect.stages.split import SplitOptions, SplitResult, split

# Classes shown where not all are: those of the largest imbalance.
_SHOWN = 10


@click.command("split")
@click.argument("data", type=PATH)
@declared_some(
    SplitOptions,
    "split",
    "out",
    "blacklist",
    split=SPLIT,
    out={"metavar": "PATH"},
    blacklist={"metavar": "B"},
)
@click.option("--per-class", is_flag=True, help="Print every class.")
@declared_some(SplitOptions, "seed", "exist_ok", "skip_bad")
@debug
@click.pass_context
def command(context: click.Context, /, per_class: bool, **_: Any) -> None:
    """Cut a split of DATA in two halves of nearly the same number of objects of every class.

    The rule is R-CNN's for ILSVRC's val1 and val2. Each list can be given as --split elsewhere.
    The imbalance of a class is |a - b| / (a + b), a and b its objects in the halves.
    """
    result = split(told(context, SplitOptions), Terminal())
    if result.blacklisted is not None:
        click.echo(f"{result.blacklisted} blacklisted images left out")
    for half in result.halves:
        click.echo(f"{half.images} images, {half.objects} objects: {half.path}")
    click.echo("\n".join(_balance_lines(result, per_class)))


def _balance_lines(result: SplitResult, per_class: bool) -> Iterator[str]:
    """Yield the largest, mean and median imbalance and the classes that have the largest."""
    known = [(one.imbalance, one) for one in result.classes if one.imbalance is not None]
    known.sort(key=lambda pair: -pair[0])
    yield (
        f"imbalance of {len(known)} classes: largest {result.largest:.2%} ({known[0][1].name}), "
        f"mean {result.mean:.2%}, median {result.median:.2%}"
    )
    missing = [one.name for one in result.classes if one.imbalance is None]
    if missing:
        yield f"classes without objects: {', '.join(missing)}"
    shown = known if per_class else known[:_SHOWN]
    width = max(len("class"), *(len(one.name) for _, one in shown))
    yield f"{'class':{width}}  first  second  imbalance"
    for imbalance, one in shown:
        yield f"{one.name:{width}}  {one.first:5}  {one.second:6}  {f'{imbalance:.2%}':>9}"
    if len(shown) < len(known):
        yield f"and {len(known) - len(shown)} classes below (--per-class)"
