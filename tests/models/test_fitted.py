"""SVMs and box regressions on disk: what is read is what was written, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from detect.errors import DataError
from detect.models.box_regression import BoxRegression
from detect.models.checkpoints import Fitted, load_fitted, save_fitted
from detect.models.kinds import BOX_REGRESSION, LINEAR_SVMS
from detect.models.svm import LinearSvms

FEATURES = 5
RNG = np.random.default_rng(0)
SVMS = Fitted(
    LinearSvms(
        0.3, RNG.normal(size=(FEATURES, 2)), RNG.normal(size=2), np.array([7, 1]), np.array([9, 3])
    ),
    ("cat", "dög"),
    "abc",
    {"split": "train", "proposals": {"method": "test"}},
)
REGRESSION = Fitted(
    BoxRegression(0.3, RNG.normal(size=(2, FEATURES + 1, 4)), np.array([7, 0])),
    ("cat", "dög"),
    "abc",
)


def test_svms_survive_the_disk(tmp_path: Path) -> None:
    save_fitted(tmp_path / "s.safetensors", LINEAR_SVMS, SVMS)
    read = load_fitted(tmp_path / "s.safetensors", LINEAR_SVMS, "abc", FEATURES)
    assert (read.classes, read.model, read.recipe) == (SVMS.classes, "abc", SVMS.recipe)
    features = RNG.normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_array_equal(
        read.parameters.scores(features), SVMS.parameters.scores(features)
    )
    assert read.parameters.positives.tolist() == [7, 1]
    assert read.parameters.negatives.tolist() == [9, 3]


def test_what_is_refused_as_svms(tmp_path: Path) -> None:
    save_fitted(tmp_path / "s.safetensors", LINEAR_SVMS, SVMS)
    with pytest.raises(DataError, match=r"features of another network \(abc; model is xyz\)"):
        load_fitted(tmp_path / "s.safetensors", LINEAR_SVMS, "xyz", FEATURES)
    with pytest.raises(DataError, match=r"no such file\. Expected what detect train-svm wrote"):
        load_fitted(tmp_path / "none.safetensors", LINEAR_SVMS, "abc", FEATURES)
    regression = BoxRegression(1.0, np.zeros((2, 6, 4)), np.zeros(2, np.int64))
    save_fitted(tmp_path / "r.safetensors", BOX_REGRESSION, Fitted(regression, SVMS.classes, "abc"))
    with pytest.raises(DataError, match=r"r\.safetensors: not linear SVMs\. Expected what detect"):
        load_fitted(tmp_path / "r.safetensors", LINEAR_SVMS, "abc", FEATURES)


def test_a_regression_survives_the_disk(tmp_path: Path) -> None:
    save_fitted(tmp_path / "r.safetensors", BOX_REGRESSION, REGRESSION)
    read = load_fitted(tmp_path / "r.safetensors", BOX_REGRESSION, "abc", FEATURES)
    assert (read.classes, read.model, read.parameters.scale) == (REGRESSION.classes, "abc", 0.3)
    np.testing.assert_array_equal(read.parameters.weights, REGRESSION.parameters.weights)
    np.testing.assert_array_equal(read.parameters.pairs, REGRESSION.parameters.pairs)


def test_the_regression_of_another_network_is_refused(tmp_path: Path) -> None:
    save_fitted(tmp_path / "r.safetensors", BOX_REGRESSION, REGRESSION)
    with pytest.raises(DataError, match=r"features of another network \(abc; model is xyz\)"):
        load_fitted(tmp_path / "r.safetensors", BOX_REGRESSION, "xyz", FEATURES)


def test_files_that_are_no_regression(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.safetensors: no such file"):
        load_fitted(tmp_path / "none.safetensors", BOX_REGRESSION, "abc", FEATURES)
    (tmp_path / "text.safetensors").write_text("boxes")
    with pytest.raises(DataError, match=r"text\.safetensors: not a complete \.safetensors file"):
        load_fitted(tmp_path / "text.safetensors", BOX_REGRESSION, "abc", FEATURES)
    save_file({"weights": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"other\.safetensors: not a box regression"):
        load_fitted(tmp_path / "other.safetensors", BOX_REGRESSION, "abc", FEATURES)
    with pytest.raises(ValueError, match=r"ending in \.safetensors"):
        save_fitted(tmp_path / "r.npz", BOX_REGRESSION, REGRESSION)
