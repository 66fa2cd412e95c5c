"""The plots of what a run confuses and of what its scores are worth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter

from detect.boxes import Doubles
from detect.evaluation.calibration import Reliability
from detect.report.looks import (
    ACCENT,
    GREY,
    INK,
    LOOKS,
    PALE,
    WIDTH,
    drawing,
    percent,
    percent_axis,
    shortened,
    title,
)
from detect.structures import IntArray

MOST_CONFUSED = 30  # classes of a matrix that is drawn
# Right and wrong, for colour-blind readers too.
_RIGHT, _WRONG = (
    LinearSegmentedColormap.from_list("shades", ["#FFFFFF", colour]) for colour, _ in LOOKS[:2]
)
_DARK = 0.55  # share of its row from which a figure is white


def plot_confusion(path: Path, classes: Sequence[str], matrix: IntArray) -> None:
    """Draw `matrix` (C + 1, C + 1) of `confusion_matrix`: counts, shaded by their share of a row.

    Raises ValueError for more than MOST_CONFUSED classes, and what `files.writing` does.
    """
    if len(classes) > MOST_CONFUSED:
        raise ValueError(f"plot_confusion: expected at most {MOST_CONFUSED} classes")
    names = [*(shortened(name, 18) for name in classes), "background"]
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cell = 0.62 if len(names) < 12 else 0.4
    width = min(WIDTH, 4.2 + 1.2 * cell * len(names))
    with drawing(path, 2.0 + cell * len(names), width) as figure:
        panel = figure.subplots()
        diagonal = np.eye(len(names), dtype=bool)
        for shades, hidden in ((_RIGHT, ~diagonal), (_WRONG, diagonal)):
            part = np.ma.masked_array(shares, hidden)
            panel.imshow(part, cmap=shades, vmin=0, vmax=1, aspect="auto")
        _write_counts(panel, matrix, shares)
        places = np.arange(len(names))
        panel.set_xticks(places, names, rotation=0 if len(names) < 7 else 90)
        panel.set_yticks(places, names)
        panel.set_xlabel("detected as")
        panel.set_ylabel("labelled as")
        panel.tick_params(length=0)
        panel.grid(visible=False)
        for edge in (-0.5, len(classes) - 0.5):  # background apart from the classes
            panel.axhline(edge, color=GREY, linewidth=1)
            panel.axvline(edge, color=GREY, linewidth=1)
        title(
            panel, "What is taken for what", "counts at IoU 0.5; darker: a larger share of the row"
        )


def _write_counts(panel: Axes, matrix: IntArray, shares: Doubles) -> None:
    size = 10 if len(matrix) < 12 else 7
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if shares[row, column] > _DARK else INK
        text = f"{matrix[row, column]:,}"
        panel.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)


def plot_reliability(path: Path, found: Reliability) -> None:
    """Draw precision against confidence, and how many detections there are of each."""
    edges, some = found.edges, found.counts > 0
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    with drawing(path, 5.2, 6.8) as figure:
        panel, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        panel.bar(middles[some], found.precision[some], 0.94 * width, color=PALE)
        panel.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        panel.plot(found.confidence[some], found.precision[some], "o", color=ACCENT)
        panel.set_xlim(0, 1)
        panel.set_ylim(0, 1.02)
        panel.set_ylabel("precision")
        percent_axis(panel.yaxis)
        error = f"expected calibration error {percent(found.error)}; " if some.any() else ""
        title(panel, "Confidence and precision", f"{error}dashed: perfect")
        counts.bar(middles, found.counts, 0.94 * width, color=ACCENT)
        counts.set_yscale("symlog", linthresh=1)
        counts.set_ylim(0)
        counts.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        counts.set_ylabel("detections")
        counts.set_xlabel("score")
        percent_axis(counts.xaxis)
