"""`detect report`: index.html, the plots and pictures beside it, and report.json."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jinja2

from detect.evaluation.average_precision import PROTOCOLS
from detect.evaluation.claim import claim_rows
from detect.files import write_json, write_text
from detect.regions import Dataset
from detect.report import paper
from detect.report.choices import CHOICES, DEPARTURES
from detect.report.claims import claims, largest, singles
from detect.report.extras import EnsembleCurve
from detect.report.figures import (
    MOST_CURVES,
    plot_ceiling,
    plot_classes,
    plot_curves,
    plot_ensemble,
    plot_errors,
    plot_networks,
)
from detect.report.images import best_and_worst, draw_images, embedded_plot
from detect.report.measure import Measured
from detect.report.recall_plots import plot_recall
from detect.report.runs import Run
from detect.report.template import PAGE

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


def write_report(out: Path, dataset: Dataset, measured: Measured, pictures: int = 4) -> Path:
    """Write the report of `measured` on `dataset` into `out`; return the page's path.

    At most `pictures` of the best and of the worst images are drawn; only these are read.
    Raises DataError for an image that cannot be read, and what `files.replacing` does.
    """
    plots = {path.stem: embedded_plot(path) for path in _plot(out, measured)}
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string(PAGE).render(
        plots=plots,
        pictures=_draw(out, dataset, measured, pictures),
        **_scores(dataset, measured),
        ensemble=_ensemble(measured.ensemble),
        **_losses(measured),
        **_beside_the_paper(dataset, measured),
    )
    write_json(out / "report.json", measured.figures())
    write_text(out / "index.html", text)
    return out / "index.html"


def title_of(dataset: Dataset) -> str:
    """Return the data set's folder and split, as a reader would say it."""
    return f"{dataset.root.resolve().name} {dataset.split}".strip()


def _plot(out: Path, measured: Measured) -> Iterator[Path]:
    """Write every plot to `out` and yield its path."""
    first = measured.scored[0].scores["voc2012"]
    per_class = first["per_class"]
    plot_classes(out / "classes.png", per_class, first["map"])
    plot_curves(out / "curves.png", measured.curves, per_class)
    plot_ceiling(out / "ceiling.png", [(name, value) for name, _, value in measured.stages])
    plot_errors(out / "errors.png", measured.errors)
    yield from (out / f"{name}.png" for name in ("classes", "curves", "ceiling", "errors"))
    if len(measured.scored) > 1:
        maps = [(o.run.name, o.run.networks, o.scores["voc2012"]["map"]) for o in measured.scored]
        plot_networks(out / "networks.png", maps)
        yield out / "networks.png"
    if measured.ensemble is not None:
        plot_ensemble(out / "ensemble.png", measured.ensemble)
        yield out / "ensemble.png"
    if measured.proposed:
        names = [one.name for one in measured.proposed]
        plot_recall(out / "recall.png", names, [one.report for one in measured.proposed])
        yield out / "recall.png"


