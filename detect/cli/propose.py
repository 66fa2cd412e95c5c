"""`detect propose`: regions for every image of a split."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.proposals.run import Part
    from detect.proposals.selective_search import Settings
    from detect.regions import Dataset

PRESETS = ("rcnn", "googlenet", "rcnn-quality", "googlenet-quality")
COLOUR_SPACES = ("hsv", "lab", "rgi", "hue", "intensity")
STRATEGIES = ("colour+texture+size+fill", "texture+size+fill", "fill", "size")


@dataclass(frozen=True)
class Job:
    """What to propose, how, and where to; `out` a folder of parts or a .parquet file."""

    dataset: "Dataset"
    settings: "Settings"
    seed: int
    out: Path
    shard: tuple[int, int] | None
    workers: int
    backend: str
    skip_bad: bool

    @property
    def folder(self) -> Path:
        """Return the folder of the parts; hidden beside a single file until that is complete."""
        single = self.out.suffix == ".parquet"
        return self.out.with_name(f".{self.out.name}.parts") if single else self.out


@click.command("propose")
@click.argument("data", type=options.PATH)
@options.split
@options.out("Folder for the parts, or one file ending in .parquet.", required=False)
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
def command(data: Path, split: str | None, out: Path | None, **chosen: Any) -> None:
    """Propose regions for every image of DATA: a data set, or a folder of images.

    The files are the same, byte for byte, for any number of workers, shards and reruns.
    """
    from detect.data import open_dataset

    shard = _shard(chosen["shard"])
    settings = _settings(chosen)
    if out is None and not chosen["dry_run"]:
        raise UsageError("detect propose: --out is missing: a folder, or a file in .parquet.")
    job = Job(
        dataset=open_dataset(data, split, skip_bad=chosen["skip_bad"]),
        settings=settings,
        seed=chosen["seed"],
        out=out or Path("proposals"),
        shard=shard,
        workers=_workers(chosen["workers"]),
        backend=chosen["backend"],
        skip_bad=chosen["skip_bad"],
    )
    if chosen["dry_run"]:
        _estimate(job)
    else:
        _run(job, resume=chosen["resume"], exist_ok=chosen["exist_ok"])


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


def _workers(given: int | None) -> int:
    from joblib import cpu_count

    return max(1, given) if given is not None else int(cpu_count())


def _recipe(job: Job) -> dict[str, Any]:
    """Return what decides the proposals; not the time, host, workers or shards."""
    import cv2

    from detect.data import data_hash

    return {
        "method": "selective-search",
        "parameters": _json_ready(asdict(job.settings)) | {"seed": job.seed},
        "opencv": cv2.__version__,
        "data": data_hash(job.dataset),
        "images": len(job.dataset),
    }


def _json_ready(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _run(job: Job, *, resume: bool, exist_ok: bool) -> None:
    from detect.proposals import run
    from detect.proposals.selective_search import segmentation_module

    segmentation_module()
    single = job.folder != job.out
    if single and job.shard:
        raise UsageError("--shard needs a folder as --out: shards write their own parts into it.")
    parts = run.plan_parts(job.dataset.samples, job.folder, job.shard or (1, 1))
    _make_way(job, parts, resume=resume, exist_ok=exist_ok)
    recipe = _recipe(job)
    whole = run.Part(job.out, job.dataset.samples)
    if single and resume and job.out.exists():
        run.check_recipe(job.out, recipe)
        if run.is_finished(whole, job.skip_bad):
            click.echo(f"{job.out} is complete; nothing left to do.")
            return
    run.check_folder(job.folder, recipe)
    left = [part for part in parts if not run.is_finished(part, job.skip_bad)]
    _propose(job, left, recipe)
    if single:
        run.assemble(parts, job.out, recipe)
        shutil.rmtree(job.folder)


def _make_way(job: Job, parts: Sequence["Part"], *, resume: bool, exist_ok: bool) -> None:
    """Refuse to write over earlier work unless told to; with --exist-ok alone, begin anew.

    A shard looks only at its own parts: the others' may come and go in the same folder.
    """
    targets = [part.path for part in parts] if job.shard else [job.out, job.folder]
    for target in targets:
        options.prepare_out(target, exist_ok=exist_ok, resume=resume)
    if exist_ok and not resume:
        for path in _old_parts(job, parts):
            path.unlink(missing_ok=True)


def _old_parts(job: Job, parts: Sequence["Part"]) -> list[Path]:
    """Return what --exist-ok does away with: a shard's own parts, else every part there is."""
    from detect.storage.proposals import part_files

    if job.shard:
        return [part.path for part in parts]
    return part_files(job.folder) if job.folder.is_dir() else []


def _propose(job: Job, parts: Sequence["Part"], recipe: dict[str, Any]) -> None:
    from detect.cli.progress import track
    from detect.proposals.run import propose_parts
    from detect.proposals.selective_search import propose

    outcomes = propose_parts(
        parts,
        recipe,
        partial(propose, settings=job.settings, seed=job.seed),
        workers=job.workers,
        backend=job.backend,
        skip_bad=job.skip_bad,
    )
    boxes = images = 0
    skipped = list(job.dataset.skipped)
    total = sum(len(part.samples) for part in parts)
    for outcome in track(outcomes, total, "propose"):
        if outcome.proposals is None:
            skipped.append(outcome.problem)
        else:
            images, boxes = images + 1, boxes + len(outcome.proposals)
    _say(job, images, boxes, skipped)


def _say(job: Job, images: int, boxes: int, skipped: Sequence[str]) -> None:
    for line in skipped:
        click.echo(line, err=True)
    if skipped:
        click.echo(f"Warning: {len(skipped)} images skipped (--skip-bad).", err=True)
    per_image = boxes / max(images, 1)
    click.echo(f"{images} images, {boxes} boxes, {per_image:.0f} an image: {job.out}")


def _estimate(job: Job) -> None:
    from detect.proposals.estimate import measure
    from detect.proposals.run import plan_parts
    from detect.proposals.selective_search import propose, segmentation_module

    segmentation_module()
    parts = plan_parts(job.dataset.samples, job.folder, job.shard or (1, 1))
    samples = [sample for part in parts for sample in part.samples]
    found = measure(partial(propose, settings=job.settings, seed=job.seed), samples)
    seconds = found.seconds_per_image * len(samples) / job.workers
    memory = found.memory * (job.workers + 1 if job.workers > 1 else 1)
    click.echo(
        f"Timed {found.timed} of {len(samples)} images: {found.seconds_per_image:.2f} s and "
        f"{found.boxes_per_image:.0f} boxes an image.\n"
        f"All {len(samples)} with {job.workers} workers: {seconds / 3600:.2f} hours, "
        f"{memory / 1e9 if memory else float('nan'):.1f} GB of memory, "
        f"{found.bytes_per_image * len(samples) / 1e6:.1f} MB on disk."
    )
