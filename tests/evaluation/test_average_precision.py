"""AP against hand-worked cases, slow loops over the devkits' rules, and laws."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring import (
    Found,
    dataset,
    detections,
    random_case,
    slow_area,
    slow_eleven_points,
    slow_ilsvrc,
    slow_voc,
    with_integer_ids,
)

from detect.errors import DataError
from detect.evaluation.average_precision import evaluate
from detect.evaluation.flat import FlatDetections
from detect.evaluation.protocols import PROTOCOLS
from detect.structures import Dataset

OURS = PROTOCOLS[:3]
TALL, LOWER, BETWEEN = (0, 0, 100, 100), (0, 20, 100, 120), (0, 5, 100, 105)


def flat(data: Dataset, found: list[Found]) -> FlatDetections:
    """Return `found` in its own order, images mixed as they are."""
    places = {sample.image_id: place for place, sample in enumerate(data.samples)}
    return FlatDetections(
        np.array([places[one[0]] for one in found], np.int64),
        np.array([one[1] for one in found], np.int64),
        np.array([one[2] for one in found], np.float64).reshape(-1, 4),
        np.array([one[3] for one in found], np.float64),
    )


def ap(
    data: Dataset, found: list[Found], protocol: str, name: str = "cat", **more: object
) -> float:
    scores = evaluate(data, flat(data, found), protocol, **more)  # type: ignore[arg-type]
    return float(scores[protocol]["per_class"][name]["ap"])


def test_hand_worked_case_with_a_duplicate_and_an_iou_of_exactly_one_half() -> None:
    data = dataset({"1": [(0, (0, 0, 10, 10))], "2": [(0, (0, 0, 20, 20))]})
    found = [
        ("1", 0, (0, 0, 10, 10), 0.9),
        ("1", 0, (0, 0, 10, 10), 0.8),
        ("2", 0, (0, 0, 20, 10), 0.7),
    ]
    # Precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
    assert ap(data, found, "voc2012") == pytest.approx(5 / 6, abs=1e-15)
    assert ap(data, found, "voc2007") == pytest.approx((6 + 5 * 2 / 3) / 11, abs=1e-15)
    assert ap(data, found, "ilsvrc") == pytest.approx(5 / 6, abs=1e-15)
    # COCO: 51 of the 101 recall points at 1, the others at 2/3.
    assert ap(data, found, "coco") == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)


def test_iou_option_moves_the_threshold_of_every_protocol() -> None:
    data = dataset({"1": [(0, (0, 0, 100, 100))]})
    found = [("1", 0, (0, 0, 100, 62), 0.9)]
    for protocol in PROTOCOLS:
        assert ap(data, found, protocol, iou=0.62) == pytest.approx(1)
        assert ap(data, found, protocol, iou=0.63) == 0


def test_a_second_detection_takes_the_second_best_object_only_in_ilsvrc() -> None:
    data = dataset({"1": [(0, TALL), (0, LOWER)]})
    found = [("1", 0, TALL, 0.9), ("1", 0, BETWEEN, 0.8)]
    assert ap(data, found, "voc2012") == 0.5
    assert ap(data, found, "ilsvrc") == 1.0


def test_ilsvrc_asks_less_of_small_objects() -> None:
    # 10 x 10: 100 / 400 = 0.25.
    data = dataset({"1": [(0, (0, 0, 10, 10))]})
    assert ap(data, [("1", 0, (0, 0, 10, 2.5), 0.9)], "ilsvrc") == 1.0
    assert ap(data, [("1", 0, (0, 0, 10, 2.4), 0.9)], "ilsvrc") == 0.0
    assert ap(data, [("1", 0, (0, 0, 10, 2.5), 0.9)], "voc2012") == 0.0


def test_on_equal_iou_the_first_object_wins() -> None:
    left, right = (0, 0, 60, 100), (40, 0, 100, 100)
    between, found = (20, 0, 80, 100), []
    found = [("1", 0, between, 0.9), ("1", 0, right, 0.8)]
    assert ap(dataset({"1": [(0, left), (0, right)]}), found, "voc2012") == 1.0
    assert ap(dataset({"1": [(0, right), (0, left)]}), found, "voc2012") == 0.5
    assert ap(dataset({"1": [(0, left), (0, right)]}), found, "ilsvrc") == 1.0
    # `right` is gone; ILSVRC tries what is left, of which `left` has an IoU of 20/100.
    assert ap(dataset({"1": [(0, right), (0, left)]}), found, "ilsvrc") == 0.5


def test_difficult_objects_are_neither_in_voc_and_count_in_ilsvrc() -> None:
    data = dataset({"1": [(0, TALL, "difficult"), (0, LOWER)]})
    # BETWEEN fits the difficult object best, so VOC ignores it, at the head of the ranking too.
    found = [("1", 0, BETWEEN, 0.9), ("1", 0, TALL, 0.85), ("1", 0, LOWER, 0.8)]
    voc = evaluate(data, flat(data, found), "voc2012")["voc2012"]
    assert voc["per_class"]["cat"] == {"ap": 1.0, "positives": 1, "detections": 3}
    ilsvrc = evaluate(data, flat(data, found), "ilsvrc")["ilsvrc"]["per_class"]["cat"]
    assert ilsvrc["positives"] == 2
    # BETWEEN takes TALL, TALL (IoU 80/120 with LOWER) takes LOWER, LOWER has none left.
    assert ilsvrc["ap"] == 1.0


@pytest.mark.parametrize("protocol", OURS)
def test_crowd_regions_are_neither_positives_nor_negatives(protocol: str) -> None:
    data = dataset({"1": [(0, TALL), (0, (100, 0, 300, 200), "crowd")]})
    inside = [("1", 0, (110, 10, 150, 50), 0.9), ("1", 0, (160, 10, 190, 50), 0.8)]
    scores = evaluate(data, flat(data, [*inside, ("1", 0, TALL, 0.5)]), protocol)[protocol]
    assert scores["per_class"]["cat"] == {"ap": 1.0, "positives": 1, "detections": 3}
    half_outside = ("1", 0, (80, 10, 118, 50), 0.9)
    assert ap(data, [half_outside, ("1", 0, TALL, 0.5)], protocol) == pytest.approx(0.5, abs=0.05)
    other_class = ("1", 1, (110, 10, 150, 50), 0.9)
    assert ap(data, [other_class, ("1", 0, TALL, 0.5)], protocol) == 1.0


@pytest.mark.parametrize("protocol", OURS[1:])
def test_a_right_detection_inside_a_crowd_region_counts(protocol: str) -> None:
    data = dataset({"1": [(0, TALL), (0, (0, 0, 300, 200), "crowd")], "2": [(0, TALL)]})
    found = [("1", 0, TALL, 0.9), ("2", 0, (200, 0, 300, 100), 0.8), ("2", 0, TALL, 0.7)]
    # Right, wrong, right of 2: 1/2 * 1 + 1/2 * 2/3.
    assert ap(data, found, protocol) == pytest.approx(5 / 6)


def test_ilsvrc_takes_the_object_of_the_largest_iou() -> None:
    data = dataset({"1": [(0, TALL), (0, LOWER)]})
    # BETWEEN reaches both, 95/105 and 85/115; the next LOWER alone, 80/120 (TALL: 60/140).
    found = [("1", 0, BETWEEN, 0.9), ("1", 0, (0, 40, 100, 140), 0.8)]
    assert ap(data, found, "ilsvrc") == 1.0


def test_voc_2007_asks_for_a_little_more_than_a_recall_of_three_fifths() -> None:
    """3 of 5 is below 6 * 0.1 in binary, so that the points 0 to 0.5 are 1: 6 of 11."""
    data = dataset({str(number): [(0, TALL)] for number in range(5)})
    found = [(str(number), 0, TALL, 0.9) for number in range(3)]
    assert ap(data, found, "voc2007") == pytest.approx(6 / 11)
    # With a wrong one at the head precision is 0, 1/2, 2/3, 3/4: at all six points the last.
    behind = [("3", 0, (200, 0, 300, 100), 0.95), *found]
    assert ap(data, behind, "voc2007") == pytest.approx(6 * 3 / 4 / 11)
    assert ap(data, behind, "voc2012") == pytest.approx(3 / 5 * 3 / 4)


def test_equal_scores_go_by_file_order_in_voc_and_by_image_in_ilsvrc_and_coco() -> None:
    data = dataset({"10": [], "9": [(0, TALL)]})
    found = [("9", 0, TALL, 0.5), ("10", 0, TALL, 0.5)]
    assert ap(data, found, "voc2012") == 1.0
    assert ap(data, found[::-1], "voc2012") == 0.5
    # "10" comes first in the split's list; where ids are numbers, 9 does.
    for protocol in ("ilsvrc", "coco"):
        by_list = [ap(data, order, protocol) for order in (found, found[::-1])]
        assert by_list == pytest.approx([0.5, 0.5])
        by_number = [ap(with_integer_ids(data), order, protocol) for order in (found, found[::-1])]
        assert by_number == pytest.approx([1.0, 1.0])


def test_boxes_that_leave_the_image_or_have_no_area_count_as_they_are() -> None:
    data = dataset({"1": [(0, (0, 0, 100, 100))]})
    assert ap(data, [("1", 0, (-100, 0, 100, 100), 0.9)], "voc2012") == 1.0
    assert ap(data, [("1", 0, (-101, 0, 100, 100), 0.9)], "voc2012") == 0.0
    empty = [("1", 0, (5, 5, 5, 5), 0.9), ("1", 0, TALL, 0.8)]
    for protocol in OURS:
        assert ap(data, empty, protocol) == pytest.approx(0.5, abs=0.05)


def test_blacklisted_pairs_are_left_out_in_ilsvrc_only() -> None:
    data = dataset({"1": [(0, TALL), (1, TALL)], "2": [(0, TALL)]})
    found = [("1", 0, LOWER, 0.9), ("2", 0, TALL, 0.8), ("1", 1, TALL, 0.7)]
    banned = [("1", 0)]
    scores = evaluate(data, flat(data, found), "all", blacklist=banned)
    assert scores["ilsvrc"]["per_class"]["cat"] == {"ap": 1.0, "positives": 1, "detections": 2}
    assert scores["ilsvrc"]["per_class"]["dog"]["ap"] == 1.0
    assert scores["voc2012"]["per_class"]["cat"]["positives"] == 2


def test_classes_without_objects_are_skipped_by_name_and_not_averaged() -> None:
    data = dataset({"1": [(1, TALL), (0, LOWER, "difficult")]}, ("cat", "dog", "eel"))
    found = [("1", 1, TALL, 0.9), ("1", 2, TALL, 0.8)]
    scores = evaluate(data, flat(data, found), "all")
    assert scores["voc2012"]["map"] == 1.0
    assert scores["voc2012"]["skipped"] == ["cat", "eel"]
    assert scores["ilsvrc"]["map"] == 0.5
    assert scores["ilsvrc"]["skipped"] == scores["coco"]["skipped"] == ["eel"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_detections_score_zero(protocol: str) -> None:
    data = dataset({"1": [(0, TALL)]})
    assert evaluate(data, {}, protocol)[protocol]["map"] == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_equal_to_a_slow_loop_over_the_devkits_rules(seed: int) -> None:
    data, found = random_case(seed)
    scores = evaluate(data, flat(data, found), "all")
    for label, name in enumerate(data.classes):
        outcome, positives = slow_voc(data, found, label)
        if not positives:
            assert name in scores["voc2012"]["skipped"]
            continue
        voc12 = scores["voc2012"]["per_class"][name]
        assert voc12["positives"] == positives
        assert voc12["ap"] == pytest.approx(slow_area(outcome, positives), abs=1e-12)
        voc07 = scores["voc2007"]["per_class"][name]["ap"]
        assert voc07 == pytest.approx(slow_eleven_points(outcome, positives), abs=1e-12)
        outcome, positives = slow_ilsvrc(data, found, label)
        ilsvrc = scores["ilsvrc"]["per_class"][name]
        assert ilsvrc["positives"] == positives
        assert ilsvrc["ap"] == pytest.approx(slow_area(outcome, positives), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_file_order_does_not_matter_where_scores_differ(seed: int, order: object) -> None:
    data, found = random_case(seed, whole=False)
    shuffled = list(found)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert evaluate(data, flat(data, found), "all") == evaluate(data, flat(data, shuffled), "all")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), label=st.integers(0, 2))
def test_a_false_positive_at_the_end_changes_nothing(seed: int, label: int) -> None:
    data, found = random_case(seed)
    worse = [*found, (data.samples[0].image_id, label, (200.0, 150.0, 220.0, 170.0), -1.0)]
    before, after = (evaluate(data, flat(data, one), "all") for one in (found, worse))
    for protocol in PROTOCOLS:
        assert after[protocol]["map"] == before[protocol]["map"]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), label=st.integers(0, 2))
def test_a_false_positive_at_the_head_never_helps(seed: int, label: int) -> None:
    data, found = random_case(seed)
    worse = [(data.samples[0].image_id, label, (200.0, 150.0, 220.0, 170.0), 2.0), *found]
    before, after = (evaluate(data, flat(data, one), "all") for one in (found, worse))
    for protocol in PROTOCOLS:
        assert after[protocol]["map"] <= before[protocol]["map"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", range(3))
def test_perfect_detections_score_one(protocol: str, seed: int) -> None:
    data, _ = random_case(seed)
    found = [
        (sample.image_id, label, tuple(box), 0.5)
        for sample in data.samples
        for box, label in zip(
            sample.annotations.boxes.tolist(), sample.annotations.labels.tolist(), strict=True
        )
    ]
    assert evaluate(data, detections(found), protocol)[protocol]["map"] == pytest.approx(1)


def test_mapping_by_image_scores_as_the_flat_table() -> None:
    data, found = random_case(5, whole=False)
    assert evaluate(data, detections(found), "all") == evaluate(data, flat(data, found), "all")


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    data, found = random_case(6)
    whole = evaluate(data, flat(data, found), "all")
    monkeypatch.setattr("detect.evaluation.flat._PAIRS_AT_ONCE", 3)
    assert evaluate(data, flat(data, found), "all") == whole


def traced_peak(call: Callable[[], object]) -> int:
    """Return the bytes held by `call` at most."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("protocol", ["voc2012", "ilsvrc"])
