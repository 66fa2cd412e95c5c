"""Greedy suppression, with torchvision as the judge."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision import ops

from detect.nms import nms, nms_per_class
from detect.structures import FloatArray, IntArray

# The first (100 x 1 px), others that overlap it by so many hundredths, one apart.
LINE: FloatArray = np.array(
    [[0, 0, 100, 1], [0, 0, 50, 1], [0, 0, 51, 1], [0, 0, 49, 1], [0, 9, 1, 10]], np.float32
)


def _random(seed: int, count: int, step: float) -> tuple[FloatArray, IntArray]:
    """Return boxes on a grid of `step` px, some of them equal or without area, and labels."""
    rng = np.random.default_rng(seed)
    corners = np.sort(np.round(rng.uniform(0, 60, (count, 2, 2)) / step) * step, axis=1)
    return corners.reshape(count, 4).astype(np.float32), rng.integers(0, 3, count)


@given(
    seed=st.integers(0, 10_000),
    count=st.sampled_from([0, 1, 30, 150]),
    step=st.sampled_from([0.001, 5.0]),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
def test_what_stays_is_torchvisions(seed: int, count: int, step: float, threshold: float) -> None:
    boxes, labels = _random(seed, count, step)
    # Ranks as scores: torchvision's order of equal scores is not promised.
    values = torch.from_numpy(boxes).double(), torch.arange(count, 0, -1).double()
    expected = ops.nms(*values, threshold).tolist()
    assert nms(boxes, threshold).tolist() == expected
    assert nms(boxes, threshold, 7).tolist() == expected[:7]
    judge = ops.batched_nms(*values, torch.from_numpy(labels), threshold)
    assert nms_per_class(boxes, labels, threshold).tolist() == sorted(judge.tolist())


def test_an_overlap_at_the_threshold_stays_and_a_box_that_went_suppresses_none() -> None:
    assert nms(LINE, 0.5).tolist() == [0, 1, 4]
    assert nms(LINE, 0.495).tolist() == [0, 3, 4]
    assert nms(LINE, 1.0).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("most", "kept"), [(0, []), (1, [0, 2]), (2, [0, 1, 2, 4])])
def test_every_class_is_by_itself_and_has_its_own_cap(most: int, kept: list[int]) -> None:
    labels = np.array([1, 1, 0, 1, 0])
    assert nms_per_class(LINE, labels, 0.5, most).tolist() == kept
