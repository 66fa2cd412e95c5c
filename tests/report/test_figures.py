"""The plots of the report: one class and many, nothing found, names of any kind."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from detect.evaluation.error_types import TYPES
from detect.evaluation.thresholds import OperatingPoint
from detect.report.curves import Curve
from detect.report.figures import (
    MOST_CURVES,
    drawn_classes,
    plot_ceiling,
    plot_classes,
    plot_curves,
    plot_errors,
    plot_networks,
)

ACCENT, INK = (0, 114, 178), (34, 34, 34)
POINT = OperatingPoint(0.42, precision=0.5, recall=0.6)


def per_class(count: int):
    return {f"class {n}": {"ap": n / max(1, count - 1), "positives": n + 1} for n in range(count)}


def curves(names):
    return {name: Curve(np.array([0.2, 0.6]), np.array([1.0, 0.5])) for name in names}


def share_of(path: Path, colour: tuple[int, int, int]) -> float:
    """Return how much of the picture has `colour`."""
    with Pictures.open(path) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB"))
    return float((pixels == colour).all(axis=2).mean())


@pytest.mark.parametrize("count", [1, 3, 200])
def test_classes_and_curves_of_few_and_many_classes(tmp_path, count):
    entries = per_class(count)
    plot_classes(tmp_path / "classes.png", entries, 0.5)
    plot_curves(tmp_path / "curves.png", curves(entries), entries, {})
    with Pictures.open(tmp_path / "classes.png") as picture:
        assert picture.size[1] < 2000
    if count > 1:
        assert share_of(tmp_path / "classes.png", ACCENT) > 0.05
    assert share_of(tmp_path / "curves.png", ACCENT) > 0.001


def test_of_many_classes_the_best_and_the_worst_have_curves():
    names = drawn_classes(per_class(200))
    half = MOST_CURVES // 2
    assert names[:half] == [f"class {n}" for n in range(199, 199 - half, -1)]
    assert names[half:] == [f"class {n}" for n in range(half - 1, -1, -1)]
    assert len(drawn_classes(per_class(MOST_CURVES))) == MOST_CURVES


def test_the_best_f1_is_marked_on_its_curve(tmp_path):
    entries = per_class(3)
    plot_curves(tmp_path / "none.png", curves(entries), entries, {})
    plot_curves(tmp_path / "one.png", curves(entries), entries, {"class 1": POINT})
    none, one = (share_of(tmp_path / f"{name}.png", INK) for name in ("none", "one"))
    assert one > none


def test_nothing_found_can_be_drawn(tmp_path):
    nothing = {"cat": {"ap": 0.0, "positives": 3}}
    plot_classes(tmp_path / "a.png", nothing, 0.0)
    plot_curves(tmp_path / "b.png", {"cat": Curve(np.zeros(0), np.zeros(0))}, nothing, {})
    plot_ceiling(tmp_path / "c.png", [("as found", 0.0), ("perfect labels", 0.0)])
    types = {name: {"count": 0, "shown": 0, "cost": 0.0, "map": 0.0} for name in TYPES}
    plot_errors(tmp_path / "d.png", {"shown": 0.5, "types": types})
    plot_networks(tmp_path / "e.png", [("a", 1, 0.0), ("b", 6, 0.0)])
    assert len(list(tmp_path.glob("*.png"))) == 5


def test_the_ceiling_shows_what_was_found_dark_and_the_rest_light(tmp_path):
    plot_ceiling(tmp_path / "c.png", [("as found", 0.5), ("perfect", 1.0)])
    dark, light = (share_of(tmp_path / "c.png", c) for c in (ACCENT, (201, 221, 235)))
    assert dark == pytest.approx(2 * light, rel=0.05)


@pytest.mark.parametrize(
    "counts", [(1, 6, 6), (1, 1, 1), (None, 1, 6)], ids=["curve", "same", "not recorded"]
)
def test_runs_by_their_networks(tmp_path, counts):
    runs = [(f"run {n}", count, 0.3 + n / 10) for n, count in enumerate(counts)]
    plot_networks(tmp_path / "n.png", runs)
    # Bars fill much more than points and a line.
    assert (share_of(tmp_path / "n.png", ACCENT) > 0.05) == (counts != (1, 6, 6))


def test_names_are_drawn_as_they_are(tmp_path):
    names = [r"$\frac{a}$", "a very long name of a class that would leave no room for its bar"]
    entries = {name: {"ap": 0.5, "positives": 1} for name in names}
    plot_classes(tmp_path / "a.png", entries, 0.5)
    plot_curves(tmp_path / "b.png", curves(names), entries, {names[0]: POINT})
    with Pictures.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels[:, -3:].min() == 255
    assert pixels[:, :3].min() == 255
