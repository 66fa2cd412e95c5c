"""Proposals, or detections as a submission to ILSVRC, for other programs."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from detect.errors import UsageError, option
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_out, open_data

_SUBMISSION = ".txt"


class ExportOptions(o.Options):
    """What `export_boxes` is told."""

    file: Path = Field(description="Proposals, or detections (COCO results).")
    out: Path = Field(
        description="File to write. Of proposals: COCO results if it ends in .json, NumPy arrays "
        "if in .npz. Of detections: a submission to ILSVRC if it ends in .txt."
    )
    data: Path | None = Field(None, description="The detections' data set (.txt).")
    split: o.Split = None
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class ExportResult:
    """What is at `path` now: of how many images, and how many `detections`, None of proposals."""

    path: Path
    images: int
    detections: int | None = None


@by_keywords
def export_boxes(options: ExportOptions, reporter: Reporter = QUIET) -> ExportResult:
    """Write proposals or detections in another form.

    Raises UsageError for options that do not go together and where `out` is taken, DataError for
    files and data that are wrong or do not belong together.
    """
    out = options.out
    if out.suffix not in (".json", ".npz", _SUBMISSION):
        raise UsageError(
            f"{option('out', out)}: expected a name ending in .json (COCO results) or .npz for "
            "proposals, in .txt (ILSVRC's submission file) for detections."
        )
    if out.suffix != _SUBMISSION and (options.data or options.split or options.skip_bad):
        raise UsageError(
            f"{option('data')}, {option('split')} and {option('skip_bad')} are for detections, "
            f"with {option('out', 'FILE.txt')}."
        )
    if out.suffix == _SUBMISSION and options.data is None:
        raise UsageError(
            f"{option('out', out)}: a submission needs {option('data')} and {option('split')} of "
            "its detections."
        )
    check_out(out, exist_ok=options.exist_ok, folder=False)
    if options.data is None:
        return _proposals(options.file, out, reporter)
    return _detections(options, options.data, reporter)


def _proposals(file: Path, out: Path, reporter: Reporter) -> ExportResult:
    from detect.storage.exchange import are_numbers, write_coco, write_npz
    from detect.storage.proposals import ProposalFile

    stored = ProposalFile(file)
    stored.check_finished()
    rows = reporter.track(stored, len(stored), "export")
    if out.suffix == ".json":
        write_coco(out, rows, integer_ids=are_numbers(stored.image_ids))
    else:
        write_npz(out, rows)
    return ExportResult(out, len(stored))


def _detections(options: ExportOptions, data: Path, reporter: Reporter) -> ExportResult:
    from detect.storage.detections import read_detections
    from detect.storage.submission import write_submission

    dataset = open_data(data, options.split, reporter, skip_bad=options.skip_bad)
    found = read_detections(options.file, dataset)
    count = write_submission(options.out, found.values(), dataset)
    return ExportResult(options.out, len(dataset), count)
