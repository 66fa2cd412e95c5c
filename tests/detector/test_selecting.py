"""Selection by torch is the host's: to the bit where nothing is summed, else to its last digits."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from detect.detector.selecting import DeviceSelection
from detect.ensemble import Combination

CPU = torch.device("cpu")
KINDS = [{"kind": "nms"}, {"kind": "soft-nms"}, {"kind": "soft-nms", "decay": "linear"}]
WAYS = [kind | {"vote": vote} for kind, vote in product(KINDS, ["off", 0.5])]


def _regions(seed, count, classes, networks=2, *, classwise=False, step=None):
    """Return boxes and scores, drawn by `seed`; on a raster of `step` px and 1/8, so many tie."""
    rng = np.random.default_rng(seed)
    shape = (count, classes, 2) if classwise else (count, 2)
    corners, sides = rng.uniform(0, 60, shape), rng.uniform(0, 40, shape)
    scores = rng.dirichlet(np.full(classes + 1, 0.5), (networks, count))
    if step is not None:
        corners, sides = np.round(corners / step) * step, np.round(sides / step) * step
        scores = np.round(scores * 8) / 8
    boxes = np.concatenate([corners, corners + sides], axis=-1)
    return boxes.astype(np.float32), scores.astype(np.float32)


def _same(found, expected, tolerance=0.0):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 40),
    classes=st.integers(1, 5),
    classwise=st.booleans(),
    step=st.sampled_from([None, 5.0, 20.0]),
    nms=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    per_class=st.sampled_from([1, 3, 100]),
    threshold=st.sampled_from([0.0, 0.01, 0.125, 0.6]),
)
def test_nms_leaves_the_same_boxes_to_the_bit(
    seed, count, classes, classwise, step, nms, per_class, threshold
):
    boxes, scores = _regions(seed, count, classes, classwise=classwise, step=step)
    how = Combination(nms=nms, per_class=per_class, threshold=threshold)
    _same(DeviceSelection(CPU, how)(boxes, scores), how.select(boxes, scores))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
@pytest.mark.parametrize("classwise", [False, True], ids=["one box", "classwise"])
@pytest.mark.parametrize(("per_class", "threshold"), [(4, 0.01), (100, 0.01), (100, 0.3)])
def test_soft_nms_and_votes_are_the_hosts_to_their_last_digits(
    way, classwise, per_class, threshold
):
    boxes, scores = _regions(0, 200, 3, classwise=classwise)
    how = Combination(**way, per_class=per_class, threshold=threshold)
    found, expected = DeviceSelection(CPU, how)(boxes, scores), how.select(boxes, scores)
    assert len(expected[0]) >= 3 * 4
    assert len({*expected[1].tolist()}) == 3
    _same(found, expected, tolerance=1e-6)


def test_votes_are_cut_into_parts_where_pairs_are_many(monkeypatch):
    boxes, scores = _regions(1, 60, 5)
    how = Combination(vote=0.4)
    whole = DeviceSelection(CPU, how)(boxes, scores)
    monkeypatch.setattr("detect.detector.selecting._PAIRS", 1)
    _same(DeviceSelection(CPU, how)(boxes, scores), whole)


def test_scores_of_svms_may_be_below_zero():
    boxes, scores = _regions(2, 60, 3)
    how = Combination(threshold=-2.0)
    _same(DeviceSelection(CPU, how)(boxes, scores - 1), how.select(boxes, scores - 1))
    assert how.select(boxes, scores - 1)[2].min() < 0


@pytest.mark.parametrize("decay", ["gaussian", "linear"])
def test_what_is_below_the_threshold_stays_below_it(decay):
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    scores = np.array([[[0.9, 0], [-3, 0], [-0.5, 0]]], np.float32)
    how = Combination("soft-nms", decay=decay, threshold=-1.0)
    _same(DeviceSelection(CPU, how)(boxes, scores), how.select(boxes, scores), tolerance=1e-12)


@pytest.mark.parametrize("threshold", [-1e39, 0.99])
def test_all_and_nothing_may_be_above_the_threshold(threshold):
    boxes, scores = _regions(8, 20, 2)
    scores[:] = scores.clip(max=0.9)
    how = Combination(threshold=threshold, vote=0.5)
    with np.errstate(over="ignore"):
        found = DeviceSelection(CPU, how)(boxes, scores)
        _same(found, how.select(boxes, scores), tolerance=1e-6)
    assert (len(found[0]) > 0) == (threshold < 0)


def test_boxes_are_compared_as_float32():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 3.0000000001]])
    scores = np.array([[[0.9, 0.1], [0.8, 0.2]]])
    assert len(DeviceSelection(CPU, Combination())(boxes, scores)[0]) == 2
    assert len(Combination().select(boxes, scores)[0]) == 2


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
def test_equal_scores_go_by_coordinates_whatever_their_order(way):
    boxes, scores = _regions(3, 30, 2, step=10.0)
    select = DeviceSelection(CPU, Combination(**way))
    turned = np.random.default_rng(4).permutation(len(boxes))
    _same(select(boxes[turned], scores[:, turned]), select(boxes, scores), tolerance=1e-6)


def test_equal_scores_go_by_x1_y1_x2_y2():
    boxes = np.array([[0, 0, 9, 5], [0, 0, 5, 9], [0, 1, 5, 9], [1, 0, 5, 5]], np.float32)
    scores = np.full((1, 4, 2), 0.5, np.float32)
    found = DeviceSelection(CPU, Combination(nms=1.0))(boxes, scores)[0]
    np.testing.assert_array_equal(found, boxes[[1, 0, 2, 3]])
    left = DeviceSelection(CPU, Combination(nms=0.2))(boxes, scores)[0]
    np.testing.assert_array_equal(left, boxes[[1]])


def test_wbf_and_no_classes_are_the_hosts():
    boxes, scores = _regions(5, 30, 2)
    how = Combination("wbf")
    _same(DeviceSelection(CPU, how)(boxes, scores), how.select(boxes, scores))
    none = DeviceSelection(CPU, Combination())(boxes, scores[:, :, -1:])
    assert [len(part) for part in none] == [0, 0, 0]


def test_other_shapes_are_a_callers_mistake():
    boxes, scores = _regions(6, 30, 2)
    with pytest.raises(ValueError, match="expected boxes"):
        DeviceSelection(CPU, Combination())(boxes[:7], scores)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
def test_a_gpu_selects_what_the_host_does(way):
    boxes, scores = _regions(7, 800, 5, classwise=True)
    how = Combination(**way)
    found = DeviceSelection(torch.device("cuda:0"), how)(boxes, scores)
    _same(found, how.select(boxes, scores), tolerance=1e-5)
