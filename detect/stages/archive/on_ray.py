"""The engine of many processes: Ray Data, on this machine or a cluster.

CPU tasks read images and propose, actors hold the networks, CPU tasks write the parts; blocks of
about 128 MB of pixels and regions go from one to the next. A task or an actor that dies is begun
again by Ray; what fails again and again is left without rows, which the audit tells.
"""

import logging
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from detect.errors import EnvironmentProblem, option
from detect.progress import Reporter
from detect.stages.archive.cluster import Shares, connected, shares_of
from detect.stages.archive.ray_steps import Scorer, read, write
from detect.stages.archive.work import Work, Written

if TYPE_CHECKING:
    from detect.stages.archive.options import ArchiveOptions

# Images of a block that a CPU task reads: what is done again when it dies.
_MOST_READ, _BLOCKS_A_CPU = 256, 4
_CPUS_A_WRITER = 8  # of the cluster, for one more that writes parts beside them (ours)
# Images that a GPU gets at once, at least: Ray Data asks for a number there.
_ON_GPU = 32
# How often a block is tried again after its actor died: one that kills it stops nothing else.
_TRIES = 3
# Blocks that may fail for good until all stops.
_MOST_FAILED = 16


def detected_on_ray(
    told: "ArchiveOptions", work: Work, left: pa.Table, reporter: Reporter
) -> Generator[Written, None, None]:
    """Detect in the images `left` and yield what was written, a part at a time.

    Raises EnvironmentProblem without Ray, without a cluster at the address, with too few CPUs, and
    where Ray gives up.
    """
    with connected(told) as ray, _told_by(reporter), warnings.catch_warnings():
        # Of max_task_retries, for which there is no other way in Ray 2.60.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        shares = shares_of(ray, told)
        try:
            for row in _written(ray, work, left, shares).iter_rows():
                yield Written(row["images"], row["lost"], row["problem"])
        except ray.exceptions.RayError as error:
            raise EnvironmentProblem(
                f"Ray gave up: {_first_line(error)}. Where memory ran out, use fewer "
                f"{option('actors')} or a smaller {option('batch_size')}. What is finished is "
                f"kept, go on with {option('resume')}."
            ) from error


def _written(ray: Any, work: Work, left: pa.Table, shares: Shares) -> Any:
    """Return the data set of what was written, a row a part, made as it is read."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = _MOST_FAILED
    size = max(1, min(_MOST_READ, len(left) // (_BLOCKS_A_CPU * shares.cpus)))
    if size > work.part_images:  # So that parts come out even.
        size -= size % work.part_images
    blocks = [left.slice(start, size) for start in range(0, len(left), size)]
    reading, networks = ray.put(work.reading), ray.put(work.networks)
    return (
        ray.data.from_arrow(blocks)
        .map_batches(
            read, batch_size=None, batch_format="pyarrow", fn_kwargs={"reading": [reading]}
        )
        .map_batches(
            Scorer,
            batch_size=_ON_GPU if shares.gpus else None,
            batch_format="pyarrow",
            fn_constructor_args=([networks], shares.device, work.model, work.recipe),
            compute=ray.data.ActorPoolStrategy(size=shares.actors),
            num_cpus=1,
            num_gpus=shares.gpus,
            max_task_retries=_TRIES,
        )
        .map_batches(
            write,
            batch_size=work.part_images,
            batch_format="pyarrow",
            # Beside the rest: where all CPUs read, Ray would write nothing before all is read.
            num_cpus=0,
            concurrency=max(1, shares.cpus // _CPUS_A_WRITER),
            fn_kwargs={"out": work.out, "recipe": work.recipe},
        )
    )


@contextmanager
def _told_by(reporter: Reporter) -> Iterator[None]:
    """Let `reporter` warn, in a line each, of the failures that Ray Data logs with a traceback."""
    logger, heard = logging.getLogger("ray.data"), _Heard(reporter)
    before, handlers, spread = logger.level, logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [heard], False
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, spread
        logger.setLevel(before)


class _Heard(logging.Handler):
    """Hands the exceptions of failed blocks on to a Reporter."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.ERROR)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        """Warn of the exception in `record`, if it is of one."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._reporter.warn(f"images were lost on the way: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    """Return what `error` says in a line; of one in a worker its cause, behind a traceback."""
    cause = str(error).partition("\n\nThe above exception was")[0]
    lines = [line.strip() for line in cause.splitlines() if line.strip()]
    line = lines[-1 if cause != str(error) else 0] if lines else type(error).__name__
    return line.rstrip(".")[:300]
