"""COCO results: what is written, read and refused."""

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring import dataset, detections, with_integer_ids

from detect.errors import DataError
from detect.storage.detections import (
    read_columns,
    read_detections,
    write_detections,
    writing_detections,
)
from detect.structures import Detections

DATA = dataset({"007": [], "12": []})
ENTRY = {"image_id": "12", "category_id": 12, "bbox": [1, 2, 3, 4], "score": 0.5}


def write(folder: Path, content: Any) -> Path:
    path = folder / "detections.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_file_is_coco_results(tmp_path: Path) -> None:
    path = tmp_path / "new" / "detections.json"
    made = detections([("12", 1, (1.5, 2, 4.5, 6), 0.25), ("007", 0, (0, 0, 0, 0), 0.5)])
    write_detections(path, made.values(), DATA)
    assert json.loads(path.read_text()) == [
        {"image_id": "12", "category_id": 12, "bbox": [1.5, 2, 3, 4], "score": 0.25},
        {"image_id": "007", "category_id": 11, "bbox": [0, 0, 0, 0], "score": 0.5},
    ]


def test_image_ids_are_numbers_where_the_layout_has_numbers(tmp_path: Path) -> None:
    path, data = tmp_path / "detections.json", with_integer_ids(dataset({"12": []}))
    write_detections(path, detections([("12", 1, (0, 0, 1, 1), 0.5)]).values(), data)
    assert json.loads(path.read_text())[0]["image_id"] == 12
    assert len(read_detections(path, data)["12"]) == 1
    assert len(read_detections(write(tmp_path, [ENTRY]), data)["12"]) == 1


def test_no_detections_are_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "detections.json"
    write_detections(path, [], DATA)
    assert json.loads(path.read_text()) == []
    assert [len(one) for one in read_detections(path, DATA).values()] == [0, 0]


def no_dust(value: float) -> float:
    """Return 0 for coordinates below a thousandth of a pixel: their sum with a width loses bits."""
    return value if abs(value) > 1e-3 else 0.0


