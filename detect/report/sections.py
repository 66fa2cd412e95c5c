"""What the page says: the figures of `Measured` as rows and texts for the template."""

from collections.abc import Iterator, Sequence
from typing import Any

from detect.evaluation.comparison import comparison_rows
from detect.evaluation.figures import RecallScores
from detect.evaluation.protocols import PROTOCOLS
from detect.report import paper
from detect.report.choices import CHOICES, DEPARTURES
from detect.report.diagnosis_sections import diagnosis_values
from detect.report.extras import EnsembleSummary
from detect.report.figures import MOST_CURVES
from detect.report.looks import percent
from detect.report.measure import Measured
from detect.report.paper_claims import ScoredProposals, claims, largest_ensemble, single_networks
from detect.report.runs import Run
from detect.structures import Dataset

_PROPOSALS = {
    "rcnn": "Selective Search, R-CNN's",
    "doubled": "Selective Search, doubled superpixels",
    "both": "doubled superpixels and MultiBox",
    "multibox": "MultiBox",
    "other": "other",
}
_ERRORS = {
    "classification": "on an object of another class (IoU 0.5 or more)",
    "localisation": "on an object of its class, but not well enough (IoU 0.1 to 0.5)",
    "both": "on an object of another class, and not well enough (IoU 0.1 to 0.5)",
    "duplicate": "on an object of its class that a better-scored detection found",
    "background": "on no object (IoU below 0.1 with all)",
    "missed": "an object not found, that no error of class or place points at",
}
_CLASSIFY = (
    "Yours is not measured: detect classify --split --json makes this table on a validation set, "
    "and --classification shows it here."
)
_CLASSIFIED = (
    "The coloured rows are yours, by detect classify, on its validation set; with one model the "
    "mean over the models."
)


def page_values(dataset: Dataset, measured: Measured) -> dict[str, Any]:
    """Return what the template needs besides plots and pictures."""
    return {
        **_scores(dataset, measured),
        "ensemble": _ensemble(measured.ensemble),
        **_losses(measured),
        **diagnosis_values(measured.diagnosis),
        **_beside_the_paper(dataset, measured),
    }


def title_of(dataset: Dataset) -> str:
    """Return the data set's folder and split, as a reader would say it."""
    return f"{dataset.root.resolve().name} {dataset.split}".strip()


def _scores(dataset: Dataset, measured: Measured) -> dict[str, Any]:
    """Return what the page says of the runs and the first one's classes."""
    first = measured.scored[0]
    entry = first.scores["voc2012"]
    return {
        "name": first.run.name,
        "data": title_of(dataset),
        "images": len(dataset),
        "objects": sum(figures["positives"] for figures in entry["per_class"].values()),
        "skipped": entry["skipped"],
        "protocols": (*PROTOCOLS, "coco 50-95"),
        "headline": list(_headline(measured)),
        "classes": [_class_row(name, measured) for name in entry["per_class"]],
        "curves_drawn": MOST_CURVES,
        "runs": [
            {
                "name": scored.run.name,
                "networks": scored.run.networks or "-",
                "proposals": _regions(scored.run),
                "map": [_percent(value) for value in _maps(scored.scores)],
                "settings": scored.run.settings(),
                "surroundings": scored.run.surroundings(),
            }
            for scored in measured.scored
        ],
    }


def _regions(run: Run) -> str:
    """Return what proposed the regions of `run`, in words."""
    return _PROPOSALS[run.proposals] if run.config.get("proposals") else "not recorded"


def _ensemble(ensemble: EnsembleSummary | None) -> dict[str, Any]:
    """Return the rows on what networks bring to the ensemble, {} where it was not measured."""
    if ensemble is None:
        return {}
    sizes = [
        (
            size["networks"],
            size["subsets"],
            *(_percent(size[key]) for key in ("mean", "min", "max")),
        )
        for size in ensemble.sizes
    ]
    members = [
        (ensemble.names.get(str(place), str(place)), _percent(value), *_without(ensemble, place))
        for place, value in ensemble.alone.items()
    ]
    return {"sizes": sizes, "members": members}


def _without(ensemble: EnsembleSummary, place: int) -> tuple[str, str]:
    """Return the mAP of all networks but one, and what that one brings."""
    without = ensemble.leave_one_out.get(place)
    return ("-", "-") if without is None else (_percent(without), _points(ensemble.whole - without))


def _maps(scores: dict[str, Any]) -> list[float]:
    """Return the mAP by every protocol, COCO's mean over IoUs last."""
    return [*(scores[name]["map"] for name in PROTOCOLS), scores["coco"]["map_50_95"]]


