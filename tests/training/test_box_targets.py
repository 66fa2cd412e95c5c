"""What boxes learn to move to: torchvision's targets, mirrored alike, of mean 0 and variance 1."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models.detection._utils import BoxCoder

from detect.data.augment import flip_boxes, flip_deltas
from detect.errors import DataError
from detect.matching import Assignment, Pool, assign
from detect.models.box_regression import decode, encode
from detect.structures import Annotations, FloatArray, Sample
from detect.training.box_targets import moves_of, moving_to, statistics


def random_boxes(rng: np.random.Generator, count: int, size: float = 1.0) -> FloatArray:
    corners = rng.uniform(0, size, (count, 2))
    sides = rng.uniform(size / 10, size, (count, 2))
    return np.concatenate([corners, corners + sides], 1).astype(np.float32)


def test_targets_are_torchvisions() -> None:
    rng = np.random.default_rng(0)
    truths, boxes = random_boxes(rng, 9, 80), random_boxes(rng, 9, 80)
    theirs = BoxCoder((1.0, 1.0, 1.0, 1.0))
    expected = theirs.encode_single(torch.from_numpy(truths), torch.from_numpy(boxes))
    np.testing.assert_allclose(encode(truths, boxes), expected.numpy(), atol=1e-5)
    deltas = rng.normal(0, 0.5, (9, 4)).astype(np.float32)
    moved = theirs.decode_single(torch.from_numpy(deltas), torch.from_numpy(boxes))
    np.testing.assert_allclose(decode(deltas, boxes), moved.numpy(), atol=1e-3)


@given(st.integers(0, 2**32), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_a_flipped_crop_has_the_flipped_delta(seed: int, flips: tuple[bool, bool, bool]) -> None:
    rng = np.random.default_rng(seed)
    truths, boxes = random_boxes(rng, 5), random_boxes(rng, 5)
    changes = np.array(flips)
    expected = encode(flip_boxes(truths, changes), flip_boxes(boxes, changes))
    found = flip_deltas(encode(truths, boxes).astype(np.float32), np.tile(changes, (5, 1)))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_mirrored_crop_turns_the_shift_to_the_side_alone() -> None:
    deltas = np.array([[0.1, 0.2, 0.3, 0.4]] * 3, np.float32)
    flips = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1]], np.bool_)
    expected = [[-0.1, 0.2, 0.3, 0.4], [0.1, -0.2, 0.3, 0.4], [0.2, -0.1, 0.4, 0.3]]
    np.testing.assert_allclose(flip_deltas(deltas, flips), np.array(expected, np.float32))


TRUTH = np.array([[0, 0, 10, 10], [40, 40, 60, 60]], np.float32)
BOXES = np.array(
    [[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 4], [42, 40, 62, 60], [80, 80, 90, 90]], np.float32
)


def sample(difficult: tuple[bool, bool] = (False, False)) -> Sample:
    notes = Annotations(TRUTH, np.array([1, 0]), difficult=np.array(difficult))
    return Sample("a", None, (100, 100), notes)


def test_a_region_moves_to_the_object_that_it_overlaps_by_the_iou() -> None:
    notes = sample().annotations
    found = assign(BOXES, notes, 0.5, (0.0, 0.5))
    assert moving_to(found, 0.5).tolist() == [0, 0, -1, 1, -1]
    assert moving_to(found, 0.51).tolist() == [0, -1, -1, 1, -1]
    # Background of the classifier may learn to move; what no batch shows does not.
    assert moving_to(found, 0.4).tolist() == [0, 0, 0, 1, -1]
    narrow = assign(BOXES, notes, 0.6, (0.0, 0.45))
    assert moving_to(narrow, 0.3).tolist() == [0, -1, 0, 1, -1]
    unsure = assign(BOXES, sample((False, True)).annotations, 0.5, (0.0, 0.5))
    assert moving_to(unsure, 0.3).tolist() == [0, 0, 0, -1, -1]


def test_drawn_regions_have_the_deltas_of_their_objects() -> None:
    truths = (moving_to(assign(BOXES, sample().annotations), 0.5),)
    rows = np.array([3, 4, 1], np.int32)
    drawn = Pool(np.zeros(3, np.int32), rows, np.array([0, -1, 1], np.int32))
    flips = np.zeros((3, 3), np.bool_)
    deltas, labels = moves_of((sample(),), (BOXES,), truths, drawn, flips)
    assert labels.tolist() == [0, -1, 1]
    np.testing.assert_allclose(deltas[0], [-0.1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(deltas[1], 0)
    np.testing.assert_allclose(deltas[2], [0, 0.5, 0, np.log(2)], atol=1e-6)
    flips[0, 0] = True
    np.testing.assert_allclose(
        moves_of((sample(),), (BOXES,), truths, drawn, flips)[0][0], [0.1, 0, 0, 0], atol=1e-6
    )


def test_the_targets_of_all_pairs_have_mean_0_and_variance_1_over_the_statistics() -> None:
    rng = np.random.default_rng(3)
    samples, boxes, truths = [], [], []
    for _ in range(4):
        objects = random_boxes(rng, 3, 50)
        notes = Annotations(objects, np.zeros(3, np.int64))
        regions = decode(rng.normal(0.1, 0.1, (60, 4)), objects[np.arange(60) % 3])
        samples.append(Sample("a", None, (200, 200), notes))
        boxes.append(regions.astype(np.float32))
        truths.append(moving_to(assign(boxes[-1], notes), 0.5))
    mean, std = statistics(samples, boxes, truths)
    pairs = [
        encode(one.annotations.boxes[own[own >= 0]], regions[own >= 0])
        for one, regions, own in zip(samples, boxes, truths, strict=True)
    ]
    normalised = (np.concatenate(pairs) - mean) / std
    assert len(normalised) > 100
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(normalised.var(axis=0), 1, atol=1e-6)


def test_targets_that_are_all_the_same_are_divided_by_1() -> None:
    own = np.array([0], np.int32)
    mean, std = statistics((sample(),), (BOXES[:1],), (own,))
    assert mean.tolist() == [0, 0, 0, 0]
    assert std.tolist() == [1, 1, 1, 1]


def test_no_pair_is_an_error() -> None:
    nowhere = moving_to(Assignment(np.array([-1]), np.array([0]), np.array([0.2])), 0.5)
    with pytest.raises(DataError, match=r"no region reaches an object by regression\.iou"):
        statistics((sample(),), (BOXES[:1],), (nowhere,))
