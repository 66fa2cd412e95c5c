"""Laws of the average over networks."""

import numpy as np
import pytest

from detect.ensemble import average


def _random_probabilities(generator, count, columns):
    return generator.dirichlet(np.ones(columns), count).astype(np.float32)


def test_average_is_the_mean():
    probabilities = np.array([[[0.2, 0.8]], [[0.6, 0.4]]], np.float32)
    np.testing.assert_allclose(average(probabilities), [[0.4, 0.6]], rtol=1e-6)


def test_average_takes_weights_of_any_scale():
    probabilities = np.array([[[0.2, 0.8]], [[0.6, 0.4]]], np.float32)
    np.testing.assert_allclose(average(probabilities, [3, 1]), [[0.3, 0.7]], rtol=1e-6)
    np.testing.assert_allclose(average(probabilities, [0, 5]), probabilities[1], rtol=1e-6)


def test_average_of_one_network_is_that_network():
    probabilities = _random_probabilities(np.random.default_rng(0), 7, 4)[None]
    np.testing.assert_array_equal(average(probabilities), probabilities[0])


def test_average_does_not_depend_on_the_order_of_the_networks():
    generator = np.random.default_rng(1)
    probabilities = np.stack([_random_probabilities(generator, 9, 5) for _ in range(6)])
    np.testing.assert_allclose(average(probabilities[::-1]), average(probabilities), rtol=1e-6)
    np.testing.assert_allclose(average(probabilities).sum(axis=1), 1, rtol=1e-5)


def test_average_of_no_boxes():
    assert average(np.zeros((2, 0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1], "expected 2, one a network"),
        ([0, 0], "a sum above 0"),
        ([-1, 2], "none below 0"),
        ([np.nan, 1], "expected finite"),
    ],
)
def test_average_refuses_bad_weights(weights, text):
    with pytest.raises(ValueError, match=text):
        average(np.zeros((2, 3, 4), np.float32), weights)


def test_average_refuses_another_shape():
    with pytest.raises(ValueError, match=r"expected \(M, N, C\+1\), got \(3, 4\)"):
        average(np.zeros((3, 4), np.float32))
