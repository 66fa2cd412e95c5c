"""Box regressions on disk: what is read is what was written, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from detect.errors import DataError
from detect.models.box_regression import BoxRegression
from detect.models.regression_file import StoredRegression, load_regression, save_regression

ONE = StoredRegression(
    BoxRegression(0.3, np.random.default_rng(0).normal(size=(2, 5, 4)), np.array([7, 0])),
    ("cat", "dög"),
    "abc",
)


def test_round_trip(tmp_path: Path) -> None:
    save_regression(tmp_path / "r.safetensors", ONE)
    read = load_regression(tmp_path / "r.safetensors", "abc")
    assert (read.classes, read.model, read.regression.scale) == (ONE.classes, "abc", 0.3)
    np.testing.assert_array_equal(read.regression.weights, ONE.regression.weights)
    np.testing.assert_array_equal(read.regression.pairs, ONE.regression.pairs)


def test_another_network_is_refused(tmp_path: Path) -> None:
    save_regression(tmp_path / "r.safetensors", ONE)
    with pytest.raises(DataError, match=r"features of another network \(abc; model is xyz\)"):
        load_regression(tmp_path / "r.safetensors", "xyz")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.safetensors: no such file"):
        load_regression(tmp_path / "none.safetensors", "abc")
    (tmp_path / "text.safetensors").write_text("boxes")
    with pytest.raises(DataError, match=r"text\.safetensors: no complete \.safetensors file"):
        load_regression(tmp_path / "text.safetensors", "abc")
    save_file({"weights": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"other\.safetensors: not a box regression"):
        load_regression(tmp_path / "other.safetensors", "abc")
    with pytest.raises(ValueError, match=r"ending in \.safetensors"):
        save_regression(tmp_path / "r.npz", ONE)