def _headline(measured: Measured) -> Iterator[tuple[str, str]]:
    """Yield the figures to read first."""
    as_found = measured.stages[0][2]
    yield percent(as_found), "mAP at IoU 0.5, rules of VOC 2012"
    top = measured.proposed[0].ceiling if measured.proposed else measured.stages[-1][2]
    regions = f"the regions of {measured.proposed[0].name}" if measured.proposed else "these boxes"
    ways = measured.scored[0].run.moved_by if measured.proposed else ()
    unmoved = f", no {' or '.join(ways)}" if ways else ""
    yield percent(top), f"the most that {regions} allow (perfect labels and NMS{unmoved})"
    types = measured.errors["types"]
    worst = max(types, key=lambda kind: types[kind]["cost"])
    if types[worst]["cost"] <= 0:
        yield "0.0 points", "of mAP lost to any one type of error"
        return
    texts = {"both": "wrong class and place", "missed": "missed objects"}
    kind = texts.get(worst, f"{worst} errors")
    yield f"{100 * types[worst]['cost']:.1f} points", f"of mAP lost to {kind}, the costliest kind"


def _class_row(name: str, measured: Measured) -> dict[str, Any]:
    """Return the line of one class in the first run."""
    scores = measured.scored[0].scores
    entry = scores["voc2012"]["per_class"][name]
    values = [scores[protocol]["per_class"].get(name, {}).get("ap") for protocol in PROTOCOLS]
    values.append(scores["coco"]["per_class"].get(name, {}).get("ap_50_95"))
    point = measured.diagnosis.points.get(name)
    return {
        "name": name,
        "f1": "-" if point is None else _percent(point.f1),
        "score": "-" if point is None else f"{point.score:.2f}",
        "objects": entry["positives"],
        "detections": entry["detections"],
        "ap": ["-" if value is None else _percent(value) for value in values],
        "width": f"{100 * entry['ap']:.1f}",
        "path": measured.curves[name].path(60, 26),
    }


def _recall_table(proposed: Sequence[ScoredProposals]) -> list[list[str]]:
    scores = [RecallScores.of(file.report) for file in proposed]
    return comparison_rows([file.name for file in proposed], scores)


def _losses(measured: Measured) -> dict[str, Any]:
    """Return what the page says of proposals, stages and errors."""
    as_found = measured.stages[0][2]
    types = measured.errors["types"]
    proposed = measured.proposed
    return {
        "recall": _recall_table(proposed) if proposed else [],
        "stages": [
            (name, text, _percent(value), "" if place == 0 else _points(value - as_found))
            for place, (name, text, value) in enumerate(measured.stages)
        ],
        "shown": f"{measured.shown:g}",
        "errors": [
            {
                "name": "class and place" if name == "both" else name,
                "text": _ERRORS[name],
                "shown": entry["shown"],
                "count": entry["count"],
                "cost": f"{100 * entry['cost']:.1f}",
            }
            for name, entry in types.items()
        ],
    }


def _beside_the_paper(dataset: Dataset, measured: Measured) -> dict[str, Any]:
    """Return the paper's tables with our rows, its claims, departures and choices."""
    scored, yours = measured.scored, f"yours, on {title_of(dataset)}"
    top, alone = largest_ensemble(scored) or scored[0], single_networks(scored)
    ours_4 = (yours, "", "", _percent(top.ilsvrc), "", str(top.run.networks or "?"), "R-CNN")
    mean = sum(run.ilsvrc for run in alone) / len(alone) if alone else 0.0
    ours_5 = [(yours, _percent(mean), "no", "no")] if alone else []
    several = f"The mean of {len(alone)} runs. " if len(alone) > 1 else ""
    return {
        "claims": claims(scored, measured.proposed, measured.ensemble),
        "tables": [
            (paper.TABLE_2, *_best_classified(measured)),
            (paper.TABLE_3, *_classified(measured)),
            (paper.TABLE_4, [ours_4], f"Yours is {top.run.name}, by the ILSVRC protocol."),
            (
                paper.TABLE_5,
                ours_5,
                f"{several}By the ILSVRC protocol." if alone else "No run of one network is here.",
            ),
        ],
        "source": paper.SOURCE,
        "departures": DEPARTURES,
        "choices": CHOICES,
    }


def _classified(measured: Measured) -> tuple[Sequence[tuple[str, ...]], str]:
    """Return our rows of Table 3, and what to say of them."""
    rows = measured.classification
    return (rows, _CLASSIFIED) if rows else ((), _CLASSIFY)


def _best_classified(measured: Measured) -> tuple[Sequence[tuple[str, ...]], str]:
    """Return our row of Table 2, all models on the most crops, and what to say of it."""
    if not measured.classification:
        return (), ""
    models, crops, _, error = measured.classification[-1]
    ours = ("yours, on its validation set", "", "", error, "")
    return [ours], f"Yours: models {models}, crops {crops}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(gain: float) -> str:
    return f"{100 * gain:+.1f}"
