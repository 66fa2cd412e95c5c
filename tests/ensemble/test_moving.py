"""Regions moved before selection: torchvision's boxes, means of networks, a box a class."""

import numpy as np
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import clip_boxes_to_image

from detect.ensemble import Combination, moved, select
from detect.structures import FloatArray

SIZE = (90, 120)


def regions(seed: int, count: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(5, 60, (count, 2))], 1).astype(np.float32)


def deltas(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 0.3, (*shape, 4)).astype(np.float32)


def test_boxes_are_torchvisions_cut_to_the_image() -> None:
    boxes, given = regions(0, 8), deltas(1, 8, 1)
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    theirs = coder.decode_single(torch.from_numpy(given[0, :, 0]), torch.from_numpy(boxes))
    expected = clip_boxes_to_image(theirs, SIZE).numpy()
    np.testing.assert_allclose(moved(boxes, given, SIZE), expected, atol=1e-3)
    assert not np.allclose(theirs.numpy(), expected)


def test_networks_move_boxes_by_their_weighted_mean() -> None:
    boxes, given = regions(1, 5), deltas(2, 5, 1)
    mean = (given[:1] + 3 * given[1:]) / 4
    found = moved(boxes, given, SIZE, weights=[1, 3])
    np.testing.assert_allclose(found, moved(boxes, mean, SIZE), atol=1e-4)
    assert not np.allclose(found, moved(boxes, given, SIZE))


def test_without_deltas_nothing_moves_and_a_box_without_area_stays() -> None:
    boxes = np.array([[5, 5, 20, 20], [7, 7, 7, 30], [80, 10, 110, 40]], np.float32)
    np.testing.assert_allclose(
        moved(boxes, np.zeros((1, 3, 1, 4), np.float32), SIZE), boxes, atol=1e-5
    )
    given = deltas(1, 3, 1)
    given[0, 2, 0] = [4, 0, 0, 0]  # out of the image
    found = moved(boxes, given, SIZE)
    np.testing.assert_array_equal(found[1:], boxes[1:])
    assert not np.allclose(found[0], boxes[0])
    assert moved(boxes[:0], given[:, :0], SIZE).shape == (0, 4)


def test_a_box_a_class_moves_for_that_class_alone() -> None:
    boxes, given = regions(2, 6), deltas(1, 6, 3)
    found = moved(boxes, given, SIZE)
    assert found.shape == (6, 3, 4)
    for label in range(3):
        own = moved(boxes, given[:, :, label : label + 1], SIZE)
        np.testing.assert_array_equal(found[:, label], own)


def test_selection_takes_the_box_of_the_class() -> None:
    boxes = moved(regions(3, 20), deltas(1, 20, 3), SIZE)
    scores = np.random.default_rng(4).dirichlet(np.ones(4), 20).astype(np.float32)
    found, labels, values = select(boxes, scores)
    for label in range(3):
        alone = np.zeros_like(scores)
        alone[:, label] = scores[:, label]
        own, _, own_values = select(boxes[:, label], alone)
        np.testing.assert_array_equal(found[labels == label], own)
        np.testing.assert_array_equal(values[labels == label], own_values)


def test_every_combination_takes_moved_boxes() -> None:
    boxes = regions(5, 30)
    same = np.repeat(moved(boxes, deltas(1, 30, 1), SIZE)[:, None], 3, axis=1)
    scores = np.random.default_rng(6).dirichlet(np.ones(4), (2, 30)).astype(np.float32)
    for how in (Combination(), Combination("soft-nms"), Combination("wbf"), Combination(vote=0.5)):
        for one, other in zip(
            how.select(same, scores), how.select(same[:, 0], scores), strict=True
        ):
            np.testing.assert_array_equal(one, other)
