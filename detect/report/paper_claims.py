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
class Scored:
    """A run with its mAP in [0, 1] by every protocol (`evaluate`'s result)."""

    run: Run
    scores: dict[str, Any]

    @property
    def ilsvrc(self) -> float:
        """Return the mAP by the paper's protocol."""
        return float(self.scores["ilsvrc"]["map"])


@dataclass(frozen=True, eq=False)
class Proposed:
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
    scored: Sequence[Scored], proposed: Sequence[Proposed], curve: EnsembleSummary | None = None
) -> list[Claim]:
    """Return the claims in the paper's order; mAP by the ILSVRC protocol.

    Runs are told apart by the number of their networks and `proposal_kind`; of several of one kind
    the mean is taken. Ensemble and single networks are compared on the same kind of proposals.
    What the runs do not tell of ensembles comes from `curve`, by its protocol.
    """
    ours = {**_proposal_figures(proposed), **_curve_figures(curve), **_run_figures(scored)}
    return [
        Claim(text, paper, ours.get(key, f"not measured: needs {_NEEDED[key]}"), key in ours)
        for key, (text, paper) in CLAIMS.items()
    ]


def singles(scored: Sequence[Scored]) -> list[Scored]:
    """Return the runs of one network."""
    return [one for one in scored if one.run.networks == 1]


def largest(scored: Sequence[Scored]) -> Scored | None:
    """Return the run of the most networks, two at least; of several the first."""
    several = [one for one in scored if (one.run.networks or 0) > 1]
    return max(several, key=lambda one: one.run.networks or 0, default=None)


def _proposal_figures(proposed: Sequence[Proposed]) -> dict[str, str]:
    first = {one.kind: one.report for one in reversed(proposed)}
    rcnn, doubled, both = (first.get(kind) for kind in ("rcnn", "doubled", "both"))
    figures = {}
    if rcnn and doubled:
        figures["half"] = _share(doubled, rcnn)
    if rcnn and both:
        figures["share"] = _share(both, rcnn)
        figures["coverage"] = f"{percent(_coverage(rcnn))} to {percent(_coverage(both))}"
    return figures


def _share(report: dict[str, Any], of: dict[str, Any]) -> str:
    """Return how many boxes an image, and which share of another's."""
    boxes, others = report["boxes_per_image"], of["boxes_per_image"]
    share = percent(boxes / others, 0) if others else "no share"
    return f"{share} ({boxes:,.0f} of {others:,.0f} boxes an image)"


def _coverage(report: dict[str, Any]) -> float:
    return float(report["coverage"]["all"]["0.50"])


def _run_figures(scored: Sequence[Scored]) -> dict[str, str]:
    figures, alone, top = {}, singles(scored), largest(scored)
    if alone:
        figures["single"] = _mean_and_range(alone)
    before = [one for one in alone if one.run.proposals == "rcnn"]
    after = [one for one in alone if one.run.proposals == "both"]
    if before and after:
        figures["proposals"] = _difference(_mean(before), _mean(after))
    if top is not None:
        figures["ensemble"] = f"{percent(top.ilsvrc)} ({top.run.networks} networks)"
        same = [one for one in alone if one.run.proposals == top.run.proposals]
        if same:
            figures["gain"] = _difference(_mean(same), top.ilsvrc)
    return figures


def _curve_figures(curve: EnsembleSummary | None) -> dict[str, str]:
    if curve is None or curve.networks < 2:
        return {}
    figures = {
        "ensemble": f"{percent(curve.whole)} ({curve.networks} networks; {curve.protocol})",
        "gain": f"{_difference(curve.single, curve.whole)}; {curve.protocol}",
    }
    return figures


def _mean(scored: Sequence[Scored]) -> float:
    return fmean(one.ilsvrc for one in scored)


def _mean_and_range(scored: Sequence[Scored]) -> str:
    values = [one.ilsvrc for one in scored]
    mean, low, high = map(percent, (fmean(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} (mean of {len(values)}, {low} to {high})"


def _difference(before: float, after: float) -> str:
    return f"{100 * (after - before):+.1f} points ({percent(before)} to {percent(after)})"
