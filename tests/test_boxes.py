"""Laws of the box geometry, with torchvision and pycocotools as judges."""

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask

from detect import boxes as geometry

EMPTY = np.zeros((0, 4), np.float32)
# Whole and half pixels, so that float32 arithmetic is exact and laws hold to the bit.
COORDINATES = st.integers(-100, 1000).map(lambda value: value / 2)


@st.composite
def some_boxes(draw: st.DrawFn) -> NDArray[np.float32]:
    count = draw(st.integers(0, 6))
    corners = draw(arrays(np.float64, (count, 2, 2), elements=COORDINATES))
    return np.sort(corners, axis=1).reshape(count, 4).astype(np.float32)


@given(some_boxes(), some_boxes())
def test_iou_is_torchvisions_where_a_box_has_area(first, second) -> None:
    ours = geometry.iou_matrix(first, second)
    judge = torchvision.ops.box_iou(torch.tensor(first).double(), torch.tensor(second).double())
    assert ours.shape == (len(first), len(second))
    np.testing.assert_allclose(ours, np.nan_to_num(judge.numpy()), atol=1e-12)


@given(some_boxes(), some_boxes())
def test_iou_is_symmetric_and_between_0_and_1(first, second) -> None:
    ours = geometry.iou_matrix(first, second)
    np.testing.assert_array_equal(ours, geometry.iou_matrix(second, first).T)
    assert ((ours >= 0) & (ours <= 1)).all()


@given(some_boxes())
def test_a_box_with_area_overlaps_itself_fully_and_one_without_not_at_all(found) -> None:
    own = np.diag(geometry.iou_matrix(found, found))
    np.testing.assert_array_equal(own, geometry.areas(found) > 0)


@given(some_boxes(), some_boxes())
def test_coverage_is_pycocotools_overlap_with_a_crowd(first, second) -> None:
    if not len(first) or not len(second):
        return
    xywh = [geometry.xyxy_to_xywh(b.astype(np.float64)) for b in (first, second)]
    judge = np.asarray(mask.iou(*xywh, [1] * len(second)))
    sized = geometry.areas(first) > 0
    np.testing.assert_allclose(geometry.coverage_matrix(first, second)[sized], judge[sized])


def test_values_by_hand() -> None:
    """The first two share a quarter: 1 / (4 + 4 - 1) and 1 / 4; others touch, lie apart, cover."""
    first = np.array([[0, 0, 2, 2]], np.float32)
    second = np.array(
        [[1, 1, 3, 3], [2, 0, 4, 2], [5, 5, 6, 6], [0, 0, 2, 2], [0, 0, 4, 4]], np.float32
    )
    assert geometry.iou_matrix(first, second).tolist() == [[1 / 7, 0, 0, 1, 1 / 4]]
    assert geometry.coverage_matrix(first, second).tolist() == [[1 / 4, 0, 0, 1, 1]]
    assert geometry.areas(second).tolist() == [4, 4, 1, 4, 16]


def test_changes_of_boxes_by_hand() -> None:
    found = np.array([[-3, 2, 50, 60], [1, 2, 4, 7], [1, -9, 4, 7]], np.float32)
    expected = [[0, 2, 30, 20], [1, 2, 4, 7], [1, 0, 4, 7]]
    assert geometry.clip(found, (20, 30)).tolist() == expected
    assert geometry.mirror(found, 30).tolist() == [
        [-20, 2, 33, 60],
        [26, 2, 29, 7],
        [26, -9, 29, 7],
    ]
    sized = geometry.xyxy_to_xywh(found)
    assert sized.tolist() == [[-3, 2, 53, 58], [1, 2, 3, 5], [1, -9, 3, 16]]
    assert geometry.xywh_to_xyxy(sized).tolist() == found.tolist()
    assert geometry.canonical_order(found).tolist() == [0, 2, 1]


def test_inclusive_corners_plus_one_are_plain_half_open_boxes() -> None:
    """VOC's devkit counts pixels (xmax - xmin + 1); ours is the same after the reader's shift."""
    rng = np.random.default_rng(0)
    low, sides = rng.integers(1, 50, (2, 60, 2)), rng.integers(0, 40, (2, 60, 2))
    a, b = (np.concatenate([low[i], low[i] + sides[i]], axis=1) for i in (0, 1))
    shared = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + 1
    overlap = np.prod(np.maximum(shared, 0), axis=1)
    union = np.prod(sides[0] + 1, axis=1) + np.prod(sides[1] + 1, axis=1) - overlap
    ours = geometry.iou_matrix(a - [1, 1, 0, 0], b - [1, 1, 0, 0])
    np.testing.assert_array_equal(np.diag(ours), overlap / union)


