"""Options that mean the same in every command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from detect.errors import UsageError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# Existence is checked by the readers, which say what was expected and exit with 4.
PATH = click.Path(path_type=Path)

split = click.option("--split", metavar="NAME|FILE", help="A split's name, or a text file of ids.")
resume = click.option("--resume", is_flag=True, help="Go on with the interrupted work in --out.")
exist_ok = click.option("--exist-ok", is_flag=True, help="Write into --out even if it exists.")
skip_bad = click.option("--skip-bad", is_flag=True, help="Leave bad images out, counted.")
seed = click.option(
    "--seed", type=int, default=0, show_default=True, help="Of every random choice."
)
device = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
)
precision = click.option(
    "--precision",
    type=click.Choice(("auto", "float32", "bfloat16")),
    default="auto",
    show_default=True,
    help="auto: bfloat16 where the hardware multiplies it faster.",
)
workers = click.option(
    "--workers", type=click.IntRange(0), default=None, help="Processes. [default: one a core]"
)
debug = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)


def _crops_at_once(context: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """Read a number, or "auto", which becomes None; UsageError for anything else."""
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise UsageError(f"--batch-size {value}: expected auto or a number from 1 up.")
    return int(value)


batch_size = click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    metavar="N|auto",
    callback=_crops_at_once,
    help="Crops at a time; halved when memory runs out.",
)


def out(help_text: str, required: bool = True) -> Decorator:
    """Return the option --out with its help."""
    return click.option("--out", type=PATH, required=required, metavar="PATH", help=help_text)


def prepare_out(out: Path, *, exist_ok: bool, resume: bool | None = None) -> None:
    """Refuse to write over earlier work unless told to; raise UsageError.

    An empty folder counts as not there. `resume` is None for a command that has no --resume.
    """
    taken = out.is_file() or (out.is_dir() and any(out.iterdir()))
    if taken and not (exist_ok or resume):
        go_on = "" if resume is None else "--resume to go on with it or "
        raise UsageError(
            f"--out {out} exists already. Choose another, or add {go_on}--exist-ok to write over "
            "it."
        )
