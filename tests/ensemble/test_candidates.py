"""The order that selection begins with."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detect.ensemble.candidates import best_first


@given(seed=st.integers(0, 1000), different=st.sampled_from([1, 2, 5, 1000]))
def test_boxes_come_by_score_then_label_then_corners(seed, different):
    rng = np.random.default_rng(seed)
    boxes = rng.integers(0, 3, (40, 4)).astype(np.float32)
    labels = rng.integers(0, 3, 40)
    scores = rng.integers(0, different, 40) / np.float32(different)
    found = best_first(boxes, labels, scores)
    rows = zip((-scores).tolist(), labels.tolist(), boxes.tolist(), strict=True)
    ordered = sorted((score, label, *box) for score, label, box in rows)
    columns = np.array(ordered)
    np.testing.assert_array_equal(found[2], -columns[:, 0])
    np.testing.assert_array_equal(found[1], columns[:, 1])
    np.testing.assert_array_equal(found[0], columns[:, 2:])
