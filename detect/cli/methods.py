"""`--method` and what goes with it, the same in `propose` and `run`."""

from collections.abc import Collection

import click

from detect.cli import options
from detect.errors import UsageError

SEARCH, MULTIBOX, BOTH = "selective-search", "multibox", "both"
METHODS = (SEARCH, MULTIBOX, BOTH)

method = click.option(
    "--method",
    type=click.Choice(METHODS),
    default=SEARCH,
    show_default=True,
    help="What proposes; both: Selective Search, then what MultiBox adds.",
)
multibox = click.option(
    "--multibox",
    type=options.PATH,
    multiple=True,
    metavar="M",
    help="A MultiBox run folder or .safetensors file; several: one for each fold, each proposes "
    "for the images it did not see.",
)


def iou_or_adaptive(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    """Read an IoU, or "adaptive", which becomes 0; BadParameter unless above 0 and at most 1."""
    if value is None or value == "adaptive":
        return None if value is None else 0.0
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise click.BadParameter(
            f"{value!r} is neither adaptive nor above 0 and at most 1.", context, parameter
        )
    return number


def check(
    context: click.Context, method: str, *, search: Collection[str], multibox: Collection[str]
) -> None:
    """Raise UsageError where an option given means nothing to `method`, or --multibox is missing.

    `search` and `multibox` name the parameters that only the one or the other source obeys.
    """
    if method == SEARCH:
        _refuse(context, multibox, f"--method {SEARCH}", "Choose --method multibox or both")
    elif method == MULTIBOX:
        _refuse(context, search, f"--method {MULTIBOX}", "Choose --method both")
    if method != SEARCH and not context.params["multibox"]:
        raise UsageError(
            f"--method {method}: --multibox is missing: the run folder of detect train-multibox, "
            "or a .safetensors file."
        )


def _refuse(context: click.Context, names: Collection[str], with_what: str, instead: str) -> None:
    """Raise UsageError for the first of the parameters `names` that was given."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and given is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"{parameter.opts[0]} means nothing with {with_what}. {instead}, or leave it out."
            )
