"""SVMs on disk: what is read is what was written, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from detect.errors import DataError
from detect.models.box_regression import BoxRegression
from detect.models.regression_file import StoredRegression, save_regression
from detect.models.svm import LinearSvms
from detect.models.svm_file import StoredSvms, load_svms, save_svms

RNG = np.random.default_rng(0)
ONE = StoredSvms(
    LinearSvms(
        0.3, RNG.normal(size=(5, 2)), RNG.normal(size=2), np.array([7, 1]), np.array([9, 3])
    ),
    ("cat", "dög"),
    "abc",
    {"split": "train", "proposals": {"method": "test"}},
)


def test_round_trip(tmp_path: Path) -> None:
    save_svms(tmp_path / "s.safetensors", ONE)
    read = load_svms(tmp_path / "s.safetensors", "abc")
    assert (read.classes, read.model, read.recipe) == (ONE.classes, "abc", ONE.recipe)
    features = RNG.normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_array_equal(read.svms.scores(features), ONE.svms.scores(features))
    assert read.svms.positives.tolist() == [7, 1]
    assert read.svms.negatives.tolist() == [9, 3]


def test_what_is_refused(tmp_path: Path) -> None:
    save_svms(tmp_path / "s.safetensors", ONE)
    with pytest.raises(DataError, match=r"features of another network \(abc; model is xyz\)"):
        load_svms(tmp_path / "s.safetensors", "xyz")
    with pytest.raises(DataError, match=r"no such file\. Expected what detect train-svm wrote"):
        load_svms(tmp_path / "none.safetensors", "abc")
    regression = BoxRegression(1.0, np.zeros((2, 6, 4)), np.zeros(2, np.int64))
    save_regression(tmp_path / "r.safetensors", StoredRegression(regression, ONE.classes, "abc"))
    with pytest.raises(DataError, match=r"r\.safetensors: not linear SVMs\. Expected what detect"):
        load_svms(tmp_path / "r.safetensors", "abc")
