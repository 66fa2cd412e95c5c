"""ILSVRC's submission file: pixels, numbers, round trip, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.errors import DataError
from detect.storage.submission import read_submission, write_submission
from detect.structures import Dataset, Detections, Sample

SAMPLES = tuple(Sample(name, Path(name), (90, 120)) for name in ("c", "a"))
# Image b is listed, and left out as by --skip-bad.
DATASET = Dataset(
    Path("det"), "imagenet_det", "val", ("x", "y", "z"), (7, 5, 200), SAMPLES,
    listed=("c", "b", "a"),
)  # fmt: skip


def found(image_id: str, rows: list[tuple[list[float], int, float]]) -> Detections:
    boxes, labels, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return Detections(image_id, np.array(boxes), np.array(labels), np.array(scores))


def assert_equal(one: Detections, other: Detections) -> None:
    assert one.image_id == other.image_id
    for name in ("boxes", "labels", "scores"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_line_is_number_class_score_and_inclusive_corners(tmp_path: Path) -> None:
    """The whole image of 120 x 90 px is 0 0 119 89, as in ILSVRC's annotations."""
    written = [found("a", [([0, 0, 120, 90], 2, 0.25), ([4, 6, 5, 7], 0, 1.0)])]
    assert write_submission(tmp_path / "s.txt", written, DATASET) == 2
    lines = (tmp_path / "s.txt").read_text().splitlines()
    assert [list(map(float, line.split())) for line in lines] == [
        [3, 200, 0.25, 0, 0, 119, 89],
        [3, 7, 1, 4, 6, 4, 6],
    ]
    assert lines[0].startswith("3 200 0.25 ")


def rounded(value: float) -> float:
    # Below 1e-8 px a corner minus 1 has more digits than a double.
    return value if abs(value) > 1e-4 else 0.0


corners = st.floats(-1e4, 1e4, width=32).map(rounded)
sides = st.floats(0, 999, width=32).map(rounded)
scores = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(st.tuples(corners, corners, sides, st.integers(0, 2), scores), max_size=5)


@given(rows, rows)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, first: list, second: list
) -> None:
    path = tmp_path_factory.mktemp("s") / "s.txt"
    written = [
        found(
            name,
            [([x, y, x + side, y + side], label, score) for x, y, side, label, score in chosen],
        )
        for name, chosen in (("a", first), ("c", second))
    ]
    write_submission(path, written, DATASET)
    for one, other in zip(read_submission(path, DATASET), reversed(written), strict=True):
        assert_equal(one, other)


def test_lines_of_an_image_need_not_stand_together(tmp_path: Path) -> None:
    lines = ["3 5 .5 1 1 2 2", "", "1 7 .9 0 0 1 1", "3 5 .7 1 1 2 2", "2 7 1 0 0 1 1"]
    (tmp_path / "s.txt").write_text("\n".join(lines))
    first, second = read_submission(tmp_path / "s.txt", DATASET)
    assert (first.image_id, first.scores.tolist()) == ("c", [0.9])
    assert (second.image_id, second.scores.tolist()) == ("a", [0.5, 0.7])
    assert second.boxes.tolist() == [[1, 1, 3, 3]] * 2
    assert second.labels.tolist() == [1, 1]


def test_no_detection_at_all(tmp_path: Path) -> None:
    assert write_submission(tmp_path / "s.txt", [found("a", [])], DATASET) == 0
    assert [len(one) for one in read_submission(tmp_path / "s.txt", DATASET)] == [0, 0]


def test_an_image_that_is_not_listed_is_the_callers_bug(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="d is not in the data set"):
        write_submission(tmp_path / "s.txt", [found("d", [])], DATASET)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1 7 .5 0 0 1", "got '1 7 .5 0 0 1'. Expected seven numbers: IMAGE CLASS CONFIDENCE"),
        ("1 7 .5 0 0 1 1 1", "got '1 7 .5 0 0 1 1 1'. Expected seven numbers"),
        ("1 cat .5 0 0 1 1", "got '1 cat .5 0 0 1 1'. Expected seven numbers"),
        ("1 7 nan 0 0 1 1", "got '1 7 nan 0 0 1 1'. Expected seven numbers"),
        ("1 7 .5 0 0 1e39 1", "got '1 7 .5 0 0 1e39 1'. Expected seven numbers"),
        ("4 7 .5 0 0 1 1", "there is no image 4 in split 'val' of det, which has 1 to 3. Give"),
        ("0 7 .5 0 0 1 1", "there is no image 0"),
        ("1.5 7 .5 0 0 1 1", "there is no image 1.5"),
        ("1 6 .5 0 0 1 1", "there is no class 6 in det, which has 7, 5, 200."),
        ("1 201 .5 0 0 1 1", "there is no class 201"),
        ("1 7 .5 9 0 7 1", "the box has a negative width or height: 9 0 7 1."),
    ],
)
def test_the_first_wrong_line_is_named(tmp_path: Path, line: str, text: str) -> None:
    (tmp_path / "s.txt").write_text(f"1 7 0.5 0 0 1 1\n\n{line}\n{line}\n")
    with pytest.raises(DataError) as error:
        list(read_submission(tmp_path / "s.txt", DATASET))
    assert f"s.txt, line 3: {text}" in str(error.value)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_bytes(b"\xff\xfe\x00\x01\n")
    with pytest.raises(DataError, match=r"s\.txt, line 1: got .* Expected seven numbers"):
        list(read_submission(tmp_path / "s.txt", DATASET))
    with pytest.raises(DataError, match=r"none\.txt: cannot be read"):
        list(read_submission(tmp_path / "none.txt", DATASET))
