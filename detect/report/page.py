"""`detect report`: index.html, the plots and pictures beside it, and report.json."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2

from detect.checks.findings import plural
from detect.files import write_json, write_text
from detect.report.diagnosis import Diagnosis
from detect.report.diagnosis_plots import MOST_CONFUSED, plot_confusion, plot_reliability
from detect.report.diagnosis_sections import doubt_values
from detect.report.explained.page import Explained
from detect.report.figures import (
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
from detect.report.sections import page_values
from detect.report.template import PAGE
from detect.structures import Dataset
from detect.together import together

_PLOTS = (
    "classes", "curves", "ceiling", "errors", "confusion", "reliability", "networks", "ensemble",
    "recall",
)  # fmt: skip


def write_report(
    out: Path,
    dataset: Dataset,
    measured: Measured,
    pictures: int = 4,
    *,
    doubts: int = 12,
    explained: Explained | None = None,
) -> Path:
    """Write the report of `measured` on `dataset` into `out`; return the page's path.

    At most `pictures` of the best and of the worst images, and `doubts` labels in doubt are drawn;
    only these images are read. What is `explained` too is linked. DataError for an image that
    cannot be read. Raises what `files.writing` does.
    """
    with together(out, _pictures(out)) as folder:
        plots = {path.stem: embedded_plot(path) for path in _plot(folder, measured)}
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        text = environment.from_string(PAGE).render(
            plots=plots,
            plural=plural,
            pictures=_draw(folder, dataset, measured, pictures, _Links(out, explained)),
            explained=explained and explained.link(out),
            **doubt_values(measured.diagnosis, doubts),
            **page_values(dataset, measured),
        )
        write_json(folder / "report.json", measured.figures())
        write_text(folder / "index.html", text)
    return out / "index.html"


@dataclass(frozen=True)
class _Links:
    """Where images of a report in `out` are explained, if they are."""

    out: Path
    explained: Explained | None

    def of(self, image_id: str) -> str | None:
        if self.explained is None or image_id not in self.explained.images:
            return None
        return self.explained.link(self.out, image_id)


def _pictures(out: Path) -> list[Path]:
    """Return the pictures of an earlier report: this one may have others."""
    return [path for name in (*_PLOTS, "best-*", "worst-*") for path in out.glob(f"{name}.png")]


def _plot(out: Path, measured: Measured) -> Iterator[Path]:
    """Write every plot to `out` and yield its path."""
    first = measured.scored[0].scores["voc2012"]
    per_class = first["per_class"]
    plot_classes(out / "classes.png", per_class, first["map"])
    plot_curves(out / "curves.png", measured.curves, per_class, measured.diagnosis.points)
    plot_ceiling(out / "ceiling.png", [(name, value) for name, _, value in measured.stages])
    plot_errors(out / "errors.png", measured.errors)
    yield from (out / f"{name}.png" for name in ("classes", "curves", "ceiling", "errors"))
    yield from _plot_diagnosis(out, measured.diagnosis)
    if len(measured.scored) > 1:
        maps = [
            (scored.run.name, scored.run.networks, scored.scores["voc2012"]["map"])
            for scored in measured.scored
        ]
        plot_networks(out / "networks.png", maps)
        yield out / "networks.png"
    if measured.ensemble is not None:
        plot_ensemble(out / "ensemble.png", measured.ensemble)
        yield out / "ensemble.png"
    if measured.proposed:
        names = [file.name for file in measured.proposed]
        plot_recall(out / "recall.png", names, [file.report for file in measured.proposed])
        yield out / "recall.png"


def _plot_diagnosis(out: Path, diagnosis: Diagnosis) -> Iterator[Path]:
    if len(diagnosis.classes) <= MOST_CONFUSED:
        plot_confusion(out / "confusion.png", diagnosis.classes, diagnosis.confusion)
        yield out / "confusion.png"
    if diagnosis.calibration is not None:
        plot_reliability(out / "reliability.png", diagnosis.calibration)
        yield out / "reliability.png"


def _draw(
    out: Path, dataset: Dataset, measured: Measured, most: int, links: _Links
) -> list[tuple[str, list[tuple[str, str, str | None]]]]:
    """Draw the best and worst images; return title, and data URL, caption and link of each."""
    best, worst = best_and_worst(measured.images, most)
    detections = measured.scored[0].run.detections
    drawn = []
    for name, title, places in (("best", "Best images", best), ("worst", "Worst images", worst)):
        urls = draw_images(dataset, detections, places, out, name, measured.shown)
        said = [
            (url, _caption(dataset, measured, place), links.of(dataset.samples[place].image_id))
            for place, url in urls
        ]
        drawn.append((title, said))
    return drawn


def _caption(dataset: Dataset, measured: Measured, place: int) -> str:
    images = measured.images
    right, wrong, missed = (column[place] for column in (images.right, images.wrong, images.missed))
    score = f"F {images.score[place]:.2f}"
    counts = f"{right} right, {wrong} wrong, {missed} missed"
    return f"{dataset.samples[place].image_id}: {score} ({counts})"
