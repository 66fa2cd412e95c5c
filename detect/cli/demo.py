"""`detect demo`: the whole pipeline on composed scenes, by the commands anybody would use."""

import importlib
import time
from collections.abc import Callable
from pathlib import Path

import click

from detect.cli import COMMANDS, options


@click.command("demo")
@options.out("Folder for everything. [default: runs/demo/scenes]", required=False)
@click.option(
    "--scenes",
    type=click.IntRange(12),
    default=120,
    show_default=True,
    help="To train on; a third as many to test on.",
)
@click.option(
    "--steps", type=click.IntRange(1), default=300, show_default=True, help="Of training."
)
@options.device
@options.resume
@options.exist_ok
@options.debug
def command(
    out: Path | None, scenes: int, steps: int, device: str, resume: bool, exist_ok: bool
) -> None:
    """Run the whole pipeline offline on composed scenes: about three minutes on two cores.

    Writes OUT/index.html, a page with figures and pictures. A demonstration, not a benchmark.
    """
    from detect.demo.page import write_page
    from detect.demo.plan import NOTICE, RECIPE, plan
    from detect.demo.scenes import write_scenes
    from detect.files import write_text
    from detect.runs import next_run_folder

    out = out or next_run_folder("demo", "scenes")
    options.prepare_out(out, exist_ok=exist_ok, resume=resume)
    stages = plan(out, steps, device, ("--resume",) * resume + ("--exist-ok",) * exist_ok)
    click.echo(f"{NOTICE}\n\n1/{len(stages) + 1} Compose {scenes + scenes // 3} scenes", err=True)
    # The same every time, so they are composed anew even with --resume.
    seconds = [_timed(lambda: write_scenes(out / "data", scenes, scenes // 3))]
    write_text(out / "demo.toml", RECIPE)
    for number, stage in enumerate(stages, start=2):
        click.echo(f"\n{number}/{len(stages) + 1} {stage.title}\n$ {stage.line}", err=True)
        seconds.append(_timed(lambda: _call(stage.arguments)))  # noqa: B023 called at once
    page = write_page(out, stages, seconds)
    click.echo(f"\nDone in {sum(seconds):.0f} s. {NOTICE}\nOpen in a browser: {page}")


def _call(arguments: tuple[str, ...]) -> None:
    """Run a command of this program; its errors go up."""
    name, *rest = arguments
    called: click.Command = importlib.import_module(COMMANDS[name][0]).command
    called.main(rest, prog_name=f"detect {name}", standalone_mode=False)


def _timed(work: Callable[[], object]) -> float:
    """Do `work` and return the seconds it took."""
    start = time.monotonic()
    work()
    return time.monotonic() - start
