"""The claims of the paper's section 8, and what these runs and proposals say of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from detect.report.extras import EnsembleSummary
from detect.report.looks import percent
from detect.report.paper import CLAIMS
from detect.report.runs import Run

# What it takes to measure a claim that these runs and proposals do not.
_NEEDED = {
    "half": "--proposals of detect propose with --preset rcnn and with --preset googlenet",
    "share": "--proposals with --preset rcnn, and with --method both --preset googlenet",
    "coverage": "--proposals with --preset rcnn, and with --method both --preset googlenet",
    "proposals": "two runs of one network, on proposals of --preset rcnn and on those of "
    "--method both --preset googlenet",
    "single": "a run of one network",
    "ensemble": "a run of several networks (--model A --model B ...), or --ensemble",
    "gain": "runs of several networks and of one on the same proposals, or --ensemble",
}


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """A run with its mAP in [0, 1] by every protocol (`evaluate`'s result)."""

    run: Run
    scores: dict[str, Any]

    @property
    def ilsvrc(self) -> float:
        """Return the mAP by the paper's protocol."""
        return float(self.scores["ilsvrc"]["map"])


@dataclass(frozen=True, eq=False)
class ScoredProposals:
    """A proposals file: its name, `proposal_kind`, `recall_report`, and `proposal_ceiling`."""

    name: str
    kind: str
    report: dict[str, Any]
    ceiling: float


@dataclass(frozen=True)
class Claim:
    """One claim, the paper's figure and ours; `measured` False: `ours` says what it takes."""

    text: str
    paper: str
    ours: str
    measured: bool


def claims(
    runs: Sequence[ScoredRun],
    proposed: Sequence[ScoredProposals],
    ensemble: EnsembleSummary | None = None,
) -> list[Claim]:
    """Return the claims in the paper's order; mAP by the ILSVRC protocol.

    Runs are told apart by the number of their networks and `proposal_kind`; of several of one kind
    the mean is taken. Ensemble and single networks are compared on the same kind of proposals.
    What the runs do not tell of ensembles comes from `ensemble`, by its protocol.
    """
    ours = {**_proposal_figures(proposed), **_ensemble_figures(ensemble), **_run_figures(runs)}
    return [
        Claim(text, paper, ours.get(key, f"not measured: needs {_NEEDED[key]}"), key in ours)
        for key, (text, paper) in CLAIMS.items()
    ]


def single_networks(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """Return the runs of one network."""
    return [scored for scored in runs if scored.run.networks == 1]


def largest_ensemble(runs: Sequence[ScoredRun]) -> ScoredRun | None:
    """Return the run of the most networks, two at least; of several the first."""
    several = [scored for scored in runs if (scored.run.networks or 0) > 1]
    return max(several, key=lambda scored: scored.run.networks or 0, default=None)


def _proposal_figures(proposed: Sequence[ScoredProposals]) -> dict[str, str]:
    reports = {file.kind: file.report for file in reversed(proposed)}
    rcnn, doubled, both = (reports.get(kind) for kind in ("rcnn", "doubled", "both"))
    figures = {}
    if rcnn and doubled:
        figures["half"] = _share(doubled, rcnn)
    if rcnn and both:
        figures["share"] = _share(both, rcnn)
        figures["coverage"] = f"{percent(_coverage(rcnn))} to {percent(_coverage(both))}"
    return figures


def _share(report: dict[str, Any], reference: dict[str, Any]) -> str:
    """Return how many boxes an image, and which share of the reference's."""
    boxes, reference_boxes = report["boxes_per_image"], reference["boxes_per_image"]
    share = percent(boxes / reference_boxes, 0) if reference_boxes else "no share"
    return f"{share} ({boxes:,.0f} of {reference_boxes:,.0f} boxes an image)"


def _coverage(report: dict[str, Any]) -> float:
    return float(report["coverage"]["all"]["0.50"])


def _run_figures(runs: Sequence[ScoredRun]) -> dict[str, str]:
    figures, alone, top = {}, single_networks(runs), largest_ensemble(runs)
    if alone:
        figures["single"] = _mean_and_range(alone)
    before = [scored for scored in alone if scored.run.proposals == "rcnn"]
    after = [scored for scored in alone if scored.run.proposals == "both"]
    if before and after:
        figures["proposals"] = _difference(_mean(before), _mean(after))
    if top is not None:
        figures["ensemble"] = f"{percent(top.ilsvrc)} ({top.run.networks} networks)"
        comparable = [scored for scored in alone if scored.run.proposals == top.run.proposals]
        if comparable:
            figures["gain"] = _difference(_mean(comparable), top.ilsvrc)
    return figures


def _ensemble_figures(ensemble: EnsembleSummary | None) -> dict[str, str]:
    if ensemble is None or ensemble.networks < 2:
        return {}
    whole, protocol = ensemble.whole, ensemble.protocol
    return {
        "ensemble": f"{percent(whole)} ({ensemble.networks} networks; {protocol})",
        "gain": f"{_difference(ensemble.single, whole)}; {protocol}",
    }


def _mean(runs: Sequence[ScoredRun]) -> float:
    return fmean(scored.ilsvrc for scored in runs)


def _mean_and_range(runs: Sequence[ScoredRun]) -> str:
    values = [scored.ilsvrc for scored in runs]
    mean, low, high = map(percent, (fmean(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} (mean of {len(values)}, {low} to {high})"


def _difference(before: float, after: float) -> str:
    return f"{100 * (after - before):+.1f} points ({percent(before)} to {percent(after)})"
