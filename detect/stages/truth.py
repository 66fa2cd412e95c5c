"""The annotations that `evaluate` and `recall` score against: a data set's, or a COCO file's."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from detect.errors import UsageError, option
from detect.progress import Reporter
from detect.stages import options as o
from detect.stages.opening import check_figures, warn_skipped

if TYPE_CHECKING:
    from detect.structures import Dataset


class TruthOptions(o.Options):
    """Where the annotations are, and where all figures are written to."""

    data: Path | None = Field(None, description="A data set; its annotations are enough.")
    split: o.Split = None
    annotations: Path | None = Field(
        None,
        description=f"A COCO JSON in place of {option('data')} and {option('split')}; needs no "
        "images.",
    )
    json: Path | None = Field(None, description="Write all figures.")
    skip_bad: o.SkipBad = False


def check_truth(options: TruthOptions, others: Iterable[Path | None]) -> None:
    """Raise UsageError unless the annotations are given in one way, and for a wrong json.

    That must be none of the `others` that are read or written; DataError where it cannot be.
    """
    if bool(options.data) == bool(options.annotations):
        raise _not_one_way()
    if options.annotations and options.split:
        raise UsageError(
            f"{option('split')} goes with {option('data')}; an {option('annotations')} file is "
            "one split."
        )
    if options.annotations and options.skip_bad:
        raise UsageError(
            f"{option('skip_bad')} goes with {option('data')}; correct the "
            f"{option('annotations')} file."
        )
    check_figures([options.annotations, *others], json=options.json)


def _not_one_way() -> UsageError:
    return UsageError(
        f"give either {option('data')} (with {option('split')}) or {option('annotations')}."
    )


def open_truth(options: TruthOptions, reporter: Reporter) -> "Dataset":
    """Return the annotated data set; its images may be missing. UsageError without any."""
    from detect import data

    if options.annotations:
        return data.open_annotations(options.annotations)
    if options.data is None:
        raise _not_one_way()
    dataset = data.open_dataset(
        options.data, options.split, skip_bad=options.skip_bad, need_images=False
    )
    warn_skipped(dataset.skipped_marked, reporter)
    return dataset


def write_figures(options: TruthOptions, figures: Any) -> None:
    """Write `figures` where the options say so."""
    from detect.files import write_json

    if options.json:
        write_json(options.json, figures)
