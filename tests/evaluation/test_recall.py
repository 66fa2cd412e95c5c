"""Recall of proposals against hand-worked cases, a slow loop over Hosang's matching, and laws."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring import SIZE, dataset

from detect.errors import DataError
from detect.evaluation.proposal_overlaps import BUDGETS, THRESHOLDS
from detect.evaluation.recall import recall_report
from detect.structures import Dataset, Proposals

SQUARE = (0, 0, 100, 100)


def proposals(name: str, boxes: list[Any], sources: list[str] | None = None) -> Proposals:
    count = len(boxes)
    return Proposals(name, SIZE, boxes, np.arange(count, 0, -1), sources or ["a"] * count)


def strip(share: float) -> tuple[float, ...]:
    """Return a box whose IoU with SQUARE is `share`."""
    return (0, 0, 100, 100 * share)


def at(report: dict[str, Any], key: str, iou: str = "0.50", budget: str = "all") -> float:
    return float(report[key][budget][iou])


def test_hand_worked_case() -> None:
    data = dataset({"1": [(0, SQUARE)], "2": [(1, SQUARE), (1, (150, 0, 250, 100))]})
    made = [
        proposals("1", [strip(0.4)] * 10 + [strip(0.8)]),
        proposals("2", [strip(0.65), strip(0.7)]),
    ]
    report = recall_report(data, made)
    assert (report["images"], report["objects"], report["boxes_per_image"]) == (2, 3, 6.5)
    assert report["boxes"]["10"] == 6.0
    third = pytest.approx(1 / 3)
    assert at(report, "recall", "0.70", "10") == third
    assert at(report, "recall", "0.75", "10") == 0.0
    assert at(report, "recall", "0.70", "50") == pytest.approx(2 / 3)
    assert at(report, "coverage", "0.70", "10") == third
    assert at(report, "coverage", "0.70", "50") == pytest.approx(2 / 3)
    assert at(report, "recall", "0.80") == third
    assert at(report, "recall", "0.85") == 0.0
    # IoUs 0.8, 0.7 and none: 2 (0.3 + 0.2) / 3; COCO's grid has 7 and 5 of 10 below them.
    assert report["average_recall"]["all"]["hosang"] == pytest.approx(1 / 3)
    assert report["average_recall"]["all"]["coco"] == pytest.approx((7 + 5) / 30)
    assert report["average_recall"]["10"]["hosang"] == pytest.approx(2 * 0.2 / 3)
    assert set(report["per_class"]) == {"cat", "dog"}
    assert at(report["per_class"]["dog"], "recall", "0.70") == 0.5
    assert report["per_class"]["dog"]["objects"] == 2


@pytest.mark.parametrize("hundredths", range(50, 100, 5))
def test_an_iou_of_a_threshold_exactly_reaches_it(hundredths: int) -> None:
    made = [proposals("1", [strip(hundredths / 100)])]
    report = recall_report(dataset({"1": [(0, SQUARE)]}), made)
    reached = [f"{step / 100:.2f}" for step in range(50, 100, 5) if step <= hundredths]
    assert [iou for iou, share in report["recall"]["all"].items() if share == 1] == reached


def test_one_box_serves_one_object_but_covers_two() -> None:
    twins = dataset({"1": [(0, SQUARE), (1, SQUARE)]})
    report = recall_report(twins, [proposals("1", [SQUARE])])
    assert at(report, "recall") == 0.5
    assert at(report, "coverage") == 1.0
    assert report["average_recall"]["all"] == {"hosang": 0.5, "coco": 0.5}


def test_the_largest_iou_is_matched_first_even_at_a_loss() -> None:
    # Box 0 goes to the first object (0.9, with the second 0.67). Box 1 reaches 0.59 with the first
    # alone, so the second one gets nothing, though another matching would recall both.
    data = dataset({"1": [(0, (0, 0, 100, 100)), (0, (0, 0, 100, 60))]})
    report = recall_report(data, [proposals("1", [(0, 0, 100, 90), (0, 41, 100, 100)])])
    assert at(report, "recall", "0.90") == at(report, "recall", "0.55") == 0.5
    assert at(report, "coverage", "0.55") == 1.0


def test_difficult_objects_count_and_are_reported_without() -> None:
    # Without the difficult twin its rival gets the box.
    data = dataset({"1": [(0, SQUARE, "difficult"), (0, SQUARE)], "2": []})
    report = recall_report(data, [proposals("2", []), proposals("1", [SQUARE])])
    assert at(report, "recall") == 0.5
    assert at(report["without_difficult"], "recall") == 1.0
    assert (report["objects"], report["without_difficult"]["objects"]) == (2, 1)


def test_without_difficult_is_none_where_all_are() -> None:
    data = dataset({"1": [(0, SQUARE, "difficult")]})
    assert recall_report(data, [proposals("1", [SQUARE])])["without_difficult"] is None


def test_crowd_regions_are_no_objects() -> None:
    data = dataset({"1": [(0, SQUARE), (0, (100, 0, 300, 200), "crowd")]})
    report = recall_report(data, [proposals("1", [SQUARE])])
    assert (report["objects"], at(report, "recall")) == (1, 1.0)


def test_sizes_end_at_cocos_areas() -> None:
    boxes = [(0, 0, 31, 33), (0, 0, 32, 32), (0, 0, 95, 97), (0, 0, 96, 96)]
    data = dataset({"1": [(0, box) for box in boxes]})
    report = recall_report(data, [proposals("1", boxes[2:])])
    objects = {name: block["objects"] for name, block in report["per_size"].items()}
    assert objects == {"small": 1, "medium": 2, "large": 1}
    assert at(report["per_size"]["medium"], "recall") == 0.5


def test_sources_alone_and_by_no_other() -> None:
    data = dataset({"1": [(0, SQUARE)], "2": [(0, SQUARE)], "3": [(0, SQUARE)]})
    made = [
        proposals("1", [strip(0.9), strip(0.6)], ["search", "multibox"]),
        proposals("2", [strip(0.9)], ["search"]),
        proposals("3", [strip(0.3)], ["multibox"]),
    ]
    report = recall_report(data, made)["per_source"]
    assert list(report) == ["multibox", "search"]
    assert report["search"]["alone"]["0.50"] == pytest.approx(2 / 3)
    assert report["search"]["only"]["0.50"] == pytest.approx(1 / 3)
    assert report["search"]["only"]["0.70"] == pytest.approx(2 / 3)
    assert report["multibox"]["alone"]["0.50"] == pytest.approx(1 / 3)
    assert report["multibox"]["only"]["0.50"] == 0.0
    assert report["multibox"]["boxes_per_image"] == pytest.approx(2 / 3)


def test_only_leaves_out_what_any_of_several_others_covers() -> None:
    data = dataset({"1": [(0, SQUARE)], "2": [(0, SQUARE)]})
    made = [
        proposals("1", [strip(0.5), strip(0.5)], ["a", "b"]),  # an IoU of 0.5 covers
        proposals("2", [strip(0.9), strip(0.2)], ["a", "c"]),
    ]
    report = recall_report(data, made)["per_source"]
    alone = {name: entry["alone"]["0.50"] for name, entry in report.items()}
    only = {name: entry["only"]["0.50"] for name, entry in report.items()}
    assert alone == {"a": 1.0, "b": 0.5, "c": 0.0}
    assert only == {"a": 0.5, "b": 0.0, "c": 0.0}


def test_average_recall_of_perfect_boxes_is_one() -> None:
    data = dataset({"1": [(0, SQUARE), (1, (150, 0, 250, 100))]})
    made = [proposals("1", [SQUARE, (150, 0, 250, 100)])]
    assert recall_report(data, made)["average_recall"]["10"] == {"hosang": 1.0, "coco": 1.0}


def slow_matching(overlaps: Any) -> list[float]:
    """closest_candidates.m, greedy_matching_rowwise: n times the maximum of what is left."""
    left, matched = overlaps.copy(), [0.0] * len(overlaps)
    for _ in range(min(overlaps.shape)):
        row, column = np.unravel_index(np.argmax(left), left.shape)
        matched[row] = float(left[row, column])
        left[row, :] = left[:, column] = -np.inf
    return matched


def random_recall(seed: int) -> tuple[Dataset, list[Proposals]]:
    rng = np.random.default_rng(seed)
    objects, made = {}, []
    for name in "12":
        corners = rng.uniform(0, 40, (rng.integers(1, 6), 2))
        boxes = np.concatenate([corners, corners + rng.uniform(20, 60, corners.shape)], 1)
        objects[name] = [(0, tuple(box)) for box in boxes.tolist()]
        near = boxes[rng.integers(len(boxes), size=60)] + rng.normal(0, 6, (60, 4))
        made.append(proposals(name, near.tolist()))
    return dataset(objects), made


@pytest.mark.parametrize("seed", range(8))
def test_equal_to_a_slow_loop_over_hosangs_matching(seed: int) -> None:
    from detect.boxes import iou_matrix

    data, made = random_recall(seed)
    report = recall_report(data, made)
    for budget, count in (("10", 10), ("50", 50), ("all", 60)):
        matched = [
            overlap
            for sample, one in zip(data.samples, made, strict=True)
            for overlap in slow_matching(iou_matrix(sample.annotations.boxes, one.boxes[:count]))
        ]
        for threshold in THRESHOLDS:
            expected = np.mean(np.array(matched) >= threshold)
            assert at(report, "recall", f"{threshold:.2f}", budget) == pytest.approx(expected)
        # The integral by a fine grid of midpoints instead of the formula.
        grid = np.linspace(0.5, 1, 20_001)
        recall = np.mean(np.array(matched)[:, None] >= (grid[1:] + grid[:-1]) / 2, axis=0)
        hosang = report["average_recall"][budget]["hosang"]
        assert hosang == pytest.approx(recall.mean(), abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_more_boxes_and_lower_iou_never_recall_less(seed: int) -> None:
    report = recall_report(*random_recall(seed))
    names = [str(budget or "all") for budget in BUDGETS]
    ious = [f"{threshold:.2f}" for threshold in THRESHOLDS]
    for key in ("recall", "coverage"):
        table = np.array([[report[key][name][iou] for iou in ious] for name in names])
        assert (np.diff(table, axis=1) <= 0).all()
        assert (np.diff(table, axis=0) >= 0).all()
    for name in names:
        for iou in ious:
            assert report["recall"][name][iou] <= report["coverage"][name][iou]


def test_proposals_may_come_in_any_order_and_are_taken_one_at_a_time() -> None:
    data, made = random_recall(3)
    assert recall_report(data, iter(made[::-1])) == recall_report(data, made)


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        ([proposals("1", []), proposals("7", [])], "image '7' is not in it"),
        ([], "image '1' has no proposals"),
        ([proposals("1", []), proposals("1", [])], "image '1' comes twice"),
        (
            [replace(proposals("1", []), size=(10, 20))],
            r"'1' was made at \(10, 20\), the image is \(200, 300\) \(height, width\)",
        ),
    ],
)
def test_proposals_of_other_data_are_refused(made: list[Proposals], problem: str) -> None:
    data = dataset({"1": [(0, SQUARE)]})
    with pytest.raises(DataError, match=f"not made for split 'test' of set: {problem}"):
        recall_report(data, made)


def test_a_split_without_objects_is_refused() -> None:
    with pytest.raises(DataError, match="split 'test' has no objects to recall"):
        recall_report(dataset({"1": []}), [proposals("1", [])])


def test_class_mean_counts_each_class_once() -> None:
    data = dataset({"1": [(0, SQUARE), (1, SQUARE)], "2": [(1, SQUARE)], "3": [(1, SQUARE)]})
    made = [proposals("1", [SQUARE, SQUARE]), proposals("2", []), proposals("3", [])]
    mean = recall_report(data, made)["class_mean"]
    assert mean["classes"] == 2
    two_thirds = pytest.approx((1 + 1 / 3) / 2)
    assert at(mean, "recall") == at(mean, "coverage", "0.95", "10") == two_thirds
    assert mean["average_recall"]["10"]["hosang"] == two_thirds


def test_a_class_without_objects_is_no_part_of_the_mean() -> None:
    mean = recall_report(dataset({"1": [(1, SQUARE)]}), [proposals("1", [SQUARE])])["class_mean"]
    assert (mean["classes"], at(mean, "coverage")) == (1, 1.0)


def test_sources_of_each_class_and_size() -> None:
    small = (150, 0, 160, 10)
    data = dataset({"1": [(0, SQUARE), (1, small)]})
    made = [proposals("1", [SQUARE, small, SQUARE], ["search", "multibox", "multibox"])]
    report = recall_report(data, made)["per_source"]
    search, multibox = report["search"], report["multibox"]
    assert search["per_class"]["cat"]["alone"]["0.50"] == 1.0
    assert search["per_class"]["cat"]["only"]["0.50"] == 0.0
    assert search["per_class"]["dog"]["alone"]["0.50"] == 0.0
    assert multibox["per_class"]["dog"]["only"]["0.95"] == 1.0
    assert multibox["per_size"]["small"] == multibox["per_class"]["dog"]
    assert set(search["per_size"]) == {"small", "large"}


def test_curves_pass_through_the_tables_figures() -> None:
    data, made = random_recall(5)
    report = recall_report(data, [made[0], made[1].take(slice(0, 55))])
    curve = report["curves"]["by_boxes"]
    # Budgets up to 50 are below the fullest image's 60; then all, 57.5 on average.
    assert curve["boxes"][:9] == [1, 2, 3, 4, 5, 6, 8, 10, 13]
    assert curve["boxes"][-2:] == [50, 57.5]
    for place, budget in ((7, "10"), (-2, "50"), (-1, "all")):
        for iou in ("0.50", "0.70"):
            assert curve["recall"][iou][place] == at(report, "recall", iou, budget)
        assert curve["average_recall"][place] == report["average_recall"][budget]["hosang"]


def test_the_curve_over_iou_passes_through_the_tables_figures() -> None:
    report = recall_report(*random_recall(6))
    curve = report["curves"]["by_iou"]
    shares = dict(zip(curve["iou"], curve["recall"], strict=True))
    assert list(shares) == [round(0.5 + hundredths / 100, 2) for hundredths in range(51)]
    assert [shares[threshold] for threshold in THRESHOLDS] == list(report["recall"]["all"].values())
    perfect = recall_report(dataset({"1": [(0, SQUARE)]}), [proposals("1", [SQUARE])])
    assert perfect["curves"]["by_iou"]["recall"][-1] == 1.0


def test_curves_of_no_boxes_are_a_point_at_nothing() -> None:
    report = recall_report(dataset({"1": [(0, SQUARE)]}), [proposals("1", [])])
    assert report["curves"]["by_boxes"] == {
        "boxes": [0.0],
        "recall": {"0.50": [0.0], "0.70": [0.0]},
        "average_recall": [0.0],
    }
    assert report["per_source"] == {}