def test_memory_does_not_grow_with_the_pairs_compared(protocol: str) -> None:
    """Two million pairs, whose overlaps alone would take 16 MB and their boxes 128 MB."""
    apart = [(10 * number, 0, 10 * number + 5, 5) for number in range(1000)]
    data = dataset({"1": [(0, box) for box in apart]})
    found = flat(data, [("1", 0, box, 0.5) for box in apart * 2])
    assert traced_peak(lambda: evaluate(data, found, protocol)) < 60e6


def test_coco_holds_what_pycocotools_needs_of_one_class() -> None:
    peaks = []
    for classes in (1, 2):
        names = tuple(f"class {label}" for label in range(classes))
        data = dataset({str(image): [(0, TALL), (classes - 1, TALL)] for image in range(40)})
        data = replace(data, classes=names, category_ids=tuple(range(1, classes + 1)))
        rows = [(str(i), n % classes, TALL, n / 50) for i in range(40) for n in range(50)]
        found = flat(data, rows)
        peaks.append(traced_peak(partial(evaluate, data, found, "coco")))
    assert peaks[1] < 0.7 * peaks[0]


def test_what_cannot_be_scored_is_refused() -> None:
    data = dataset({"1": [(0, TALL, "difficult")]})
    with pytest.raises(DataError, match=r"split 'test' has no object that counts by voc2012"):
        evaluate(data, {})
    with pytest.raises(DataError, match=r"image '7', which is not in split 'test' of set \(1 im"):
        evaluate(data, detections([("7", 0, TALL, 0.5)]))
    with pytest.raises(ValueError, match=r"labels must be in 0..1"):
        evaluate(data, detections([("1", 2, TALL, 0.5)]))
    with pytest.raises(ValueError, match="expected voc2007, voc2012, ilsvrc, coco or all"):
        evaluate(data, {}, "voc2010")
    bare = Dataset(data.root, "folder", "", ("cat",), (1,), data.samples, annotated=False)
    with pytest.raises(DataError, match="no annotations to score against"):
        evaluate(bare, {})
