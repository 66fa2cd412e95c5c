"""`detect propose`: regions for every image of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.proposals.selective_search import Settings
    from detect.regions import Dataset

PRESETS = ("rcnn", "googlenet", "rcnn-quality", "googlenet-quality")


@click.command("propose")
@click.argument("data", type=options.PATH)
@options.split
@options.out("A folder of parts, or one file ending in .parquet.", required=False)
@click.option(
    "--method",
    type=click.Choice(["selective-search"]),
    default="selective-search",
    show_default=True,
    help="What proposes.",
)
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="rcnn",
    show_default=True,
    help="rcnn: about 2,000 boxes an image; googlenet: superpixels doubled, about half; "
    "-quality: five colour spaces, four strategies, four k.",
)
@click.option(
    "--colour-space", "colour_spaces", multiple=True, help="hsv, lab, rgi, hue, intensity; repeat."
)
@click.option(
    "--strategy", "strategies", multiple=True, help="As colour+texture+size+fill; repeat."
)
@click.option(
    "--k", "ks", type=int, multiple=True, help="Scale and smallest superpixel, px; repeat."
)
@click.option("--sigma", type=float, help="Gaussian before the segmentation, px. [default: 0.8]")
@click.option("--width", type=int, help="Resize to this width, px. [default: 500]")
@click.option("--min-side", type=float, help="Drop narrower or lower boxes, px. [default: 10]")
@options.seed
@options.workers
@click.option("--shard", metavar="I/N", help="Make only every N-th part, from the I-th.")
@click.option("--dry-run", is_flag=True, help="Time a few images; print hours, memory and disk.")
@options.resume
@options.exist_ok
@options.skip_bad
@options.debug
def command(data: Path, split: str | None, out: Path | None, skip_bad: bool, **chosen: Any) -> None:
    """Propose regions for every image of DATA: a data set, or a folder of images."""
    from detect.data import open_dataset

    settings = _settings(chosen)
    dataset = open_dataset(data, split, skip_bad=skip_bad)
    if out is None:
        raise UsageError("--out is missing: name a folder, or a file ending in .parquet.")
    _propose(dataset, settings, out, skip_bad, chosen)


def _settings(chosen: dict[str, Any]) -> "Settings":
    """Return the preset with the given options in place of its own; UsageError if one is bad."""
    from dataclasses import fields, replace

    from detect.proposals.selective_search import PRESETS, Settings

    given = {field.name: chosen[field.name] for field in fields(Settings)}
    changes = {name: value for name, value in given.items() if value not in (None, ())}
    try:
        return replace(PRESETS[chosen["preset"]], **changes)
    except ValueError as error:
        raise UsageError(f"detect propose: {error}") from error


def _recipe(dataset: "Dataset", settings: "Settings", seed: int) -> dict[str, Any]:
    from dataclasses import asdict

    import cv2

    from detect.data import data_hash

    parameters = {
        name: list(v) if isinstance(v, tuple) else v for name, v in asdict(settings).items()
    }
    return {
        "method": "selective-search",
        "parameters": parameters | {"seed": seed},
        "opencv": cv2.__version__,
        "data": data_hash(dataset),
        "images": len(dataset),
    }


def _propose(
    dataset: "Dataset", settings: "Settings", out: Path, skip_bad: bool, chosen: dict[str, Any]
) -> None:
    from functools import partial
    from os import cpu_count

    from detect.cli.progress import track
    from detect.proposals.run import assemble, plan_parts, propose_parts, unfinished
    from detect.proposals.selective_search import propose_sample

    options.prepare_out(out, exist_ok=chosen["exist_ok"], resume=chosen["resume"])
    single = out.suffix == ".parquet"
    folder = out.with_name(f".{out.name}.parts") if single else out
    recipe = _recipe(dataset, settings, chosen["seed"])
    parts = plan_parts(dataset.samples, folder)
    left = unfinished(parts, recipe, skip_bad)
    propose = partial(propose_sample, settings=settings, seed=chosen["seed"])
    outcomes = propose_parts(
        left, recipe, propose, workers=chosen["workers"] or cpu_count() or 1, skip_bad=skip_bad
    )
    boxes = 0
    for outcome in track(outcomes, sum(len(part.samples) for part in left), "propose"):
        boxes += len(outcome.proposals) if outcome.proposals else 0
    if single:
        assemble([part.path for part in parts], out, recipe)
    click.echo(f"{len(dataset)} images, {boxes} boxes: {out}")
