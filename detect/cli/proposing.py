"""What `detect propose` does once its options are read."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import warn_skipped
from detect.cli.sources import Source
from detect.data import data_hash
from detect.errors import UsageError
from detect.proposals.estimate import measure
from detect.proposals.run import (
    Part,
    assemble,
    check_folder,
    check_recipe,
    is_finished,
    plan_parts,
    propose_parts,
)
from detect.regions import Dataset
from detect.storage.proposals import clear_parts


@dataclass(frozen=True)
class Job:
    """What to propose, how, and where to; `out` a folder of parts or a .parquet file."""

    dataset: Dataset
    source: Source
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


def _recipe(job: Job) -> dict[str, Any]:
    """Return what decides the proposals; not the time, host, workers or shards."""
    return {
        **job.source.recipe,
        "data": data_hash(job.dataset),
        "images": len(job.dataset),
    }


def run(job: Job, *, resume: bool, exist_ok: bool) -> None:
    """Propose for the images of the job that are not done yet, and say what came of it."""
    single = job.folder != job.out
    if single and job.shard:
        raise UsageError("--shard needs a folder as --out: shards write their own parts into it.")
    parts = plan_parts(job.dataset.samples, job.folder, job.shard or (1, 1))
    _make_way(job, parts, resume=resume, exist_ok=exist_ok)
    recipe = _recipe(job)
    whole = Part(job.out, job.dataset.samples)
    if single and resume and job.out.exists():
        check_recipe(job.out, recipe)
        if is_finished(whole, job.skip_bad):
            click.echo(f"{job.out} is complete; nothing left to do.")
            return
    check_folder(job.folder, recipe)
    left = [part for part in parts if not is_finished(part, job.skip_bad)]
    _propose(job, left, recipe)
    if single:
        assemble(parts, job.out, recipe)
        shutil.rmtree(job.folder)


def _make_way(job: Job, parts: Sequence[Part], *, resume: bool, exist_ok: bool) -> None:
    """Refuse to write over earlier work unless told to; with --exist-ok alone, begin anew.

    A shard looks only at its own parts: the others' may come and go in the same folder.
    """
    targets = [part.path for part in parts] if job.shard else [job.out, job.folder]
    for target in targets:
        options.prepare_out(target, exist_ok=exist_ok, resume=resume)
    if exist_ok and not resume:
        _begin_anew(job, parts)


def _begin_anew(job: Job, parts: Sequence[Part]) -> None:
    """Delete a shard's own parts, or every part there is."""
    if not job.shard:
        clear_parts(job.folder)
    for part in parts:
        part.path.unlink(missing_ok=True)


def _propose(job: Job, parts: Sequence[Part], recipe: dict[str, Any]) -> None:
    outcomes = propose_parts(
        parts,
        recipe,
        job.source.propose,
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
    warn_skipped(skipped)
    per_image = boxes / max(images, 1)
    click.echo(f"{images} images, {boxes} boxes, {per_image:.0f} an image: {job.out}")


def estimate(job: Job) -> None:
    """Time a few images and print hours, memory and disk for all of the job."""
    parts = plan_parts(job.dataset.samples, job.folder, job.shard or (1, 1))
    samples = [sample for part in parts for sample in part.samples]
    found = measure(job.source.propose, samples, skip_bad=job.skip_bad)
    memory = found.memory_of(job.workers)
    click.echo(
        f"Timed {found.timed} of {len(samples)} images: {found.seconds_per_image:.2f} s and "
        f"{found.boxes_per_image:.0f} boxes an image.\n"
        f"All {len(samples)} with {job.workers} workers: "
        f"{found.seconds(len(samples), job.workers) / 3600:.2f} hours, "
        f"{memory / 1e9 if memory else float('nan'):.1f} GB of memory, "
        f"{found.disk(len(samples)) / 1e6:.1f} MB on disk."
    )