@settings(max_examples=50, deadline=None)
@given(
    corners=st.lists(
        st.tuples(*[st.floats(-1e4, 1e4, width=32).map(no_dust)] * 4, st.floats(-1e9, 1e9)),
        max_size=5,
    )
)
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, corners: list[tuple[float, ...]]
) -> None:
    path = tmp_path_factory.mktemp("round") / "detections.json"
    boxes = np.array([one[:4] for one in corners], np.float32).reshape(-1, 4)
    boxes = np.concatenate([boxes[:, :2], np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    labels = [0] * len(corners)
    write_detections(path, [Detections("12", boxes, labels, [c[4] for c in corners])], DATA)
    read = read_detections(path, DATA)["12"]
    assert np.array_equal(read.boxes, boxes)
    assert read.scores.tolist() == [c[4] for c in corners]


def test_columns_keep_the_order_of_the_file_and_double_precision(tmp_path: Path) -> None:
    entries = [
        ENTRY | {"bbox": [0.1, 0, 0.2, 1]},
        ENTRY | {"image_id": "007", "score": 1},
        ENTRY | {"category_id": 11},
    ]
    images, labels, boxes, scores = read_columns(write(tmp_path, entries), DATA)
    assert images.tolist() == [1, 0, 1]
    assert labels.tolist() == [1, 1, 0]
    assert scores.tolist() == [0.5, 1.0, 0.5]
    assert boxes[0].tolist() == [0.1, 0, 0.1 + 0.2, 1]


def test_images_come_in_the_order_of_the_split(tmp_path: Path) -> None:
    path = write(tmp_path, [ENTRY, ENTRY | {"score": 0.75}])
    read = read_detections(path, DATA)
    assert list(read) == ["007", "12"]
    assert read["12"].scores.tolist() == [0.5, 0.75]


def test_images_left_out_by_skip_bad_are_left_out(tmp_path: Path) -> None:
    data = replace(DATA, samples=DATA.samples[:1])
    assert [len(one) for one in read_detections(write(tmp_path, [ENTRY]), data).values()] == [0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", r"detections.json: not valid JSON: .*Expected COCO results"),
        ({"images": []}, r"detections.json: got an object at the top of the file. Expected COCO"),
        ("3", "got int at the top"),
        ([ENTRY, 5], r"entry 1 \(from 0\) is 5. Expected COCO results"),
        ([{"image_id": "12"}], "entry 0 .from 0. has no 'category_id'"),
        ([ENTRY | {"image_id": "7"}], "is of image '7', which is not in split 'test' of set .2 im"),
        ([ENTRY | {"image_id": 12}], "is of image 12, which is not in split"),
        ([ENTRY | {"image_id": ["12"]}], r"is of image \['12'\]"),
        ([ENTRY | {"category_id": 3}], "unknown category_id 3. set has 11, 12."),
        ([ENTRY | {"category_id": "dog"}], "unknown category_id 'dog'"),
        ([ENTRY, ENTRY | {"bbox": [1, 2, 3]}], r"entry 1 \(from 0\) has bbox \[1, 2, 3\] and"),
        ([ENTRY | {"bbox": [1, 2, 3, "4"]}], r"has bbox \[1, 2, 3, '4'\]"),
        ([ENTRY | {"bbox": 4}], "has bbox 4 and score 0.5. Expected COCO results"),
        ([ENTRY | {"score": None}], "score None"),
        ([ENTRY | {"score": True}], "score True"),
        ([ENTRY | {"score": 10**400}], "and score 1000"),
        (
            [ENTRY, ENTRY | {"score": float("nan")}],
            r"entry 1 \(from 0\) has bbox .* and score nan. Expected finite numbers",
        ),
        ([ENTRY | {"score": float("inf")}], "and score inf"),
        ([ENTRY | {"bbox": [1, float("nan"), 3, 4]}], r"bbox \[1.0, nan, 3.0, 4.0\]"),
        ([ENTRY | {"bbox": [1, 2, -3, 4]}], "width and height not negative"),
        ([ENTRY | {"bbox": [1, 2, 3, -0.5]}], "width and height not negative"),
        ([ENTRY | {"bbox": [1e308, 2, 1e308, 4]}], "Expected finite numbers"),
    ],
)
def test_broken_files_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_columns(write(tmp_path, content), DATA)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.json: cannot be read: No such file"):
        read_columns(tmp_path / "nowhere.json", DATA)
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_columns(tmp_path, DATA)


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Iterator[Detections]:
        yield from detections([("12", 1, (0, 0, 1, 1), 0.5)]).values()
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_detections(tmp_path / "detections.json", failing(), DATA)
    assert list(tmp_path.iterdir()) == []


def test_images_are_written_as_they_come(tmp_path: Path) -> None:
    big = Detections("12", np.zeros((1000, 4)), np.zeros(1000), np.zeros(1000))
    with writing_detections(tmp_path / "detections.json", DATA) as writer:
        writer.write(big)
        (temporary,) = tmp_path.iterdir()
        assert temporary.stat().st_size > 10_000
    assert len(json.loads((tmp_path / "detections.json").read_text())) == 1000


def test_a_label_without_a_category_is_the_callers_bug(tmp_path: Path) -> None:
    made = detections([("12", 2, (0, 0, 1, 1), 0.5)]).values()
    with pytest.raises(ValueError, match=r"labels must be in 0..1"):
        write_detections(tmp_path / "detections.json", made, DATA)


def test_the_number_of_a_wrong_entry_is_that_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detect.storage.detections._ENTRIES_AT_ONCE", 2)
    path = write(tmp_path, [ENTRY] * 5 + [ENTRY | {"score": "high"}])
    with pytest.raises(DataError, match=r"entry 5 \(from 0\) has bbox"):
        read_columns(path, DATA)
    assert len(read_columns(write(tmp_path, [ENTRY] * 5), DATA)[0]) == 5


def test_text_that_is_no_json_is_said_before_entries_that_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not valid JSON: .*char 5"):
        read_columns(write(tmp_path, "[5, {]"), DATA)


def test_reading_takes_twice_the_memory_of_the_text_at_most(tmp_path: Path) -> None:
    """Every entry as Python objects took five times as much."""
    path = write(tmp_path, [ENTRY | {"bbox": [number / 3] * 4} for number in range(40_000)])
    tracemalloc.start()
    try:
        read_columns(path, DATA)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * path.stat().st_size
