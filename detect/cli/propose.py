"""`detect propose`: regions for every image of a split."""

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import methods, options
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.proposals.selective_search import Settings

PRESETS = ("rcnn", "googlenet", "rcnn-quality", "googlenet-quality")
COLOUR_SPACES = ("hsv", "lab", "rgi", "hue", "intensity")
STRATEGIES = ("colour+texture+size+fill", "texture+size+fill", "fill", "size")
# The parameters that only one of the two sources obeys.
_OF_SEARCH = (
    "preset", "colour_spaces", "strategies", "ks", "sigma", "width", "min_side", "seed",
)  # fmt: skip
_OF_MULTIBOX = (
    "multibox", "multibox_boxes", "multibox_nms", "multibox_views", "precision", "device",
)  # fmt: skip


@click.command("propose")
@click.argument("data", type=options.PATH)
@options.split
@options.out("Folder for the parts, or one file ending in .parquet.", required=False)
@methods.method
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="rcnn",
    show_default=True,
    help="rcnn: k 50, 100; googlenet: superpixels doubled, about half the boxes; "
    "-quality: five colour spaces, four strategies, four k.",
)
@click.option(
    "--colour-space",
    "colour_spaces",
    type=click.Choice(COLOUR_SPACES),
    multiple=True,
    help="In place of the preset's; repeatable.",
)
@click.option(
    "--strategy",
    "strategies",
    type=click.Choice(STRATEGIES),
    multiple=True,
    help="In place of the preset's; repeatable.",
)
@click.option(
    "--k",
    "ks",
    type=int,
    multiple=True,
    help="Scale and smallest superpixel, px, in place of the preset's; repeatable.",
)
@click.option("--sigma", type=float, help="Gaussian before segmenting, px. [default: 0.8]")
@click.option("--width", type=int, help="Resize images to this width, px. [default: 500]")
@click.option(
    "--min-side", type=float, help="Drop boxes with a shorter side, px of the image. [default: 10]"
)
@options.seed
@methods.multibox
@click.option(
    "--multibox-boxes", type=click.IntRange(1), help="Most boxes an image. [default: the model's]"
)
@click.option(
    "--multibox-nms",
    callback=methods.iou_or_adaptive,
    metavar="IOU|adaptive",
    help="IoU above which the worse of two boxes goes: 0.5, 0.7, ... or adaptive. "
    "[default: the model's]",
)
@click.option(
    "--multibox-views",
    type=click.Choice(("whole", "squares", "dense")),
    help="What of an image MultiBox looks at. [default: the model's]",
)
@options.precision
@options.device
@options.workers
@click.option(
    "--backend",
    type=click.Choice(["loky", "dask", "ray"]),
    default="loky",
    show_default=True,
    help="Processes here (loky), or a Dask or Ray cluster (with --workers).",
)
@click.option("--shard", metavar="I/N", help="Only every N-th part, from the I-th (1/4 to 4/4).")
@click.option("--dry-run", is_flag=True, help="Time a few images; print hours, memory and disk.")
@options.resume
@options.exist_ok
@options.skip_bad
@options.debug
@click.pass_context
def command(
    context: click.Context, /, data: Path, split: str | None, out: Path | None, **chosen: Any
) -> None:
    """Propose regions for every image of DATA: a data set, or a folder of images.

    The files are the same, byte for byte, for any number of workers, shards and reruns.
    """
    from detect.cli import proposing, sources
    from detect.data import open_dataset

    methods.check(context, chosen["method"], search=_OF_SEARCH, multibox=_OF_MULTIBOX)
    shard = _shard(chosen["shard"])
    settings = _settings(chosen)
    if out is None and not chosen["dry_run"]:
        raise UsageError("detect propose: --out is missing: a folder, or a file in .parquet.")
    dataset = open_dataset(data, split, skip_bad=chosen["skip_bad"])
    choice = sources.MultiBoxChoice(
        models=chosen["multibox"],
        device=chosen["device"],
        precision=chosen["precision"],
        views=chosen["multibox_views"],
        nms=chosen["multibox_nms"],
        boxes=chosen["multibox_boxes"],
    )
    source = sources.make_source(chosen["method"], settings, chosen["seed"], choice)
    job = proposing.Job(
        dataset=dataset,
        source=source,
        out=out or Path("proposals"),
        shard=shard,
        workers=source.workers(chosen["workers"]),
        backend=chosen["backend"],
        skip_bad=chosen["skip_bad"],
    )
    if chosen["dry_run"]:
        proposing.estimate(job)
    else:
        proposing.run(job, resume=chosen["resume"], exist_ok=chosen["exist_ok"])


def _shard(text: str | None) -> tuple[int, int] | None:
    """Read "I/N"; UsageError unless 1 <= I <= N."""
    if text is None:
        return None
    index, _, count = text.partition("/")
    if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
        return int(index), int(count)
    raise UsageError(f"--shard {text}: expected I/N with I from 1 to N, such as 1/4.")


def _settings(chosen: dict[str, Any]) -> "Settings":
    """Return the preset with the given options in place of its own; UsageError if one is bad."""
    from detect.proposals.selective_search import PRESETS, Settings

    given = {field.name: chosen[field.name] for field in fields(Settings)}
    changes = {name: value for name, value in given.items() if value not in (None, ())}
    try:
        return replace(PRESETS[chosen["preset"]], **changes)
    except ValueError as error:
        raise UsageError(f"detect propose: {error}.") from error
