"""Proposing for a whole split: parts of 64 images, in parallel, resumable, identical bytes."""

import importlib
import mmap
import os
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
from joblib import Parallel, delayed, parallel_config

from detect.errors import DataError, EnvironmentProblem, option
from detect.files import remove_unfinished
from detect.proposals.stopping import stopped_quietly
from detect.proposals.worker import Propose, ProposedImage, prepare_worker, propose_image
from detect.storage.proposals import (
    IMAGES_PER_PART,
    ProposalFile,
    part_files,
    part_name,
    read_recipe,
    write_part,
)
from detect.storage.recipe import StoredRecipe, check_same_recipe
from detect.structures import Proposals, Sample

# joblib's names for what runs the workers; the module one needs, and what installs it.
BACKENDS = {
    "loky": ("joblib", "joblib"),
    "dask": ("distributed", '"dask[distributed]"'),
    "ray": ("ray.util.joblib", "ray"),
}
_BYTES_TO_START = 2**26


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
        Part(folder / part_name(number), tuple(samples[at : at + IMAGES_PER_PART]))
        for number, at in enumerate(starts)
    ]
    return parts[index - 1 :: count]


def check_folder(folder: Path, recipe: StoredRecipe) -> None:
    """Raise DataError where `folder` holds other files or parts of another recipe."""
    for path in part_files(folder):
        check_recipe(path, recipe)


def check_recipe(path: Path, recipe: StoredRecipe) -> None:
    """Raise DataError where the proposals in `path` are not of `recipe`, with the differences."""
    check_same_recipe(path, read_recipe(path), "this command's proposals", recipe)


def is_finished(part: Part, skip_bad: bool = False) -> bool:
    """Tell whether the file of `part` has all its images; with `skip_bad` some may be missing."""
    if not part.path.exists():
        return False
    stored = ProposalFile(part.path).image_ids
    expected = [sample.image_id for sample in part.samples]
    return set(stored) <= set(expected) if skip_bad else list(stored) == expected


def propose_parts(
    parts: Sequence[Part],
    recipe: StoredRecipe,
    propose: Propose,
    *,
    workers: int = 1,
    backend: str = "loky",
    skip_bad: bool = False,
) -> Iterator[ProposedImage]:
    """Propose for every image of `parts` and write each part once it is complete.

    Yields an outcome an image, in order; memory holds one part and a few images under way. The
    first bad image raises DataError, unless `skip_bad` leaves it out of its part.
    """
    samples = [sample for part in parts for sample in part.samples]
    outcomes = propose_images(propose, samples, workers, backend)
    for part in parts:
        rows: list[Proposals] = []
        for _ in part.samples:
            outcome = next(outcomes)
            if outcome.proposals is not None:
                rows.append(outcome.proposals)
            elif not skip_bad:
                raise DataError(outcome.problem)
            yield outcome
        remove_unfinished(part.path.parent, part.path.name)
        write_part(part.path, rows, recipe)


def assemble(parts: Sequence[Part], out: Path, recipe: StoredRecipe) -> None:
    """Write the images of `parts`, in order, to the one file `out`."""
    stored = (proposals for part in parts for proposals in ProposalFile(part.path))
    write_part(out, stored, recipe)


def propose_images(
    propose: Propose, samples: Sequence[Sample], workers: int, backend: str = "loky"
) -> Iterator[ProposedImage]:
    """Yield the outcome of every sample, in order; one worker runs in this process.

    Raises EnvironmentProblem where the backend's package is not installed.
    """
    if not samples:
        return
    workers = min(workers, len(samples))
    if backend == "loky" and workers <= 1:
        threads = cv2.getNumThreads()
        try:
            yield from (propose_image(propose, sample) for sample in samples)
        finally:
            cv2.setNumThreads(threads)
        return
    _check_memory()
    with parallel_config(backend=backend, n_jobs=workers, **_prepare(backend)):
        try:
            yield from _in_parallel(propose, samples, backend)
        except BrokenProcessPool as error:
            raise EnvironmentProblem(
                "a worker process was ended from outside, most likely for want of memory. "
                f"Use fewer {option('workers')}, and {option('resume')} to go on."
            ) from error
        except OSError as error:
            raise EnvironmentProblem(
                f"worker processes cannot start: {error.strerror or error}. They share memory in "
                "/dev/shm: free some of it or make it larger (shm-size of docker run), or use "
                f"{option('workers', 1)}."
            ) from error


def _check_memory() -> None:
    """Raise EnvironmentProblem where this process may not map what starting workers takes.

    joblib's threads have stacks of 8 MiB; where one does not start, joblib waits for ever.
    """
    try:
        mmap.mmap(-1, _BYTES_TO_START).close()
    except (OSError, MemoryError) as error:
        raise EnvironmentProblem(
            f"not enough memory to start worker processes. Use {option('workers', 1)}, or allow "
            "more (ulimit -v)."
        ) from error


def _in_parallel(
    propose: Propose, samples: Sequence[Sample], backend: str
) -> Iterator[ProposedImage]:
    """Yield in order; joblib cannot stream from Ray, which gets a part's images at a time."""
    tasks = (delayed(propose_image)(propose, sample) for sample in samples)
    if backend != "ray":
        parallel: Any = Parallel(return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")
        yield from stopped_quietly(parallel, tasks)
        return
    while group := list(islice(tasks, IMAGES_PER_PART)):
        yield from Parallel(batch_size=1)(group)


def _prepare(backend: str) -> dict[str, Any]:
    """Make `backend` known to joblib; return what its configuration takes."""
    module, package = BACKENDS[backend]
    try:
        imported: Any = importlib.import_module(module)
    except ImportError as error:
        raise EnvironmentProblem(
            f"{option('backend', backend)} needs a package that is not installed: pip install "
            f"{package}"
        ) from error
    if backend == "loky":
        return {"initializer": prepare_worker, "initargs": (os.getpid(), os.getcwd())}
    if backend == "dask":
        imported.Client(set_as_default=True)  # a cluster named by dask's own settings, or local
    else:
        imported.register_ray()
    return {}
