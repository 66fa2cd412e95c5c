"""Foreign box files: coordinates, scores, and what is refused."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detect.errors import DataError
from detect.storage.exchange import (
    are_numbers,
    read_coco,
    read_npz,
    to_proposals,
    write_coco,
    write_npz,
)
from detect.structures import Proposals


def _proposals(image_id: str) -> Proposals:
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0, 50, (20, 4)).astype(np.float32)
    boxes[:, 2:] += boxes[:, :2]
    scores = np.sort(rng.random(20))[::-1]
    return Proposals(image_id, (120, 120), boxes, scores, np.full(20, "multibox"))


def _write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def _entry(**changes: Any) -> dict[str, Any]:
    return {"image_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5} | changes


def test_coco_round_trip_is_exact(tmp_path: Path) -> None:
    written = [_proposals("7"), _proposals("12")]
    write_coco(tmp_path / "b.json", written, integer_ids=True)
    entries = json.loads((tmp_path / "b.json").read_text())
    assert set(entries[0]) == {"image_id", "category_id", "bbox", "score", "source"}
    assert entries[0]["image_id"] == 7
    found = read_coco(tmp_path / "b.json")
    for one in written:
        read, dropped = to_proposals(one.image_id, one.size, found[one.image_id])
        assert dropped == 0
        np.testing.assert_array_equal(read.boxes, one.boxes)
        np.testing.assert_array_equal(read.scores, one.scores)
        assert read.sources.tolist() == one.sources.tolist()


def test_pycocotools_reads_what_we_write(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    write_coco(tmp_path / "b.json", [_proposals("7")], integer_ids=True)
    truth = coco.COCO()
    truth.dataset = {"images": [{"id": 7}], "annotations": [], "categories": [{"id": 1}]}
    truth.createIndex()
    results = truth.loadRes(str(tmp_path / "b.json"))
    x, y, width, height = results.anns[1]["bbox"]
    np.testing.assert_allclose([x, y, x + width, y + height], _proposals("7").boxes[0], rtol=1e-6)


def test_no_boxes_at_all_is_an_empty_list(tmp_path: Path) -> None:
    write_coco(tmp_path / "b.json", [], integer_ids=False)
    assert json.loads((tmp_path / "b.json").read_text()) == []


def test_npz_round_trip_is_exact_and_the_same_bytes(tmp_path: Path) -> None:
    written = [_proposals("folder/a"), _proposals("file")]
    write_npz(tmp_path / "a.npz", written)
    write_npz(tmp_path / "b.npz", written)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = dict(read_npz(tmp_path / "a.npz", "mine"))
    assert list(found) == ["folder/a", "file"]
    for one in written:
        read, _ = to_proposals(one.image_id, one.size, found[one.image_id])
        np.testing.assert_array_equal(read.boxes, one.boxes)
        np.testing.assert_array_equal(read.scores, one.scores)
        assert set(read.sources) == {"mine"}


def test_numpy_reads_what_we_write(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", [_proposals("a")])
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["a"][:, :4], _proposals("a").boxes)
        np.testing.assert_array_equal(arrays["a"][:, 4], _proposals("a").scores)


@pytest.mark.parametrize(
    ("coordinates", "values"),
    [
        ("xyxy", [10, 20, 30, 60]),
        ("xywh", [10, 20, 20, 40]),
        ("voc", [11, 21, 30, 60]),  # 1-based, the last pixel inclusive
        ("rcnn", [21, 11, 60, 30]),  # the same, y first
    ],
)
def test_coordinates_of_one_box_in_each_form(
    tmp_path: Path, coordinates: str, values: list[int]
) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([values], np.int32))
    ((_, found),) = read_npz(tmp_path / "a.npz", "s", coordinates)
    np.testing.assert_array_equal(found.boxes, [[10, 20, 30, 60]])


def test_without_scores_the_order_is_the_ranking(tmp_path: Path) -> None:
    boxes = np.array([[5, 5, 9, 9], [0, 0, 4, 4]], np.float64)
    np.savez(tmp_path / "a.npz", a=boxes)
    ((name, found),) = read_npz(tmp_path / "a.npz")
    proposals, _ = to_proposals(name, (20, 20), found)
    np.testing.assert_array_equal(proposals.boxes, boxes)
    np.testing.assert_array_equal(proposals.scores, [1, 0.5])
    assert set(proposals.sources) == {"imported"}


def test_boxes_are_cut_to_the_image_dropped_outside_and_ordered(tmp_path: Path) -> None:
    rows = [[-5, -5, 5, 5, 0.1], [30, 0, 40, 10, 0.9], [10, 10, 99, 99, 0.5], [3, 3, 3, 9, 0.7]]
    np.savez(tmp_path / "a.npz", a=np.array(rows))
    ((_, found),) = read_npz(tmp_path / "a.npz")
    proposals, dropped = to_proposals("a", (20, 30), found)
    assert dropped == 2
    np.testing.assert_array_equal(proposals.boxes, [[10, 10, 30, 20], [0, 0, 5, 5]])
    np.testing.assert_allclose(proposals.scores, [0.5, 0.1])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"annotations": []}, "expected COCO results, a list of objects .*, got dict"),
        ([3], "entry 0 has no image_id; expected image_id, bbox and score"),
        ([_entry(), {"image_id": 1, "bbox": [1, 2, 3, 4]}], "entry 1 has no score"),
        ([_entry(bbox=[1, 2, 3])], r"entry 0 \(image 7\): expected bbox \[x, y, width, height\]"),
        ([_entry(bbox=[1, 2, 3, None])], "entry 0 .*finite numbers, got .*None"),
        ([_entry(bbox=[1, 2, 3, float("nan")])], "entry 0 .*finite numbers, got .*nan"),
        ([_entry(bbox=[1, 2, 3, 10**400])], "entry 0 .*finite numbers"),
        ([_entry(score="high")], "entry 0 .*finite numbers, got .* and high"),
        ([_entry(score=True)], "entry 0 .*finite numbers"),
        ([_entry(bbox=[1, 2, -3, 4])], "entry 0 .*negative width or height"),
    ],
)
def test_coco_results_that_are_none(tmp_path: Path, value: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_coco(_write_json(tmp_path / "b.json", value))


def test_json_that_does_not_parse(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("[{")
    with pytest.raises(DataError, match=r"b\.json: not a readable JSON file \(Expecting"):
        read_coco(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((3, 6)), r"image a: expected numbers of shape \(N, 4\) or .*float64 \(3, 6\)"),
        (np.zeros(4), r"image a: .*got float64 \(4,\)"),
        (np.array([["a"] * 4]), r"image a: expected numbers .*got <U1 \(1, 4\)"),
        (np.array([[0, 0, 1, 1], [0, 0, np.inf, 1]]), "image a: box 1 is not finite: "),
        (np.array([[0, 0, 1, 1], [9, 0, 1, 1]]), "image a: box 1 is inside out when read as xyxy"),
        (np.array([[{}]], dtype=object), r"image a: expected numbers .*got object \(1, 1\)"),
    ],
)
def test_arrays_that_are_no_boxes(tmp_path: Path, array: np.ndarray, text: str) -> None:
    np.savez(tmp_path / "a.npz", a=array)
    with pytest.raises(DataError, match=text):
        list(read_npz(tmp_path / "a.npz"))


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((1, 4)))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    (tmp_path / "text.npz").write_text("boxes")
    write_npz(tmp_path / "cut.npz", [_proposals("a")])
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:100])
    for name in ("one.npz", "text.npz", "cut.npz"):
        with pytest.raises(DataError, match=f"{name}: not a readable npz file"):
            list(read_npz(tmp_path / name))


def test_ids_that_coco_writes_as_numbers() -> None:
    assert are_numbers(["7", "0", "123"])
    assert not are_numbers(["7", "007"])
    assert not are_numbers(["a"])
    assert not are_numbers(["-7"])


def test_reading_coco_takes_less_memory_than_the_text_has(tmp_path: Path) -> None:
    """Every entry as Python objects took eight times its text."""
    entries = [_entry(image_id=number % 50, bbox=[number / 3] * 4) for number in range(30_000)]
    path = _write_json(tmp_path / "b.json", entries)
    del entries
    tracemalloc.start()
    try:
        found = read_coco(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 50
    assert peak < path.stat().st_size


def test_boxes_of_an_image_are_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    entries = [
        _entry(image_id=name, bbox=[number, 0, 1, 1], score=number / 10, source=source)
        for number, (name, source) in enumerate(["bx", "ay", "by", "bx"])
    ]
    found = read_coco(_write_json(tmp_path / "b.json", entries))
    assert list(found) == ["b", "a"]
    np.testing.assert_array_equal(
        found["b"].boxes, [[0, 0, 1, 1], [2, 0, 3, 1], [3, 0, 4, 1]], strict=False
    )
    assert found["b"].scores.tolist() == [0, 0.2, 0.3]
    assert (found["b"].sources.tolist(), found["a"].sources.tolist()) == (["x", "y", "x"], ["y"])
    assert found.get("c") is None


def test_text_that_is_no_json_is_said_before_entries_that_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text('[{"image_id": 7}, {]')
    with pytest.raises(DataError, match=r"not a readable JSON file .*char 19"):
        read_coco(path)
