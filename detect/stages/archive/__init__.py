"""Detection over an archive of images, in one process or on Ray, audited at the end."""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from detect.errors import EnvironmentProblem, UsageError, option
from detect.files import remove_unfinished
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.reading import shown
from detect.stages.archive.options import LOCAL, ArchiveOptions, ArchiveResult
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import detector_among, with_detector
from detect.stages.opening import check_out, is_earlier

if TYPE_CHECKING:
    import pyarrow as pa

    from detect.stages.archive.audit import Done
    from detect.stages.archive.work import Work, Written
    from detect.storage.manifest import Manifest

__all__ = ["ArchiveOptions", "ArchiveResult", "archive"]

# Parts that could not be made, one after the other, until it is of no use to go on.
_MOST_IN_A_ROW = 8


@by_keywords
def archive(options: ArchiveOptions, reporter: Reporter = QUIET) -> ArchiveResult:
    """Detect objects in every image of a manifest that has no row in the output yet.

    A broken image is a row that says so. Raises UsageError for options that do not go together,
    DataError for a manifest, models, stored proposals or an earlier output that are wrong,
    EnvironmentProblem for a machine or a cluster that cannot, DetectError where images were lost
    on the way and have no row: `resume` goes on with these.
    """
    from detect.stages.archive.opening import check_some_there, open_work, settle
    from detect.storage.manifest import read_manifest

    job = settle(with_detector(options, detector_among(options.model)))
    manifest = read_manifest(options.manifest)
    with holding(options.out, reporter):
        _check_out(options)
        work = open_work(job)
        done = _done(options, manifest, work)
        left = manifest.without(done.ids)
        if not len(done.ids):
            check_some_there(manifest)
        new = _detect(options, work, left, reporter, first=not len(done.ids))
        return _audited(options, manifest, new, reporter)


def _check_out(options: ArchiveOptions) -> None:
    """Raise UsageError for earlier work unless it goes on: an archive's is never written over."""
    check_out(options.out, exist_ok=True, resume=options.resume)
    if is_earlier(options.out) and not options.resume:
        raise UsageError(
            f"{option('out', options.out)} exists already. Choose another, or add "
            f"{option('resume')} to go on with it."
        )


def _done(options: ArchiveOptions, manifest: "Manifest", work: "Work") -> "Done":
    """Return what is done in the output; DataError for another manifest's or another recipe's."""
    from detect.stages.archive.audit import read_done
    from detect.storage.archive import Archive
    from detect.storage.recipe import check_same_recipe

    there = Archive(options.out)
    if there.parts:
        check_same_recipe(there.parts[0], there.recipe, "what this command makes", work.recipe)
    return read_done(there, manifest)


def _detect(
    options: ArchiveOptions, work: "Work", left: "pa.Table", reporter: Reporter, *, first: bool
) -> int:
    """Detect in the images `left`, and return how many have a row now."""
    from detect.stages.archive.opening import with_stored

    if not len(left):
        return 0
    left = with_stored(options, left, reporter, first=first)
    # Closed at once where somebody stops it, or Ray works on behind its end.
    with closing(_engine(options, work, left, reporter)) as written:
        images = _finished(written, reporter)
        return sum(1 for _ in reporter.track(images, len(left), "detecting"))


def _engine(
    options: ArchiveOptions, work: "Work", left: "pa.Table", reporter: Reporter
) -> "Generator[Written, None, None]":
    if options.on == LOCAL:
        from detect.stages.archive.local import detected
        from detect.stages.archive.opening import entries_of

        return detected(work, entries_of(left))
    from detect.stages.archive.on_ray import detected_on_ray

    return detected_on_ray(options, work, left, reporter)


def _finished(written: "Iterator[Written]", reporter: Reporter) -> Iterator[None]:
    """Yield once an image that has a row now; warn of parts that could not be made.

    EnvironmentProblem where that happens again and again.
    """
    in_a_row = 0
    for one in written:
        if one.problem:
            reporter.warn(f"{one.lost} images have no row: {one.problem}")
            in_a_row += 1
        elif one.images:
            in_a_row = 0
        if in_a_row == _MOST_IN_A_ROW:
            raise EnvironmentProblem(
                f"{_MOST_IN_A_ROW} parts in a row could not be made, the last one: {one.problem} "
                f"What is finished is kept, go on with {option('resume')}."
            )
        yield from (None for _ in range(one.images))


def _audited(
    options: ArchiveOptions, manifest: "Manifest", new: int, reporter: Reporter
) -> ArchiveResult:
    """Audit the output, say which image is broken, and remove what killed workers left there."""
    from detect.stages.archive.audit import audited
    from detect.storage.archive import Archive

    remove_unfinished(options.out, held=True)
    output = Archive(options.out)
    found = audited(output, manifest)
    if found.broken:
        image_id, error = next(output.broken())
        reporter.warn(
            f"{found.broken} of {found.images} images are recorded as broken, such as "
            f"{shown(image_id)}: {error}"
        )
    return ArchiveResult(options.out, found.images, found.detected, found.broken, new, found.parts)
