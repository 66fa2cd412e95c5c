"""Priors: k-means over boxes, grids in the order of the head's outputs."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from detect.errors import DataError
from detect.models.priors import fit_priors, fit_shapes, grid_priors, prior_quality


def clusters(rng: np.random.Generator, centres: np.ndarray, each: int = 40) -> np.ndarray:
    noise = rng.normal(0, 0.004, (len(centres), each, 4))
    return (centres[:, None] + noise).reshape(-1, 4).astype(np.float32)


# Areas 0.04, 0.18 and 0.025; the last is longer than the first.
CENTRES = np.array([[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.95], [0.2, 0.6, 0.7, 0.65]])


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


def test_of_four_starts_the_best_counts():
    """One start finds these five clusters for 4 of 20 seeds, four starts for 16."""
    rng = np.random.default_rng(1)
    corners = rng.random((5, 2)) * 0.6
    centres = np.concatenate([corners, corners + rng.random((5, 2)) * 0.35 + 0.05], axis=1)
    boxes = (centres[:, None] + rng.normal(0, 0.02, (5, 30, 4))).reshape(-1, 4).astype(np.float32)
    least = KMeans(5, n_init=50, random_state=0).fit(boxes).inertia_
    found = [fit_priors(boxes, 5, seed) for seed in range(20)]
    sums = [((boxes[:, None] - one) ** 2).sum(axis=2).min(axis=1).sum() for one in found]
    assert sum(one < 1.01 * least for one in sums) >= 12


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


def test_a_shape_is_the_geometric_mean_of_its_boxes():
    boxes = np.array([[0, 0, 0.1, 0.2], [0.1, 0.1, 0.5, 0.9]], np.float32)  # sides times 4
    shapes = fit_shapes(boxes, levels=1, per_place=1, seed=0)
    np.testing.assert_allclose(shapes, [[[0.2, 0.4]]], rtol=1e-5)


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
    boxes = np.array(
        [[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.3], [0, 0, 0.5, 0.25], [0.9, 0.9, 1, 1]], np.float32
    )
    quality = prior_quality(priors, boxes)
    assert quality["mean_iou"] == pytest.approx((1 + 0.6 + 0.5 + 0.04) / 4, abs=1e-6)
    assert quality["0.50"] == pytest.approx(3 / 4)
    assert quality["0.70"] == pytest.approx(1 / 4)