def test_a_box_turned_inside_out_has_no_area() -> None:
    assert geometry.areas(np.array([[5, 0, 1, 4], [5, 4, 1, 0]], np.float32)).tolist() == [0, 0]


def test_areas_keep_double_precision() -> None:
    box = np.array([[0, 0, 5001, 5003]], np.float32)
    assert geometry.areas(box).tolist() == [5001 * 5003]


@given(some_boxes())
def test_xywh_goes_there_and_back(found) -> None:
    np.testing.assert_array_equal(geometry.xywh_to_xyxy(geometry.xyxy_to_xywh(found)), found)


@given(some_boxes(), st.integers(1, 500))
def test_mirroring_twice_changes_nothing(found, width: int) -> None:
    mirrored = geometry.mirror(found, width)
    np.testing.assert_array_equal(geometry.mirror(mirrored, width), found)
    np.testing.assert_array_equal(geometry.areas(mirrored), geometry.areas(found))


def test_mirroring_moves_boxes_as_flipping_moves_pixels() -> None:
    image = np.zeros((6, 9), bool)
    image[1:3, 2:6] = True
    x1, y1, x2, y2 = geometry.mirror(np.array([[2, 1, 6, 3]], np.float32), 9)[0].astype(int)
    assert image[:, ::-1][y1:y2, x1:x2].all()
    assert (x2 - x1) * (y2 - y1) == image.sum()


@given(some_boxes(), st.integers(1, 300), st.integers(1, 300))
def test_clipped_boxes_lie_inside_and_clipping_again_changes_nothing(
    found, height: int, width: int
) -> None:
    clipped = geometry.clip(found, (height, width))
    whole = np.array([[0, 0, width, height]], np.float32)
    assert (clipped >= 0).all()
    assert (clipped <= [width, height, width, height]).all()
    np.testing.assert_array_equal(geometry.clip(clipped, (height, width)), clipped)
    shared = geometry.coverage_matrix(found, whole)[:, 0] * geometry.areas(found)
    np.testing.assert_allclose(geometry.areas(clipped), shared)


@given(some_boxes(), st.randoms(use_true_random=False))
def test_canonical_order_forgets_the_order_given(found, random) -> None:
    shuffled = found[random.sample(range(len(found)), len(found))]
    ordered = found[geometry.canonical_order(found)]
    np.testing.assert_array_equal(shuffled[geometry.canonical_order(shuffled)], ordered)
    assert ordered.tolist() == sorted(found.tolist())


FUNCTIONS = {
    "areas": geometry.areas,
    "iou_matrix": lambda b: geometry.iou_matrix(b, b),
    "coverage_matrix": lambda b: geometry.coverage_matrix(b, b),
    "clip": lambda b: geometry.clip(b, (5, 5)),
    "mirror": lambda b: geometry.mirror(b, 9),
    "xywh_to_xyxy": geometry.xywh_to_xyxy,
    "xyxy_to_xywh": geometry.xyxy_to_xywh,
    "canonical_order": geometry.canonical_order,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_changes_its_argument_or_minds_no_boxes(name: str) -> None:
    given_boxes = np.array([[3, 1, 8, 9], [-2, 0, 4, 30]], np.float32)
    kept = given_boxes.copy()
    given_boxes.setflags(write=False)
    assert len(FUNCTIONS[name](given_boxes)) == 2
    np.testing.assert_array_equal(given_boxes, kept)
    assert len(FUNCTIONS[name](EMPTY)) == 0


@pytest.mark.parametrize("name", ["clip", "mirror", "xywh_to_xyxy", "xyxy_to_xywh"])
def test_boxes_stay_float32(name: str) -> None:
    for found in (EMPTY, np.array([[3, 1, 8, 9]], np.float32)):
        result = FUNCTIONS[name](found)
        assert result.dtype == np.float32
        assert result.shape == found.shape
