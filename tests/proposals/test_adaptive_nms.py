"""Suppression that tightens: by hand, against torchvision, and its law."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import nms

from detect.boxes import iou_matrix
from detect.proposals import adaptive_nms as module
from detect.proposals.adaptive_nms import DECAY, FIRST_IOU, LAST_IOU, adaptive_nms
from detect.structures import FloatArray


def _random(seed: int, count: int) -> FloatArray:
    corners = np.sort(np.random.default_rng(seed).random((count, 2, 2)), axis=1) * 20
    return corners.reshape(count, 4).astype(np.float32)


def test_the_threshold_falls_with_every_box_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DECAY", 0.9)
    # their overlaps with the first box
    boxes = np.array([[0, 0, 100, 1], [0, 0, 85, 1], [0, 0, 80, 1], [0, 0, 75, 1]], np.float32)
    # 0.9 * 0.9 = 0.81 after the first: the second goes, the third stays; 0.729 then
    assert adaptive_nms(boxes, 10).tolist() == [0, 2]
    assert adaptive_nms(boxes, 1).tolist() == [0]


# The first box (100 x 1 px) and others that overlap it by so many hundredths.
FIRST = [0, 0, 100, 1]


def overlapping(*hundredths: int) -> list[list[float]]:
    return [[0, 0, share, 1] for share in hundredths]


def apart(count: int) -> list[list[float]]:
    """Return `count` boxes that overlap nothing."""
    return [[0, 10 * place, 1, 10 * place + 1] for place in range(1, count + 1)]


@pytest.mark.parametrize(
    ("between", "dropped", "kept"),
    [
        (0, 90, 89),  # 0.9 * 0.9996 = 0.89964 after the first box
        (999, 61, 60),  # 0.9 * 0.9996^1000 = 0.60325
        (1468, 51, 50),  # 0.9 * 0.9996^1469 = 0.50004, not yet the last: 0.49984 after this one
        (1600, 50, 49),  # and it stays; 0.9 * 0.9996^1601 is 0.474
    ],
)
def test_edge_boxes_thresholds_by_hand(between: int, dropped: int, kept: int) -> None:
    """Beta 0.9, eta 0.9996 and the last threshold 0.5 of Edge Boxes: edgeBoxes.m and its Mex."""
    boxes = np.array([FIRST, *apart(between), *overlapping(dropped, kept)], np.float32)
    assert adaptive_nms(boxes, 10_000).tolist() == [*range(between + 1), between + 2]


def test_an_overlap_at_the_threshold_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DECAY", 1.0)
    assert adaptive_nms(np.array([FIRST, *overlapping(91, 90)], np.float32), 5).tolist() == [0, 2]


def test_a_threshold_that_stays_is_ordinary_suppression(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DECAY", 1.0)
    monkeypatch.setattr(module, "FIRST_IOU", 0.3)
    boxes = _random(0, 300)
    ranks = torch.arange(300, 0, -1, dtype=torch.float64)
    expected = nms(torch.from_numpy(boxes.astype(np.float64)), ranks, 0.3)
    assert 20 < len(expected) < 280
    assert adaptive_nms(boxes, 300).tolist() == expected.tolist()


def test_no_boxes() -> None:
    assert adaptive_nms(np.zeros((0, 4), np.float32), 5).tolist() == []
    assert adaptive_nms(_random(0, 3), 0).tolist() == []


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 60))
def test_every_box_meets_the_threshold_of_its_turn(seed: int, count: int, limit: int) -> None:
    boxes = _random(seed, count)
    kept = adaptive_nms(boxes, limit)
    assert len(kept) <= limit
    threshold, chosen = FIRST_IOU, []
    for place in range(count):
        if len(chosen) == limit:
            break
        if all(iou_matrix(boxes[[place]], boxes[[one]])[0, 0] <= threshold for one in chosen):
            chosen.append(place)
            threshold *= DECAY if threshold > LAST_IOU else 1
    assert kept.tolist() == chosen
