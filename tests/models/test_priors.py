"""Priors: k-means over boxes, grids in the order of the head's outputs."""

import numpy as np
import pytest

from detect.errors import DataError
from detect.models.priors import fit_priors, fit_shapes, grid_priors, prior_quality


def clusters(rng: np.random.Generator, centres: np.ndarray, each: int = 40) -> np.ndarray:
    noise = rng.normal(0, 0.004, (len(centres), each, 4))
    return (centres[:, None] + noise).reshape(-1, 4).astype(np.float32)


CENTRES = np.array([[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.95], [0.2, 0.6, 0.4, 0.7]])


def test_priors_are_the_centres_of_the_clusters_largest_first():
    boxes = clusters(np.random.default_rng(0), CENTRES)
    found = fit_priors(boxes, 3, seed=1)
    np.testing.assert_allclose(found, CENTRES[[1, 0, 2]], atol=0.003)
    assert found.dtype == np.float32


def test_priors_depend_on_boxes_and_seed_alone():
    boxes = np.random.default_rng(3).random((300, 4)).astype(np.float32)
    boxes[:, 2:] += boxes[:, :2]
    np.testing.assert_array_equal(fit_priors(boxes, 20, 5), fit_priors(boxes, 20, 5))
    # The order of equal sums differs in the last digits, the clusters do not.
    np.testing.assert_allclose(fit_priors(boxes[::-1], 20, 5), fit_priors(boxes, 20, 5), atol=1e-6)


def test_more_priors_than_different_boxes_are_refused():
    boxes = np.tile(CENTRES[:1], (50, 1)).astype(np.float32)
    with pytest.raises(DataError, match=r"2 priors asked for.*1 different boxes.*priors\.count"):
        fit_priors(boxes, 2, 0)
    with pytest.raises(DataError, match=r"4 shapes asked for.*priors\.shapes"):
        fit_shapes(boxes, 1, 4, 0)


def test_shapes_go_to_the_levels_by_area():
    sides = np.array([[0.1, 0.1], [0.2, 0.1], [0.5, 0.6], [0.8, 0.7]])
    boxes = np.concatenate([np.full((4, 2), 0.05), sides + 0.05], 1).astype(np.float32)
    shapes = fit_shapes(np.repeat(boxes, 5, axis=0), levels=2, per_place=2, seed=0)
    np.testing.assert_allclose(shapes, sides.reshape(2, 2, 2), rtol=1e-5)


def test_grid_priors_run_over_levels_rows_columns_shapes():
    shapes = np.array([[[0.2, 0.1], [0.4, 0.4]], [[0.6, 0.6], [1.0, 0.5]]], np.float32)
    priors = grid_priors(shapes, (2, 1))
    assert priors.shape == (2 * 2 * 2 + 2, 4)
    np.testing.assert_allclose(priors[0], [0.15, 0.2, 0.35, 0.3])
    np.testing.assert_allclose(priors[3], [0.55, 0.05, 0.95, 0.45])  # row 0, column 1, shape 1
    np.testing.assert_allclose(priors[4], [0.15, 0.7, 0.35, 0.8], atol=1e-6)  # row 1
    np.testing.assert_allclose(priors[9], [0, 0.25, 1, 0.75])


def test_grids_and_shapes_must_be_as_many():
    with pytest.raises(ValueError, match="2 levels of shapes, 1 grids"):
        grid_priors(np.ones((2, 1, 2), np.float32), (3,))


def test_quality_counts_the_best_prior_of_each_box():
    priors = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32)
    boxes = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.3], [0.9, 0.9, 1, 1]], np.float32)
    quality = prior_quality(priors, boxes)
    assert quality["mean_iou"] == pytest.approx((1 + 0.6 + 0.04) / 3, abs=1e-6)
    assert quality["0.50"] == pytest.approx(2 / 3)
    assert quality["0.70"] == pytest.approx(1 / 3)
