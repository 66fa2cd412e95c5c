"""How well proposals cover the objects, how few of them would do, and a plot of both."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from detect.errors import UsageError, option
from detect.evaluation.figures import Advice, RecallScores
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_figures, with_proposals
from detect.stages.truth import TruthOptions, check_truth, open_truth, write_figures

if TYPE_CHECKING:
    from detect.models.crop_time import CropTime
    from detect.storage.proposals import ProposalFile
    from detect.structures import Dataset, Proposals


class RecallOptions(TruthOptions):
    """What `recall` is told."""

    proposals: o.Paths = Field(
        min_length=1, description="From detect propose; may be given several times."
    )
    plot: Path | None = Field(None, description=f"Draw every {option('proposals')}.")
    target: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Advise on the fewest boxes that cover this share of the objects.",
    )
    target_iou: float = Field(
        0.5, gt=0, le=1, description=f"From which a box covers an object ({option('target')})."
    )
    input_size: int = Field(
        224,
        ge=32,
        description=f"Side of the crops whose classification is timed, px ({option('target')}).",
    )


@dataclass(frozen=True)
class CropSpeed:
    """Seconds that GoogLeNet-bn takes to classify a crop of `size` px on `device`."""

    size: int
    seconds: float
    device: str


@dataclass(frozen=True)
class ProposalsRecall:
    """Figures of the proposals at `path`, called `name` beside others; `advice` if asked for."""

    path: Path
    name: str
    scores: RecallScores
    advice: Advice | None = None


@dataclass(frozen=True)
class RecallResult:
    """Figures of every file, in the order given; `speed` is what the advice predicts times by."""

    files: tuple[ProposalsRecall, ...]
    speed: CropSpeed | None = None


@by_keywords
def recall(options: RecallOptions, reporter: Reporter = QUIET) -> RecallResult:
    """Score proposals against annotations; the images are not needed.

    Raises UsageError for options that do not go together, DataError for files that are wrong or
    of other images, and where there are no objects.
    """
    _check(options)
    check_truth(options, [*options.proposals, options.plot])
    from detect.evaluation.comparison import short_names
    from detect.storage.proposals import ProposalFile

    dataset = open_truth(options, reporter)
    files = [ProposalFile(path) for path in options.proposals]
    if options.skip_bad:
        dataset = with_proposals(dataset, files, reporter)
    names = short_names([str(file.path) for file in files])
    reports = [_report(dataset, file, reporter) for file in files]
    speed = None
    if options.target is not None:
        speed = _advise(dataset, options, options.target, files, reports, reporter)
    if options.plot is not None:
        from detect.report.recall_plots import plot_recall

        plot_recall(options.plot, names, reports)
    write_figures(options, reports[0] if len(reports) == 1 else reports)
    rows = zip(options.proposals, names, reports, strict=True)
    return RecallResult(tuple(_typed(*row) for row in rows), speed)


def _check(options: RecallOptions) -> None:
    """Raise UsageError for a plot or advice that cannot be had, DataError for where it goes."""
    if options.target is None:
        for name in options.gave("target_iou", "input_size"):
            raise UsageError(f"{option(name)} belongs to {option('target')}.")
    plot, count = options.plot, len(options.proposals)
    if plot is None:
        return
    if plot.suffix.lower() != ".png":
        raise UsageError(
            f"{option('plot', plot)}: it writes a PNG. Name it {plot.with_suffix('.png')}."
        )
    from detect.report.recall_plots import MOST_FILES

    if count > MOST_FILES:
        raise UsageError(
            f"{option('plot')} shows at most {MOST_FILES} {option('proposals')}, got {count}."
        )
    check_figures([*options.proposals, options.annotations, options.json], plot=plot)


def _report(dataset: "Dataset", file: "ProposalFile", reporter: Reporter) -> dict[str, Any]:
    """Return the scores of one proposals file, as the JSON has them."""
    from detect.evaluation.recall import recall_report

    report = recall_report(dataset, _read(dataset, file, "scoring", reporter))
    return {"proposals": str(file.path), **report}


def _read(
    dataset: "Dataset", file: "ProposalFile", what: str, reporter: Reporter
) -> Iterator["Proposals"]:
    """Return the proposals of every image, read one at a time."""
    samples = reporter.track(dataset.samples, len(dataset), what)
    return (file.read(sample.image_id, sample.size) for sample in samples)


def _advise(
    dataset: "Dataset",
    options: RecallOptions,
    target: float,
    files: Sequence["ProposalFile"],
    reports: Sequence[dict[str, Any]],
    reporter: Reporter,
) -> CropSpeed:
    """Add to `reports` how few boxes of each file reach `target`, as "advice"."""
    from detect.evaluation.budget import advise, first_ranks

    iou, size = options.target_iou, options.input_size
    ranks = [first_ranks(dataset, _read(dataset, file, "ranking", reporter), iou) for file in files]
    crop = _time_crops(size)
    for report, one in zip(reports, ranks, strict=True):
        advice = {"iou": iou, "input_size": size, **advise(one, target)}
        advice["seconds_per_image"] = advice["boxes_per_image"] * crop.seconds
        report["advice"] = advice
    return CropSpeed(size, crop.seconds, crop.device)


def _time_crops(size: int) -> "CropTime":
    """Time the region classifier at crops of `size` px, in the batches that detecting takes."""
    from detect.detector.batches import CropSettings, automatic_size
    from detect.models.crop_time import time_crops
    from detect.models.device import choose_device

    device = choose_device("auto")
    settings = CropSettings(size, context=0, mode="warp", image_side=0, mean=(0, 0, 0))
    return time_crops(size, automatic_size(settings, device), device)


def _typed(path: Path, name: str, report: dict[str, Any]) -> ProposalsRecall:
    advice = Advice.of(report["advice"]) if "advice" in report else None
    return ProposalsRecall(path, name, RecallScores.of(report), advice)
