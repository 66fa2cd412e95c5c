"""How stages open data sets: what `skip_bad` leaves out is counted and told, everywhere alike."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detect.errors import DataError, UsageError, option
from detect.locks import InUseError, holding, is_lock
from detect.progress import Reporter

if TYPE_CHECKING:
    from detect.storage.proposals import ProposalFile
    from detect.structures import Dataset


def check_out(out: Path, *, exist_ok: bool, resume: bool | None = None) -> None:
    """Refuse to write over earlier work unless told to; raise UsageError.

    An empty folder counts as not there; the lock of this call is not in it. `resume` is None for a
    stage that has no such option.
    """
    taken = out.is_file() or (out.is_dir() and not all(map(is_lock, out.iterdir())))
    if taken and not (exist_ok or resume):
        go_on = "" if resume is None else f"{option('resume')} to go on with it or "
        raise UsageError(
            f"{option('out', out)} exists already. Choose another, or add {go_on}"
            f"{option('exist_ok')} to write over it."
        )


@contextmanager
def holding_out(out: Path | None, command: str, name: str, reporter: Reporter) -> Iterator[Path]:
    """Hold `out`, or the next free runs/COMMAND/NAME, and yield it; raise as `holding`."""
    from detect.runs import next_run_folder

    with ExitStack() as held:
        folder = None
        while folder is None:
            chosen = out or next_run_folder(command, name)
            try:
                held.enter_context(holding(chosen, reporter))
                folder = chosen
            except InUseError:  # Another call has taken this name since: there is a next one.
                if out:
                    raise
        yield folder


def open_data(
    root: Path, split: str | None, reporter: Reporter, *, skip_bad: bool = False
) -> "Dataset":
    """Read one split of the data set `root` as `open_dataset` does.

    With `skip_bad` every image is decoded once, so that all stages leave out the same ones.
    (Proposing and the SVMs find them on the way: what they did without them is kept.)
    """
    from detect.data import open_dataset

    return usable(open_dataset(root, split, skip_bad=skip_bad), reporter, skip_bad=skip_bad)


def usable(dataset: "Dataset", reporter: Reporter, *, skip_bad: bool) -> "Dataset":
    """Return `dataset`, with `skip_bad` without undecodable images; say what is left out."""
    from detect.data import without_undecodable

    if skip_bad:
        samples = reporter.track(dataset.samples, len(dataset), "checking images")
        dataset = without_undecodable(dataset, samples)
    warn_skipped(dataset.skipped_marked, reporter)
    return dataset


def with_proposals(
    dataset: "Dataset", files: Sequence["ProposalFile"], reporter: Reporter
) -> "Dataset":
    """Return `dataset` without the images that one of `files` lacks: proposing left them out."""
    kept = tuple(s for s in dataset.samples if all(s.image_id in file for file in files))
    missing = {s.image_id for s in dataset.samples} - {s.image_id for s in kept}
    if not kept:
        raise DataError(f"{files[0].path}: no proposals for any image of split {dataset.split}.")
    lines = [f"no proposals for image {image_id}" for image_id in sorted(missing)]
    warn_skipped(lines, reporter)
    return replace(dataset, samples=kept)


def warn_skipped(reasons: Sequence[str], reporter: Reporter) -> None:
    """Say what `skip_bad` left out, a line each, and how many in all."""
    for reason in reasons:
        reporter.warn(f"left out: {reason}")
    if reasons:
        reporter.warn(f"images left out ({option('skip_bad')}): {len(reasons)}.")
