"""The plots of the scoreboard, each a PNG."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from detect.evaluation.thresholds import OperatingPoint
from detect.report.curves import Curve
from detect.report.extras import EnsembleSummary
from detect.report.looks import (
    ACCENT,
    GREY,
    GRID,
    INK,
    PALE,
    drawing,
    percent,
    percent_axis,
    shortened,
    title,
)

# Classes named in a plot; with more, bars become a profile and curves the best and the worst.
MOST_NAMED = 30
MOST_CURVES = 12
_COLUMNS = 4
# Over a white ground, for lines of the grid run behind it.
_LABEL: dict[str, Any] = {
    "padding": 4,
    "fontsize": 9,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8},
}
_TYPE_NAMES = {"both": "class and place"}


def plot_classes(path: Path, per_class: Mapping[str, Mapping[str, Any]], mean: float) -> None:
    """Draw the AP of every class (`evaluate`'s "per_class"), best first, and their `mean`."""
    order = sorted(per_class, key=lambda name: -per_class[name]["ap"])
    values = [per_class[name]["ap"] for name in order]
    if len(order) > MOST_NAMED:
        _plot_profile(path, values, mean)
        return
    with drawing(path, 1.2 + 0.32 * len(order), 9) as figure:
        panel = figure.subplots()
        names = [shortened(name) for name in order]
        _bars(panel, names, values, [ACCENT] * len(order))
        panel.axvline(mean, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        title(
            panel, "Average precision by class", f"VOC 2012, IoU 0.5; dashed: mean {percent(mean)}"
        )


def _plot_profile(path: Path, values: Sequence[float], mean: float) -> None:
    """Draw the AP of many classes without their names."""
    with drawing(path, 3.6) as figure:
        panel = figure.subplots()
        panel.bar(np.arange(1, len(values) + 1), values, width=0.9, color=ACCENT)
        panel.axhline(mean, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        panel.set_xlim(0.4, len(values) + 0.6)
        panel.set_ylim(0, 1)
        percent_axis(panel.yaxis)
        panel.grid(visible=False, axis="x")
        panel.set_xlabel("classes, best first")
        subtitle = f"{len(values)} classes, VOC 2012, IoU 0.5; dashed: mean {percent(mean)}"
        title(panel, "Average precision by class", subtitle)


def drawn_classes(per_class: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the classes whose curves are drawn: all, or the best and the worst half each."""
    order = sorted(per_class, key=lambda name: -per_class[name]["ap"])
    half = MOST_CURVES // 2
    return order if len(order) <= MOST_CURVES else order[:half] + order[-half:]


def plot_curves(
    path: Path,
    curves: Mapping[str, Curve],
    per_class: Mapping[str, Mapping[str, Any]],
    points: Mapping[str, OperatingPoint],
) -> None:
    """Draw precision against recall, a panel a class; the area under the step is the AP.

    `points` are marked, each with its score.
    """
    names = drawn_classes(per_class)
    columns = min(_COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    with drawing(path, 0.3 + 2.9 * rows, 3.4 * columns) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, name in zip(panels, names, strict=False):
            curve, entry = curves[name], per_class[name]
            panel.fill_between(*curve.steps(), color=PALE, linewidth=0)
            panel.plot(*curve.steps(), color=ACCENT, clip_on=False)
            if name in points:
                _mark(panel, points[name])
            panel.set_xlim(0, 1)
            panel.set_ylim(0, 1.02)
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_ticks([0, 0.5, 1])
                percent_axis(axis)
            title(
                panel, shortened(name), f"AP {percent(entry['ap'])}, {entry['positives']:,} objects"
            )
        for panel in panels[len(names) :]:
            panel.set_axis_off()
        figure.supxlabel("recall", fontsize=10)
        figure.supylabel("precision", fontsize=10)


def _mark(panel: Axes, point: OperatingPoint) -> None:
    """Draw where a class is best, and write beside it, inside the panel, from which score."""
    panel.plot([point.recall], [point.precision], "o", color=INK, clip_on=False, zorder=3)
    right, high = point.recall > 0.6, point.precision > 0.3
    place: dict[str, Any] = {"xytext": (-8 if right else 8, -6 if high else 6)}
    place |= {"ha": "right" if right else "left", "va": "top" if high else "bottom"}
    text = f"F1 {percent(point.f1)}\nfrom score {point.score:.2f}"
    spot = (point.recall, point.precision)
    panel.annotate(text, spot, **place, textcoords="offset points", fontsize=9, color=INK)


def plot_ceiling(path: Path, stages: Sequence[tuple[str, float]]) -> None:
    """Draw mAP by stage; `stages` (name, mAP), the detections as they are first."""
    as_found = stages[0][1]
    with drawing(path, 1.2 + 0.34 * len(stages), 9) as figure:
        panel = figure.subplots()
        names, values = [shortened(name, 48) for name, _ in stages], [value for _, value in stages]
        _bars(panel, names, values, [PALE] * len(stages))
        panel.barh(np.arange(len(values)), np.minimum(values, as_found), height=0.68, color=ACCENT)
        title(panel, "mAP if one stage were perfect", "dark: as found; light: what it would add")


def plot_errors(path: Path, report: Mapping[str, Any]) -> None:
    """Draw `error_report`: the mAP each type costs, and how often it occurs."""
    types = report["types"]
    names = [_TYPE_NAMES.get(name, name) for name in types]
    with drawing(path, 3.4) as figure:
        left, right = figure.subplots(1, 2)
        costs = [100 * entry["cost"] for entry in types.values()]
        _counts(left, names, costs, "{:.1f}")
        left.set_xlabel("points of mAP")
        title(left, "What each type of error costs", "mAP gained were this type alone remedied")
        _counts(right, names, [entry["shown"] for entry in types.values()], "{:,.0f}")
        subtitle = f"detections of score {report['shown']:g} or more; missed: objects"
        title(right, "How often it occurs", subtitle)


def plot_networks(path: Path, runs: Sequence[tuple[str, int | None, float]]) -> None:
    """Draw mAP (VOC 2012) of `runs` (name, networks averaged, mAP).

    Against the number of networks where that is recorded and differs, else a bar a run.
    """
    counts = {count for _, count, _ in runs}
    if None in counts or len(counts) == 1:
        with drawing(path, 1.2 + 0.34 * len(runs), 9) as figure:
            panel = figure.subplots()
            names = [shortened(name, 40) for name, _, _ in runs]
            _bars(panel, names, [value for *_, value in runs], [ACCENT] * len(runs))
            title(panel, "mAP of every run", "VOC 2012, IoU 0.5")
        return
    with drawing(path, 4.2, 7.5) as figure:
        _draw_by_networks(figure.subplots(), [(count or 0, value) for _, count, value in runs])


def plot_ensemble(path: Path, ensemble: EnsembleSummary) -> None:
    """Draw mAP against the number of networks, over all subsets of that size."""
    counts = [entry["networks"] for entry in ensemble.sizes]
    low, high = ([entry[key] for entry in ensemble.sizes] for key in ("min", "max"))
    with drawing(path, 4.2, 7.5) as figure:
        panel = figure.subplots()
        panel.fill_between(counts, low, high, color=PALE, linewidth=0)
        _draw_means(panel, counts, [entry["mean"] for entry in ensemble.sizes])
        subtitle = f"{ensemble.protocol}; line: mean over the subsets, band: lowest to highest"
        title(panel, "mAP by number of networks", subtitle)


def _draw_by_networks(panel: Axes, points: Sequence[tuple[int, float]]) -> None:
    """Draw (networks, mAP) as points, and a line through their means."""
    counts = sorted({count for count, _ in points})
    means = [float(np.mean([v for c, v in points if c == count])) for count in counts]
    panel.plot(*zip(*points, strict=True), "o", color=ACCENT, alpha=0.5, markeredgecolor="white")
    _draw_means(panel, counts, means)
    subtitle = "VOC 2012, IoU 0.5; a point a run, the line their mean"
    title(panel, "mAP of every run, by number of networks", subtitle)


def _draw_means(panel: Axes, counts: Sequence[int], means: Sequence[float]) -> None:
    """Draw mAP against the number of networks as a line, each mean with its figure."""
    panel.plot(counts, means, "o-", color=ACCENT, markeredgecolor="white")
    for count, mean in zip(counts, means, strict=True):
        place: dict[str, Any] = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center"}
        panel.annotate(percent(mean), (count, mean), **place, fontsize=9, bbox=_LABEL["bbox"])
    panel.margins(x=0.08, y=0.25)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    percent_axis(panel.yaxis, decimals=None)
    panel.set_xlabel("networks averaged")


def _bars(
    panel: Axes, names: Sequence[str], values: Sequence[float], colours: Sequence[str]
) -> None:
    """Draw horizontal bars of shares from the top down, each with its percentage."""
    places = np.arange(len(names))
    bars = panel.barh(places, values, height=0.68, color=colours)
    panel.bar_label(bars, [percent(value) for value in values], **_LABEL)
    panel.set_yticks(places, names)
    panel.invert_yaxis()
    panel.set_xlim(0, 1.06)
    panel.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    percent_axis(panel.xaxis)
    _finish(panel)


def _counts(panel: Axes, names: Sequence[str], values: Sequence[float], form: str) -> None:
    """Draw horizontal bars from the top down, each with its figure."""
    places = np.arange(len(names))
    bars = panel.barh(places, values, height=0.68, color=ACCENT)
    panel.bar_label(bars, [form.format(value) for value in values], **_LABEL)
    panel.set_yticks(places, names)
    panel.invert_yaxis()
    panel.set_xlim(0, 1.12 * max([*values, 1e-9]))
    _finish(panel)


def _finish(panel: Axes) -> None:
    """Leave only what horizontal bars need."""
    panel.tick_params(axis="y", length=0)
    panel.grid(visible=False, axis="y")
    panel.spines["left"].set_color(GRID)
    panel.tick_params(axis="x", colors=GREY)
