"""Regions for every image of a split, in files that are the same byte for byte in every run."""

from pathlib import Path

from detect.errors import UsageError, option
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.propose.job import ProposalJob, begun_with, estimate, run
from detect.stages.propose.options import ProposeCost, ProposeOptions, ProposeResult
from detect.stages.sources import check_method, make_source

__all__ = ["ProposeCost", "ProposeOptions", "ProposeResult", "propose"]

_OF_SEARCH = (
    "preset", "colour_space", "strategy", "k", "sigma", "width", "min_side", "search", "ranking",
    "seed",
)  # fmt: skip
_OF_MULTIBOX = (
    "multibox", "multibox_boxes", "multibox_nms", "multibox_views", "precision", "device",
)  # fmt: skip
# Where a dry run, which writes nothing, would have written.
_ANYWHERE = Path("proposals")


@by_keywords
def propose(options: ProposeOptions, reporter: Reporter = QUIET) -> ProposeResult:
    """Propose regions for every image of a split that has none yet.

    Raises UsageError for options that do not go together, DataError for data or earlier proposals
    that are wrong, EnvironmentProblem for a machine that cannot.
    """
    from detect.data import open_dataset

    check_method(options, options.method, search=_OF_SEARCH, multibox=_OF_MULTIBOX)
    if options.resume and options.out is not None and not options.gave("search"):
        # Folders made when there was OpenCV's search alone go on with that.
        options = options.changed(search=begun_with(options.out) or options.search)
    settings = options.settings
    if options.out is None and not options.dry_run:
        raise UsageError(f"{option('out')} is missing: a folder, or a file in .parquet.")
    dataset = open_dataset(options.data, options.split, skip_bad=options.skip_bad)
    source = make_source(options.method, settings, options.seed, options.choice)
    workers = source.workers(options.workers, len(dataset))
    job = ProposalJob(options, dataset, source, options.out or _ANYWHERE, workers)
    return estimate(job) if options.dry_run else run(job, reporter)
