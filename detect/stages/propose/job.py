"""What `propose` does once everything is open: the parts that are not done yet, or an estimate."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detect.errors import UsageError, as_arguments, option
from detect.files import refuse_link
from detect.locks import WHOLE, holding, holding_file
from detect.progress import Reporter
from detect.proposals.settings import Search
from detect.stages.opening import check_out, warn_skipped
from detect.stages.propose.options import ProposeCost, ProposeOptions, ProposeResult
from detect.stages.sources import Source, recorded_search
from detect.together import UNFINISHED, commit, is_workplace, remove, workplace

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
    def single(self) -> bool:
        """Whether `out` is one file."""
        return self.out.suffix == ".parquet"

    @property
    def folder(self) -> Path:
        """Return the folder of the parts; hidden beside a single file until that is complete."""
        return _hidden(self.out) if self.single else self.out

    @property
    def recipe(self) -> dict[str, Any]:
        """Return what decides the proposals; not the time, host, workers or shards."""
        from detect.data import data_hash

        data = {"data": data_hash(self.dataset), "images": len(self.dataset)}
        return {**self.source.recipe, **data}

    def parts(self, folder: Path) -> list["Part"]:
        """Return the parts of this call, in `folder`."""
        from detect.proposals.run import plan_parts

        return plan_parts(self.dataset.samples, folder, self.told.shard or WHOLE)

    def holding(self, reporter: Reporter) -> AbstractContextManager[None]:
        """Return what holds the file, or the parts of this call: shards work side by side."""
        if self.single:
            return holding_file(self.out, reporter)
        return holding(self.folder, reporter, self.told.shard or WHOLE)


def _hidden(out: Path) -> Path:
    """Return the folder of the parts of the file `out`."""
    return out.with_name(f".{out.name}.parts")


def begun_with(out: Path) -> Search | None:
    """Return the search of the proposals in `out`, done or interrupted; None without any."""
    from detect.storage.proposals import read_recipe

    if out.suffix == ".parquet":
        begun = [*_hidden(out).glob("*.parquet"), out]
    else:
        begun = [*out.glob(f"{UNFINISHED}*/*.parquet"), *out.glob("*.parquet")]
    found = next((path for path in begun if path.is_file()), None)
    return None if found is None else recorded_search(read_recipe(found))


def run(job: ProposalJob, reporter: Reporter) -> ProposeResult:
    """Propose for the images of the job that are not done yet."""
    if job.single and job.told.shard:
        raise UsageError(
            f"{option('shard')} needs a folder as {option('out')}: shards write their own parts "
            "into it."
        )
    with job.holding(reporter):
        return _run(job, reporter)


def _run(job: ProposalJob, reporter: Reporter) -> ProposeResult:
    from detect.proposals.run import Part, assemble, check_folder, check_recipe, is_finished

    told, single = job.told, job.single
    folder, earlier = _make_way(job)
    parts, recipe = job.parts(folder), job.recipe
    whole = Part(job.out, job.dataset.samples)
    if single and told.resume and job.out.exists():
        check_recipe(job.out, recipe)
        if is_finished(whole, told.skip_bad):
            remove(folder)
            return ProposeResult(job.out, complete=True)
    check_folder(folder, recipe)
    left = [part for part in parts if not is_finished(part, told.skip_bad)]
    result = _propose(job, left, recipe, reporter)
    if single:
        assemble(parts, job.out, recipe)
        remove(folder)
    elif is_workplace(folder):
        commit(folder, earlier)
    return result


def _make_way(job: ProposalJob) -> tuple[Path, list[Path]]:
    """Refuse to write over earlier work unless told to; return where the parts are to be made.

    With `exist_ok` alone that is a folder of their own, and the earlier parts, which are returned
    too, go when the last new one is there. A shard looks only at its own parts, and makes way for
    those alone: the others' may come and go in the same folder.
    """
    from detect.storage.proposals import part_files

    told = job.told
    own = [part.path for part in job.parts(job.out)]
    given = {"exist_ok": told.exist_ok, "resume": told.resume}
    if told.shard:
        for path in own:
            check_out(path, **given, folder=False)
    else:
        check_out(job.out, **given, folder=not job.single)
    if job.single:
        refuse_link(job.folder)
        check_out(job.folder, **given)
        if not told.resume:
            remove(job.folder)
        return job.folder, []
    earlier = [path for path in part_files(job.out) if not told.shard or path in own]
    name = UNFINISHED + ("-{}-of-{}".format(*told.shard) if told.shard else "")
    anew = bool(earlier) and not told.resume
    return workplace(job.out, earlier=anew, resume=told.resume, name=name), earlier


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
    named = tuple(map(as_arguments, skipped))
    return ProposeResult(job.out, images, boxes, named, complete=not parts)


def estimate(job: ProposalJob) -> ProposeResult:
    """Time a few images and return what all of the job will cost."""
    from detect.proposals.estimate import measure

    samples = [sample for part in job.parts(job.folder) for sample in part.samples]
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
