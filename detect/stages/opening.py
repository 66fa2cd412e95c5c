"""How stages open data sets: what `skip_bad` leaves out is counted and told, everywhere alike."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detect.errors import DataError, UsageError, option
from detect.files import readable, remove_unfinished
from detect.locks import InUseError, holding
from detect.progress import Reporter
from detect.together import settle

if TYPE_CHECKING:
    from detect.storage.proposals import ProposalFile
    from detect.structures import Dataset


def check_out(
    out: Path, *, exist_ok: bool, resume: bool | None = None, folder: bool = True
) -> None:
    """Refuse to write over earlier work unless told to, raising UsageError; then tidy up.

    DataError where `out` cannot be what it is to be: a `folder`, or a file. An empty folder counts
    as not there, and so does one of hidden names. `resume` is None for a stage that has no such
    option. What killed processes left is removed, or put in its place where it was complete.
    """
    try:
        _check_kind(out, "out", folder=folder)
        settle(out if folder else out.parent)
        taken = out.is_file() or is_earlier(out)
    except OSError as error:
        raise readable(error, out) from error
    if taken and not (exist_ok or resume):
        go_on = "" if resume is None else f"{option('resume')} to go on with it or "
        raise UsageError(
            f"{option('out', out)} exists already. Choose another, or add {go_on}"
            f"{option('exist_ok')} to write over it."
        )
    if folder:
        remove_unfinished(out, held=True)
    else:
        remove_unfinished(out.parent, out.name)


def check_figures(others: Iterable[Path | None], **paths: Path | None) -> None:
    """Refuse early, with DataError, `paths` where no file can be written; then tidy up there.

    For small files that take the place of earlier ones, by the names of their options. UsageError
    for one that would take the place of any of `others`, which are read or written too.
    """
    taken = {path.resolve() for path in others if path is not None}
    for name, path in paths.items():
        if path is not None:
            _check_kind(path, name, folder=False)
            if path.resolve() in taken:
                raise UsageError(f"{option(name, path)}: is read or written here. Choose another.")
            remove_unfinished(path.parent, path.name)


def is_earlier(out: Path) -> bool:
    """Tell whether the folder `out`, or one in it, has anything but folders and hidden names.

    A training killed at its very beginning leaves the folders of its networks and their locks.
    """
    if not out.is_dir():
        return False
    visible = (path for path in out.iterdir() if not path.name.startswith("."))
    return any(not path.is_dir() or path.is_symlink() or is_earlier(path) for path in visible)


def _check_kind(out: Path, name: str, *, folder: bool) -> None:
    """Raise DataError where `out` is a file instead of a `folder`, the other way, or below one.

    Devices and pipes are neither: what is written takes the place of what is there.
    """
    for parent in out.parents:
        if parent.exists() and not parent.is_dir():
            raise DataError(f"{option(name, out)}: {parent} is a file, not a folder.")
    if out.exists() and not (out.is_dir() if folder else out.is_file()):
        there = "a folder" if out.is_dir() else "a file" if out.is_file() else "a device or pipe"
        wanted = "a folder" if folder else "a file"
        raise DataError(f"{option(name, out)}: expected {wanted}, and {there} is there.")


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
