"""The claim's table: what it compares, and how files are called in it."""

import pytest
from scoring import SIZE, dataset

from detect.evaluation.comparison import comparison_rows, short_names
from detect.evaluation.figures import RecallScores
from detect.evaluation.recall import recall_report
from detect.evaluation.tables import align, markdown
from detect.structures import Proposals

SQUARE = (0, 0, 100, 100)
TWINS = dataset({"1": [(0, SQUARE), (1, SQUARE), (1, (150, 0, 250, 100))]})


def scores(boxes: list[tuple[float, ...]]) -> RecallScores:
    found = Proposals("1", SIZE, boxes, [0.0] * len(boxes), ["a"] * len(boxes))
    return RecallScores.of(recall_report(TWINS, [found]))


def test_rows_compare_the_boxes_with_those_of_the_first_file() -> None:
    several = scores([SQUARE, (0, 0, 1, 1), (0, 0, 2, 1), (150, 0, 250, 60)])
    rows = comparison_rows(["full", "half"], [several, scores([(0, 0, 100, 60)])])
    assert rows[0] == [
        "proposals", "boxes an image", "% of the first", "coverage 0.50", "coverage 0.70",
        "recall 0.50", "recall 0.70", "AR", "class mean coverage 0.50",
    ]  # fmt: skip
    # One box each for two objects of three; AR 2 (0.5 + 0.1) / 3.
    assert rows[1] == ["full", "4.0", "100", "100.0", "66.7", "66.7", "33.3", "40.0", "100.0"]
    # Cat 1 of 1, dog 1 of 2 covered; AR 2 (0.1) / 3.
    assert rows[2] == ["half", "1.0", "25", "66.7", "0.0", "33.3", "0.0", "6.7", "75.0"]


def test_a_first_file_without_boxes_is_compared_with_by_none() -> None:
    rows = comparison_rows(["none", "some"], [scores([]), scores([SQUARE])])
    assert [row[2] for row in rows[1:]] == ["-", "-"]


def test_a_report_for_every_name() -> None:
    with pytest.raises(ValueError, match="longer than"):
        comparison_rows(["a"], [scores([SQUARE]), scores([SQUARE])])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["out/rcnn"], ["rcnn"]),
        (["out/rcnn.parquet", "out/both.parquet"], ["rcnn", "both"]),
        (["/a/val/rcnn", "/b/val/rcnn/"], ["a/val/rcnn", "b/val/rcnn"]),
        (["a/rcnn", "rcnn"], ["a/rcnn", "rcnn"]),
        (["p", "p"], ["p", "p"]),
        (["p", "p.parquet"], ["p", "p.parquet"]),
        (["/p", "p"], ["/p", "p"]),
    ],
)
def test_names_are_the_shortest_endings_that_differ(paths: list[str], names: list[str]) -> None:
    assert short_names(paths) == names


def test_tables_for_terminals_and_markdown() -> None:
    rows = [["file", "AR"], ["a", "10.0"]]
    assert align(rows) == ["file    AR", "a     10.0"]
    assert markdown(rows) == ["| file |   AR |", "| ---- | ---: |", "| a    | 10.0 |"]
