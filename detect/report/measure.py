"""Everything the scoreboard shows of the user's runs, measured in one go."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.errors import DataError
from detect.evaluation.average_precision import evaluate
from detect.evaluation.ceiling import STAGES, boxes_of, ceiling, proposal_ceiling
from detect.evaluation.comparison import short_names
from detect.evaluation.error_types import error_report
from detect.evaluation.flat import flatten_truth
from detect.evaluation.judged import judge
from detect.evaluation.recall import recall_report
from detect.report.curves import Curve, curves_of
from detect.report.diagnosis import Diagnosis, diagnose
from detect.report.extras import EnsembleSummary, read_classification, read_ensemble
from detect.report.images import ImageVerdicts, score_images
from detect.report.paper_claims import ScoredProposals, ScoredRun
from detect.report.runs import Run, proposal_kind
from detect.storage.proposals import ProposalFile
from detect.structures import Dataset, Proposals, Sample

_NAMES = {
    "as_found": "as found",
    "perfect_nms": "perfect NMS",
    "perfect_boxes": "perfect boxes",
    "perfect_labels": "perfect labels",
    "perfect_labels_and_nms": "perfect labels and NMS",
}
_ON_PROPOSALS = "every object that a proposed box reaches is found once, and nothing else is"
_MOVED = {
    "voting": "; this run's boxes are means of several, and may reach objects that no proposed box "
    "does",
    "regression": "; this run's boxes were moved, and may reach objects that no proposed box does",
}

# Iterates over samples, showing what it is for.
Track = Callable[[Sequence[Sample], str], Iterable[Sample]]


@dataclass(frozen=True, eq=False)
class Measured:
    """The figures of several runs, in detail those of the first.

    `curves` by class; `stages` [(name, what it says, mAP)], the proposals' ceilings last; `errors`
    as `error_report`; `images` at score `shown`; `diagnosis` of scores and labels. `ensemble` and
    `classification` (rows of the paper's Table 3) were measured by other commands, None and []
    where they were not.
    """

    scored: list[ScoredRun]
    proposed: list[ScoredProposals]
    curves: dict[str, Curve]
    stages: list[tuple[str, str, float]]
    errors: dict[str, Any]
    images: ImageVerdicts
    shown: float
    diagnosis: Diagnosis
    ensemble: EnsembleSummary | None = None
    classification: Sequence[tuple[str, ...]] = ()

    def figures(self) -> dict[str, Any]:
        """Return what report.json holds, values in [0, 1]."""
        return {
            "runs": {scored.run.name: scored.scores for scored in self.scored},
            "ceiling": {name: value for name, _, value in self.stages},
            "errors": self.errors,
            "proposals": {file.name: file.report for file in self.proposed},
            **self.diagnosis.figures(),
        }


def measure(
    dataset: Dataset,
    runs: Sequence[Run],
    proposals: Sequence[Path] = (),
    *,
    confident: float,
    blacklist: Iterable[tuple[str, int]] = (),
    ensemble: Path | None = None,
    classification: Path | None = None,
    shown: float = 0.5,
    track: Track = lambda samples, _: samples,
) -> Measured:
    """Measure `runs` (one at least) and `proposals` on `dataset`.

    `confident` is the score from which a mistake puts a label in doubt. `blacklist` is ILSVRC's
    (`evaluate`); `ensemble` and `classification` are JSON files of
    `detect ensemble` and `detect classify`. Raises DataError where no object counts or proposals
    are not of this split, as `evaluate` and `recall_report` do, and for other JSON.
    """
    pairs = frozenset(blacklist)
    ensemble_summary = read_ensemble(ensemble) if ensemble else None
    classified = read_classification(classification) if classification else ()
    scored = [ScoredRun(run, evaluate(dataset, run.detections, "all", 0.5, pairs)) for run in runs]
    proposed = list(_propose(dataset, proposals, track))
    first = runs[0].detections
    judged = judge(dataset, first)
    stages = [
        (_NAMES[name], STAGES[name], value) for name, value in ceiling(dataset, first).items()
    ]
    reached = _ON_PROPOSALS + "".join(_MOVED[way] for way in runs[0].moved_by[-1:])
    stages += [(f"the same on {file.name}", reached, file.ceiling) for file in proposed]
    return Measured(
        scored=scored,
        proposed=proposed,
        curves=dict(curves_of(judged.outcome, dataset.classes)),
        stages=stages,
        errors=error_report(dataset, first, shown=shown),
        images=score_images(dataset, first, shown),
        shown=shown,
        diagnosis=diagnose(dataset, first, judged, confident),
        ensemble=ensemble_summary,
        classification=classified,
    )


def check_objects(dataset: Dataset) -> None:
    """Raise DataError unless `dataset` has annotations, and an object that counts by VOC 2012."""
    truth = flatten_truth(dataset)
    if (truth.difficult | truth.crowd).all():
        kind = "no object" if not len(truth) else "only difficult objects and crowds"
        raise DataError(
            f"{dataset.root}: split {dataset.split!r} has {kind}: there is nothing to score. "
            "Give a split with objects."
        )


def _propose(dataset: Dataset, paths: Sequence[Path], track: Track) -> Iterator[ScoredProposals]:
    """Yield the figures of every proposals file."""
    files = [ProposalFile(path) for path in paths]
    names = short_names([str(path) for path in paths]) if paths else []
    for file, name in zip(files, names, strict=True):
        report = recall_report(dataset, _read(dataset, file, track, f"recall of {name}"))
        boxes = boxes_of(dataset, _read(dataset, file, track, f"ceiling of {name}"))
        yield ScoredProposals(
            name, proposal_kind(file.recipe), report, proposal_ceiling(dataset, boxes)
        )


def _read(dataset: Dataset, file: ProposalFile, track: Track, purpose: str) -> Iterator[Proposals]:
    """Return the proposals of every image, read one at a time."""
    return (file.read(sample.image_id, sample.size) for sample in track(dataset.samples, purpose))
