"""What every plot shares: colours, fonts, lines, and how it is written."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from detect.files import write_bytes
from detect.visualize.canvas import has_glyph

# Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/, without the
# yellow, which is too light for a line on white; and a marker each, for print without colours.
LOOKS = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#E69F00", "D"),
    ("#CC79A7", "v"),
    ("#56B4E9", "P"),
)
INK, GREY, GRID = "#222222", "#666666", "#E4E4E4"
ACCENT, PALE = LOOKS[0][0], "#C9DDEB"
WIDTH = 13.5  # inches, of a plot as wide as the page
DPI = 150
_STYLE: dict[str, Any] = {
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # names may hold dollar signs
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    "legend.frameon": False,
}


@contextmanager
def drawing(path: Path, height: float, width: float = WIDTH) -> Iterator[Figure]:
    """Yield an empty figure, inches, written to the PNG `path` at the end.

    The user's own matplotlib settings play no part: the same content gives the same bytes.
    Raises what `files.writing` does.
    """
    with matplotlib.style.context(_STYLE, after_reset=True):
        layout = ConstrainedLayoutEngine(w_pad=0.12, hspace=0.08)
        figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
        yield figure
        encoded = io.BytesIO()
        figure.savefig(encoded, format="png", metadata={"Software": None})
        write_bytes(path, encoded.getvalue())


def percent(share: float, decimals: int = 1) -> str:
    """Return `share` in percent, as everywhere on the page: 0.439 as "43.9 %"."""
    return f"{100 * share:.{decimals}f} %"


def percent_axis(axis: Axis, decimals: int | None = 0) -> None:
    """Let `axis` of shares show percent, in `decimals` or in as many as tell its ticks apart."""
    axis.set_major_formatter(PercentFormatter(1, decimals, " %"))


def title(panel: Axes, text: str, subtitle: str) -> None:
    """Give `panel` its title over a grey line."""
    panel.set_title(text, pad=24)
    place: dict[str, Any] = {"xy": (0, 1), "xytext": (0, 8), "xycoords": "axes fraction"}
    panel.annotate(subtitle, **place, textcoords="offset points", color=GREY, fontsize=9)


def printable(name: str) -> str:
    """Return `name` with "U+732B" for each letter that the font of plots lacks."""
    return "".join(one if has_glyph(one) else f"U+{ord(one):04X}" for one in name)


def shortened(name: str, most: int = 24) -> str:
    """Return `name`, its middle left out where it is longer than `most` characters."""
    name = printable(name)
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - half]}…{name[-half:]}"