def _draw(
    out: Path, dataset: Dataset, measured: Measured, most: int
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Draw the best and worst images; return title, and data URL and caption of each."""
    best, worst = best_and_worst(measured.images, most)
    detections = measured.scored[0].run.detections
    drawn = []
    for name, title, places in (("best", "Best images", best), ("worst", "Worst images", worst)):
        urls = draw_images(dataset, detections, places, out, name, measured.shown)
        captions = [_caption(dataset, measured, place) for place in places]
        drawn.append((title, list(zip(urls, captions, strict=True))))
    return drawn


def _caption(dataset: Dataset, measured: Measured, place: int) -> str:
    images = measured.images
    right, wrong, missed = (one[place] for one in (images.right, images.wrong, images.missed))
    score = f"F {images.score[place]:.2f}"
    counts = f"{right} right, {wrong} wrong, {missed} missed"
    return f"{dataset.samples[place].image_id}: {score} ({counts})"


def _scores(dataset: Dataset, measured: Measured) -> dict[str, Any]:
    """Return what the page says of the runs and the first one's classes."""
    first = measured.scored[0]
    entry = first.scores["voc2012"]
    return {
        "name": first.run.name,
        "data": title_of(dataset),
        "images": len(dataset),
        "objects": sum(one["positives"] for one in entry["per_class"].values()),
        "skipped": entry["skipped"],
        "protocols": (*PROTOCOLS, "coco 50-95"),
        "headline": list(_headline(measured)),
        "classes": [_class_row(name, measured) for name in entry["per_class"]],
        "curves_drawn": MOST_CURVES,
        "runs": [
            {
                "name": one.run.name,
                "networks": one.run.networks or "-",
                "proposals": _regions(one.run),
                "map": [_percent(value) for value in _maps(one.scores)],
                "settings": one.run.settings(),
                "surroundings": one.run.surroundings(),
            }
            for one in measured.scored
        ],
    }


def _regions(run: Run) -> str:
    """Return what proposed the regions of `run`, in words."""
    return _PROPOSALS[run.proposals] if run.config.get("proposals") else "not recorded"


def _ensemble(curve: EnsembleCurve | None) -> dict[str, Any]:
    """Return the rows on what networks bring to the ensemble, {} where it was not measured."""
    if curve is None:
        return {}
    sizes = [
        (one["networks"], one["subsets"], *(_percent(one[key]) for key in ("mean", "min", "max")))
        for one in curve.sizes
    ]
    members = [
        (curve.names.get(str(place), str(place)), _percent(value), *_without(curve, place))
        for place, value in curve.alone.items()
    ]
    return {"sizes": sizes, "members": members}


def _without(curve: EnsembleCurve, place: int) -> tuple[str, str]:
    """Return the mAP of all networks but one, and what that one brings."""
    rest = curve.leave_one_out.get(place)
    return ("-", "-") if rest is None else (_percent(rest), _points(curve.whole - rest))


def _maps(scores: dict[str, Any]) -> list[float]:
    """Return the mAP by every protocol, COCO's mean over IoUs last."""
    return [*(scores[name]["map"] for name in PROTOCOLS), scores["coco"]["map_50_95"]]


def _headline(measured: Measured) -> Iterator[tuple[str, str]]:
    """Yield the figures to read first."""
    found = measured.stages[0][2]
    yield f"{found:.1%}", "mAP at IoU 0.5, rules of VOC 2012"
    top = measured.proposed[0].ceiling if measured.proposed else measured.stages[-1][2]
    what = f"the regions of {measured.proposed[0].name}" if measured.proposed else "these boxes"
    yield f"{top:.1%}", f"the most that {what} allow (perfect labels and NMS)"
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
    return {
        "name": name,
        "objects": entry["positives"],
        "detections": entry["detections"],
        "ap": ["-" if value is None else _percent(value) for value in values],
        "width": f"{100 * entry['ap']:.1f}",
        "path": measured.curves[name].path(60, 26),
    }


def _losses(measured: Measured) -> dict[str, Any]:
    """Return what the page says of proposals, stages and errors."""
    found = measured.stages[0][2]
    types = measured.errors["types"]
    proposed = measured.proposed
    return {
        "recall": claim_rows([one.name for one in proposed], [one.report for one in proposed])
        if proposed
        else [],
        "stages": [
            (name, text, _percent(value), "" if place == 0 else _points(value - found))
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
    top, alone = largest(scored) or scored[0], singles(scored)
    ours_4 = (yours, "", "", _percent(top.ilsvrc), "", str(top.run.networks or "?"), "R-CNN")
    mean = sum(one.ilsvrc for one in alone) / len(alone) if alone else 0.0
    ours_5 = [(yours, _percent(mean), "no", "?")] if alone else []
    several = f"The mean of {len(alone)} runs. " if len(alone) > 1 else ""
    return {
        "claims": claims(scored, measured.proposed, measured.ensemble),
        "tables": [
            (paper.TABLE_2, [], ""),
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


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(gain: float) -> str:
    return f"{100 * gain:+.1f}"
