"""What `propose` does once everything is open: the parts that are not done yet, or an estimate."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detect.errors import UsageError, as_arguments, option
from detect.locks import WHOLE, holding, holding_file
from detect.progress import Reporter
from detect.stages.opening import check_out, warn_skipped
from detect.stages.propose.options import ProposeCost, ProposeOptions, ProposeResult
from detect.stages.sources import Source

if TYPE_CHECKING:
    from detect.proposals.run import Part
    from detect.structures import Dataset


@dataclass(frozen=True)
class ProposalJob:
    """What to propose for, what with, and where to; `out` a folder of parts or a .parquet file."""

    told: ProposeOptions
    dataset: "Dataset"
    source: Source
    out: Path
    workers: int

    @property
    def folder(self) -> Path:
        """Return the folder of the parts; hidden beside a single file until that is complete."""
        single = self.out.suffix == ".parquet"
        return self.out.with_name(f".{self.out.name}.parts") if single else self.out

    @property
    def recipe(self) -> dict[str, Any]:
        """Return what decides the proposals; not the time, host, workers or shards."""
        from detect.data import data_hash

        data = {"data": data_hash(self.dataset), "images": len(self.dataset)}
        return {**self.source.recipe, **data}

    def parts(self) -> list["Part"]:
        """Return the parts of this call."""
        from detect.proposals.run import plan_parts

        return plan_parts(self.dataset.samples, self.folder, self.told.shard or WHOLE)

    def holding(self, reporter: Reporter) -> AbstractContextManager[None]:
        """Return what holds the file, or the parts of this call: shards work side by side."""
        if self.folder != self.out:
            return holding_file(self.out, reporter)
        return holding(self.folder, reporter, self.told.shard or WHOLE)


def run(job: ProposalJob, reporter: Reporter) -> ProposeResult:
    """Propose for the images of the job that are not done yet."""
    if job.folder != job.out and job.told.shard:
        raise UsageError(
            f"{option('shard')} needs a folder as {option('out')}: shards write their own parts "
            "into it."
        )
    with job.holding(reporter):
        return _run(job, reporter)


def _run(job: ProposalJob, reporter: Reporter) -> ProposeResult:
    from detect.proposals.run import Part, assemble, check_folder, check_recipe, is_finished

    told, single = job.told, job.folder != job.out
    parts, recipe = job.parts(), job.recipe
    _make_way(job, parts)
    whole = Part(job.out, job.dataset.samples)
    if single and told.resume and job.out.exists():
        check_recipe(job.out, recipe)
        if is_finished(whole, told.skip_bad):
            return ProposeResult(job.out, complete=True)
    check_folder(job.folder, recipe)
    left = [part for part in parts if not is_finished(part, told.skip_bad)]
    result = _propose(job, left, recipe, reporter)
    if single:
        assemble(parts, job.out, recipe)
        shutil.rmtree(job.folder)
    return result


def _make_way(job: ProposalJob, parts: Sequence["Part"]) -> None:
    """Refuse to write over earlier work unless told to; with `exist_ok` alone, begin anew.

    A shard looks only at its own parts: the others' may come and go in the same folder.
    """
    from detect.storage.proposals import clear_parts

    told = job.told
    for target in [part.path for part in parts] if told.shard else [job.out, job.folder]:
        check_out(target, exist_ok=told.exist_ok, resume=told.resume)
    if told.exist_ok and not told.resume:
        if not told.shard:
            clear_parts(job.folder)
        for part in parts:
            part.path.unlink(missing_ok=True)


def _propose(
    job: ProposalJob, parts: Sequence["Part"], recipe: dict[str, Any], reporter: Reporter
) -> ProposeResult:
    from detect.proposals.run import propose_parts

    outcomes = propose_parts(
        parts,
        recipe,
        job.source.propose,
        workers=job.workers,
        backend=job.told.backend,
        skip_bad=job.told.skip_bad,
    )
    boxes = images = 0
    skipped = list(job.dataset.skipped_marked)
    total = sum(len(part.samples) for part in parts)
    for outcome in reporter.track(outcomes, total, "propose"):
        if outcome.proposals is None:
            skipped.append(outcome.problem)
        else:
            images, boxes = images + 1, boxes + len(outcome.proposals)
    warn_skipped(skipped, reporter)
    return ProposeResult(job.out, images, boxes, tuple(map(as_arguments, skipped)))


def estimate(job: ProposalJob) -> ProposeResult:
    """Time a few images and return what all of the job will cost."""
    from detect.proposals.estimate import measure

    samples = [sample for part in job.parts() for sample in part.samples]
    found = measure(job.source.propose, samples, skip_bad=job.told.skip_bad)
    cost = ProposeCost(
        images=len(samples),
        timed=found.timed,
        seconds=found.seconds_per_image,
        boxes=found.boxes_per_image,
        workers=job.workers,
        hours=found.seconds(len(samples), job.workers) / 3600,
        memory=found.memory_of(job.workers),
        disk=found.disk(len(samples)),
    )
    return ProposeResult(job.out, cost=cost)
