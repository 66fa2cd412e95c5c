"""Proposing for a whole split: parts of 64 images, in parallel, resumable, identical bytes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
from joblib import Parallel, delayed, parallel_config

from detect.errors import DataError
from detect.proposals.worker import Outcome, ProposeSample, attempt, start
from detect.regions import Proposals, Sample
from detect.storage.proposals import (
    ProposalFile,
    Recipe,
    check_same_recipe,
    part_files,
    read_recipe,
    write_part,
    writing,
)

IMAGES_PER_PART = 64


@dataclass(frozen=True)
class Part:
    """64 consecutive images of the split and the file of their proposals."""

    path: Path
    samples: tuple[Sample, ...]


def plan_parts(
    samples: Sequence[Sample], folder: Path, shard: tuple[int, int] = (1, 1)
) -> list[Part]:
    """Cut `samples` into parts and return those of `shard` (i, n), i from 1: every n-th."""
    index, count = shard
    if not 1 <= index <= count:
        raise ValueError(f"shard must be i/n with 1 <= i <= n, got {index}/{count}")
    starts = range(0, len(samples), IMAGES_PER_PART)
    parts = [
        Part(folder / f"part-{number:05d}.parquet", tuple(samples[at : at + IMAGES_PER_PART]))
        for number, at in enumerate(starts)
    ]
    return parts[index - 1 :: count]


def unfinished(parts: Sequence[Part], recipe: Recipe, skip_bad: bool = False) -> list[Part]:
    """Return the parts still to be made; a finished one has the images it should have.

    Raises DataError, naming both recipes' differences, where the folder holds another recipe.
    """
    for folder in {part.path.parent for part in parts}:
        for path in part_files(folder) if folder.is_dir() else []:
            check_same_recipe(path, read_recipe(path), "this command", recipe)
    return [part for part in parts if not _is_finished(part, skip_bad)]


def _is_finished(part: Part, skip_bad: bool) -> bool:
    if not part.path.exists():
        return False
    stored = ProposalFile(part.path).image_ids
    wanted = [sample.image_id for sample in part.samples]
    return set(stored) <= set(wanted) if skip_bad else list(stored) == wanted


def propose_parts(
    parts: Sequence[Part],
    recipe: Recipe,
    propose: ProposeSample,
    *,
    workers: int = 1,
    backend: str = "loky",
    skip_bad: bool = False,
) -> Iterator[Outcome]:
    """Propose for every image of `parts` and write each part as it is complete.

    Yields an outcome an image, in order; memory holds one part and a few images under way. The
    first bad image raises DataError, unless `skip_bad` leaves it out of its part.
    """
    samples = [sample for part in parts for sample in part.samples]
    outcomes = _attempts(propose, samples, workers, backend)
    for part in parts:
        rows: list[Proposals] = []
        for _ in part.samples:
            outcome = next(outcomes)
            if outcome.proposals is not None:
                rows.append(outcome.proposals)
            elif not skip_bad:
                raise DataError(outcome.problem)
            yield outcome
        write_part(part.path, rows, recipe)


def assemble(parts: Iterable[Path], out: Path, recipe: Recipe) -> None:
    """Write the images of `parts`, in order, to the one file `out`."""
    with writing(out, recipe) as writer:
        for path in parts:
            for proposals in ProposalFile(path):
                writer.write(proposals)


def _attempts(
    propose: ProposeSample, samples: Sequence[Sample], workers: int, backend: str
) -> Iterator[Outcome]:
    if workers == 1:
        with _one_thread():
            yield from (attempt(propose, sample) for sample in samples)
        return
    extra = {"initializer": start, "initargs": (os.getpid(),)} if backend == "loky" else {}
    with parallel_config(backend=backend, n_jobs=workers, **extra):
        tasks = (delayed(attempt)(propose, sample) for sample in samples)
        yield from Parallel(return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")(tasks)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run OpenCV in one thread, as workers do, and restore the number."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
