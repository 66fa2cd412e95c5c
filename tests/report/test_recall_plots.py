"""The picture of several proposals files: every file is seen in every panel, the bytes repeat."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures
from scoring import SIZE, dataset

from detect.errors import DataError
from detect.evaluation.recall import recall_report
from detect.report.recall_plots import MOST_FILES, plot_recall
from detect.structures import Proposals

BOXES = [(0, 0, 20, 20), (30, 0, 80, 50), (90, 0, 220, 130), (100, 10, 200, 110)]
DATA = dataset({"1": [(0, box) for box in BOXES]})


def report(seed: int, count: int = 40) -> dict[str, Any]:
    """Return figures that differ from seed to seed."""
    rng = np.random.default_rng(seed)
    boxes = np.array(BOXES)[rng.integers(len(BOXES), size=count)] + rng.normal(0, 4, (count, 4))
    return recall_report(DATA, [Proposals("1", SIZE, boxes, np.zeros(count), ["a"] * count)])


def colours_of(pixels: np.ndarray[Any, Any]) -> set[str]:
    """Return the colours of more than ten pixels as #RRGGBB."""
    values, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    return {"#{:02X}{:02X}{:02X}".format(*value) for value in values[counts > 10]}


@pytest.mark.parametrize("count", [1, 2, MOST_FILES])
def test_every_file_has_its_colour_in_every_panel(tmp_path: Path, count: int) -> None:
    path = tmp_path / "new" / "plot.png"
    # Far apart, so that no curve hides another entirely.
    reports = [report(seed, 10 + 30 * seed) for seed in range(count)]
    plot_recall(path, [f"file {number}" for number in range(count)], reports)
    with Pictures.open(path) as picture:
        assert picture.format == "PNG"
        assert {"Software", "Creation Time", "date"} & set(picture.info) == set()
        pixels = np.asarray(picture.convert("RGB"))
    expected = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"]
    below = pixels[len(pixels) // 4 :]  # the legend is above
    for panel in np.array_split(below, 3, axis=1):
        assert colours_of(panel) & set(expected) == set(expected[:count])


def test_the_same_reports_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib as mpl

    plot_recall(tmp_path / "a.png", ["x"], [report(0)])
    monkeypatch.setitem(mpl.rcParams, "lines.linewidth", 9.0)  # a user's matplotlibrc
    plot_recall(tmp_path / "b.png", ["x"], [report(0)])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert mpl.rcParams["lines.linewidth"] == 9.0


def test_names_are_drawn_as_they_are_and_sizes_without_objects_left_out(tmp_path: Path) -> None:
    small = recall_report(
        dataset({"1": [(0, BOXES[0])]}), [Proposals("1", SIZE, [BOXES[0]], [0.0], ["a"])]
    )
    plot_recall(tmp_path / "plot.png", [r"$\frac{a}$"], [small])  # no formula: it would not parse
    assert (tmp_path / "plot.png").stat().st_size > 0


def test_no_boxes_can_be_drawn(tmp_path: Path) -> None:
    plot_recall(tmp_path / "one.png", ["none"], [report(0, 0)])
    plot_recall(tmp_path / "two.png", ["none", "some"], [report(0, 0), report(1)])
    assert len(os.listdir(tmp_path)) == 2


def test_long_names_are_not_cut_off(tmp_path: Path) -> None:
    names = ["rcnn-test-" * 10, "both-val2-" * 10]
    plot_recall(tmp_path / "plot.png", names, [report(0), report(1)])
    with Pictures.open(tmp_path / "plot.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels[:, -4:].min() == 255


@pytest.mark.parametrize("count", [0, 7])
def test_no_file_and_too_many_are_a_callers_mistake(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 6 files, got {count}"):
        plot_recall(tmp_path / "plot.png", ["a"] * count, [report(0)] * count)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"plot\.png: cannot be written"):
        plot_recall(tmp_path / "file" / "plot.png", ["a"], [report(0)])
    assert os.listdir(tmp_path) == ["file"]
