"""The scoreboard of one or several runs, or a detector's choices: one HTML file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from detect.checks.findings import Finding
from detect.errors import DataError, UsageError, option
from detect.evaluation.figures import ProtocolScore, RecallScores
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import is_detector, read_detector
from detect.stages.opening import check_figures, check_out, holding_out, open_data

if TYPE_CHECKING:
    from detect.report.measure import Measured
    from detect.structures import Dataset, Sample


class ReportOptions(o.Options):
    """What `report` is told."""

    runs: o.Paths = Field(
        min_length=1, description="Folders that detect run wrote, or one detector of detect train."
    )
    data: Path | None = Field(None, description="The data they ran on. A detector needs none.")
    split: o.Split = None
    proposals: o.Paths = Field(
        (), description="Regions of the same split: recall, ceiling, the paper's claims."
    )
    ensemble: Path | None = Field(
        None, description=f"From detect ensemble {option('json')}: what each network brings."
    )
    classification: Path | None = Field(
        None,
        description=f"From detect classify {option('split')} {option('json')}: beside the paper's "
        "Table 3.",
    )
    out: Path | None = Field(
        None, description="Folder for index.html and the plots. [default: runs/report/NAME]"
    )
    blacklist: Path | None = Field(None, description="Lines IMAGE CLASS that ilsvrc leaves out.")
    explained: Path | None = Field(
        None, description="A page of detect explain on the first run, or its folder: linked."
    )
    labels: Path | None = Field(
        None,
        description="COCO JSON to write: images with labels in doubt, their labels as they are and "
        "those that the run proposes.",
    )
    confident: float = Field(
        o.CONFIDENT, description="Score from which a detection contradicts a label."
    )
    doubts: int = Field(12, ge=0, description="Most labels in doubt drawn.")
    pictures: int = Field(4, ge=0, description="Most of the best, and of the worst, images drawn.")
    picture_threshold: float = Field(
        0.5,
        description="Lowest score drawn, and judged for best and worst; 0 for those of detect run "
        f"{option('svm')}.",
    )
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class ReportResult:
    """The report at `page`, and its main figures.

    `runs` by name and protocol, the first is the one shown in detail; `ceiling`, its mAP (VOC
    2012) as found and with stages perfected; `proposals` by name; `doubts`, labels that confident
    detections contradict, the likeliest first. All figures are in report.json beside
    the page. Of a detector's choices there is the page alone.
    """

    page: Path
    runs: Mapping[str, Mapping[str, ProtocolScore]]
    ceiling: Mapping[str, float]
    proposals: Mapping[str, RecallScores]
    doubts: tuple[Finding, ...] = ()


@by_keywords
def report(options: ReportOptions, reporter: Reporter = QUIET) -> ReportResult:
    """Make a scoreboard of folders that `run` wrote: one HTML file, PNGs beside it.

    Of a detector that `train` made, a page on what its choices were made on. Raises UsageError for
    paths named twice or too often, what does not go together and where `out` is taken, DataError
    for data, runs and proposals that are wrong or do not belong together.
    """
    _check(options)
    name = options.runs[0].resolve().name
    with holding_out(options.out, "report", name, reporter) as out:
        check_out(out, exist_ok=options.exist_ok)
        if options.data is None:
            return _choices(options.runs[0], out)
        return _report(options, options.data, out, reporter)


def _choices(path: Path, out: Path) -> ReportResult:
    """Write the page on the choices of the detector at `path`."""
    from dataclasses import asdict

    from detect.report.trained import write_trained
    from detect.stages.train.work import NAME, read_record

    detector = read_detector(path)
    record = read_record(path / NAME, "Copy the whole detector again.")
    if "thresholds" not in record["steps"]:
        raise DataError(f"{path / NAME}: of a training that did not end. Copy the whole detector.")
    page = write_trained(out, path.resolve().name, asdict(detector.card), record)
    return ReportResult(page, {}, {}, {})


def _report(options: ReportOptions, data: Path, out: Path, reporter: Reporter) -> ReportResult:
    from detect.checks.review import write_review
    from detect.report.explained.page import read_page
    from detect.report.measure import check_objects
    from detect.report.page import write_report

    dataset = open_data(data, options.split, reporter, skip_bad=options.skip_bad)
    check_objects(dataset)
    explained = read_page(options.explained) if options.explained else None
    measured = _measure(options, dataset, reporter)
    page = write_report(
        out, dataset, measured, options.pictures, doubts=options.doubts, explained=explained
    )
    doubts = measured.diagnosis.doubts
    if options.labels is not None:
        write_review(options.labels, dataset, doubts)
    return ReportResult(
        page=page,
        runs={one.run.name: _scores(one.scores) for one in measured.scored},
        ceiling={name: value for name, _, value in measured.stages},
        proposals={one.name: RecallScores.of(one.report) for one in measured.proposed},
        doubts=tuple(doubts),
    )


def _check(options: ReportOptions) -> None:
    """Raise UsageError for paths named twice, more proposals than a plot can show, `labels`.

    Those would be in the data, which is never touched, or in the place of what is read. And for
    what does not go with a detector, or with runs.
    """
    _check_detector(options)
    if options.labels is not None and options.data is not None:
        check_figures([options.ensemble, options.classification], labels=options.labels)
        if options.labels.resolve().is_relative_to(options.data.resolve()):
            raise UsageError(
                f"{option('labels', options.labels)}: is in the data set, where it would be taken "
                "for labels. Choose another place."
            )
    _check_once(options.runs, "run")
    _check_once(options.proposals, option("proposals"))
    if options.proposals:
        from detect.report.recall_plots import MOST_FILES

        count = len(options.proposals)
        if count > MOST_FILES:
            raise UsageError(
                f"a report shows at most {MOST_FILES} {option('proposals')}, got {count}."
            )


def _check_detector(options: ReportOptions) -> None:
    detectors = [path for path in options.runs if is_detector(path)]
    if not detectors:
        if options.data is None:
            raise UsageError(f"{option('data')} is missing: the data that the runs detected in.")
        return
    rest = [name for name in options.model_fields_set if name not in ("runs", "out", "exist_ok")]
    if len(options.runs) > 1 or options.gave(*rest):
        raise UsageError(
            f"{detectors[0]} is a detector: its report shows what its choices were made on, and "
            f"takes {option('out')} alone. To score it, let it detect (detect run DATA "
            f"{option('split')} S {option('model', detectors[0])} {option('out')} FOUND) and "
            "report on FOUND."
        )


def _check_once(paths: Sequence[Path], what: str) -> None:
    places = [path.resolve() for path in paths]
    for path in paths:
        if places.count(path.resolve()) > 1:
            raise UsageError(f"{path} is named twice. Name every {what} once.")


def _measure(options: ReportOptions, dataset: "Dataset", reporter: Reporter) -> "Measured":
    from detect.evaluation.blacklist import read_blacklist
    from detect.report.measure import measure
    from detect.report.runs import read_runs

    def track(samples: Sequence["Sample"], what: str) -> Iterable["Sample"]:
        return reporter.track(samples, len(samples), what)

    runs = read_runs(options.runs, dataset)
    blacklist = read_blacklist(options.blacklist, dataset) if options.blacklist else ()
    return measure(
        dataset,
        runs,
        options.proposals,
        confident=options.confident,
        blacklist=blacklist,
        ensemble=options.ensemble,
        classification=options.classification,
        shown=options.picture_threshold,
        track=track,
    )


def _scores(entries: Mapping[str, Mapping[str, object]]) -> dict[str, ProtocolScore]:
    return {protocol: ProtocolScore.of(entry) for protocol, entry in entries.items()}
