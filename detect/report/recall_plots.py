"""One picture of how well several proposals files cover the objects."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from detect.report.looks import LOOKS, drawing, percent_axis, printable, title

MOST_FILES = len(LOOKS)

_DASHES: dict[str, Any] = {"0.50": "-", "0.70": (0, (3, 1.5))}
# Inches: of the panels, and of each row of the legend above them, which takes so many characters.
_HEIGHT, _LEGEND_ROW, _LEGEND_CHARACTERS = 4.6, 0.24, 165


def plot_recall(path: Path, names: Sequence[str], reports: Sequence[dict[str, Any]]) -> None:
    """Draw results of `recall_report` (R) on one data set, called `names` (R), into the PNG `path`.

    Recall against the number of boxes and against IoU, coverage by object size (COCO's). The
    same reports give the same bytes. Raises ValueError for no file or more than MOST_FILES, and
    what `files.replacing` does.
    """
    if not 1 <= len(reports) <= MOST_FILES:
        raise ValueError(f"plot_recall: expected 1 to {MOST_FILES} files, got {len(reports)}")
    names = list(map(printable, names))
    most = max(1, _LEGEND_CHARACTERS // (max(map(len, names)) + 8))
    rows = math.ceil(len(reports) / most)
    with drawing(path, _HEIGHT + _LEGEND_ROW * rows) as figure:
        panels = figure.subplots(1, 3, width_ratios=(1.15, 1, 1.15))
        _draw_by_boxes(panels[0], reports)
        _draw_by_iou(panels[1], reports)
        _draw_by_size(panels[2], reports)
        handles = [_line(look) for look in LOOKS[: len(reports)]]
        figure.legend(
            handles, names, loc="outside upper left", ncols=math.ceil(len(reports) / rows)
        )


def _draw_by_boxes(panel: Axes, reports: Sequence[dict[str, Any]]) -> None:
    """Draw recall at two IoUs against the boxes an image, with a marker where all boxes count."""
    curves = [report["curves"]["by_boxes"] for report in reports]
    panel.set_xscale("log", nonpositive="mask")
    for look, curve in zip(LOOKS, curves, strict=False):
        for iou, dash in _DASHES.items():
            line = _line(look, curve["boxes"], curve["recall"][iou])
            line.set(linestyle=dash, markevery=[len(curve["boxes"]) - 1])
            panel.add_line(line)
    counts = [count for curve in curves for count in curve["boxes"] if count > 0]
    panel.set_xlim(min([1, *counts]), 1.1 * max([10, *counts]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.set_xlabel("boxes an image (mean), in stored order")
    _finish(panel, "Recall by number of boxes", "solid: IoU 0.5   dashed: IoU 0.7")


def _draw_by_iou(panel: Axes, reports: Sequence[dict[str, Any]]) -> None:
    for look, report in zip(LOOKS, reports, strict=False):
        curve = report["curves"]["by_iou"]
        line = _line(look, curve["iou"], curve["recall"])
        line.set(markevery=slice(0, 50, 10))
        panel.add_line(line)
    panel.set_xlim(0.5, 1)
    panel.set_xlabel("IoU a box must reach")
    _finish(panel, "Recall by IoU", "all boxes, one box an object")


def _line(look: tuple[str, str], x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    """Return a line in a file's `look`, drawn over the panel's edge where it runs along it."""
    colour, marker = look
    return Line2D(x, y, color=colour, marker=marker, clip_on=False)


def _draw_by_size(panel: Axes, reports: Sequence[dict[str, Any]]) -> None:
    """Draw a group of bars a size that has objects, each bar with its whole percentage."""
    sizes = reports[0]["per_size"]
    width = min(0.4, 0.8 / len(reports))
    for number, ((colour, _), report) in enumerate(zip(LOOKS, reports, strict=False)):
        shares = [report["per_size"][size]["coverage"]["all"]["0.50"] for size in sizes]
        places = [place + width * (number - (len(reports) - 1) / 2) for place in range(len(sizes))]
        bars = panel.bar(places, shares, width * 0.92, color=colour)
        texts = [f"{100 * share:.0f}" for share in shares]
        panel.bar_label(bars, texts, padding=2, fontsize=9 if len(reports) <= 3 else 7)
    labels = [f"{size}\n{block['objects']:,} objects" for size, block in sizes.items()]
    panel.set_xticks(range(len(sizes)), labels)
    panel.tick_params(axis="x", length=0)
    panel.grid(visible=False, axis="x")
    _finish(panel, "Coverage by object size", "all boxes, IoU 0.5; sizes end at 32² and 96² px")


def _finish(panel: Axes, text: str, subtitle: str) -> None:
    """Give the axis of shares 0 to 100 %, and `panel` its title over a grey line."""
    panel.set_ylim(0, 1.05)  # room for the figures on bars
    panel.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    percent_axis(panel.yaxis)
    title(panel, text, subtitle)
