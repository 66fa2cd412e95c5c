"""Confidence against precision: a hand-worked case, scikit-learn's curve, ties with edges."""

import numpy as np
import pytest

from detect.evaluation.calibration import BINS, reliability


def test_the_error_worked_by_hand():
    # Half of four at 0.9 right: a gap of 0.4; one at 0.3, right: 0.7.
    found = reliability(np.array([0.9, 0.9, 0.9, 0.9, 0.3]), np.array([1, 1, 0, 0, 1], bool), 5)
    assert found.counts.tolist() == [0, 1, 0, 0, 4]
    np.testing.assert_allclose(found.precision, [np.nan, 1, np.nan, np.nan, 0.5])
    assert found.error == pytest.approx((4 * 0.4 + 0.7) / 5)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_learns(seed):
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.4, 0.6, 500)
    right = rng.uniform(size=500) < scores**2
    found = reliability(scores, right)
    precision, confidence = curve(right, scores, n_bins=BINS)
    some = found.counts > 0
    np.testing.assert_allclose(found.precision[some], precision)
    np.testing.assert_allclose(found.confidence[some], confidence)
    gaps = np.abs(precision - confidence)
    assert found.error == pytest.approx((gaps * found.counts[some]).sum() / 500)


def test_a_bin_has_its_upper_edge():
    found = reliability(np.array([0, 0.2, 0.21, 0.4, 1]), np.ones(5, bool), 5)
    assert found.counts.tolist() == [2, 2, 0, 0, 1]
    np.testing.assert_allclose(found.edges, [0, 0.2, 0.4, 0.6, 0.8, 1])


def test_no_score_has_no_error_and_other_scores_are_refused():
    assert np.isnan(reliability(np.zeros(0), np.zeros(0, bool)).error)
    with pytest.raises(ValueError, match="from 0 to 1"):
        reliability(np.array([-0.1]), np.ones(1, bool))
