"""Stored features: what is read is what was written, of the same boxes, or nothing."""

from pathlib import Path

import numpy as np
import pytest

from detect.errors import DataError, DetectError
from detect.storage.features import FeatureStore

RECIPE = {"model": "abc", "proposals": {"method": "test"}}
BOXES = np.array([[0, 0, 10, 10], [5, 5, 20, 30]], np.float32)
FEATURES = np.array([[0.1, 2.5, 1000], [1 / 3, 0, 7]], np.float32)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    made = FeatureStore(tmp_path / "features")
    made.begin(RECIPE)
    return made


def test_features_come_back_rounded_to_half_precision(store: FeatureStore) -> None:
    store.write("part_0/n0_1", BOXES, FEATURES)
    store.write("empty", BOXES[:0], FEATURES[:0])
    found = store.read("part_0/n0_1", BOXES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, FEATURES, rtol=1 / 2048)
    assert store.read("empty", BOXES[:0]).shape == (0, 3)


def test_the_size_is_that_of_the_files_but_for_their_headers(store: FeatureStore) -> None:
    boxes, features = np.zeros((1000, 4), np.float32), np.zeros((1000, 64), np.float32)
    store.write("a", boxes, features)
    (path,) = store.path.glob("*.safetensors")
    assert store.size(1000, 64) <= path.stat().st_size < store.size(1000, 64) + 500


def test_features_of_other_boxes_are_not_taken_for_these(store: FeatureStore) -> None:
    store.write("a", BOXES, FEATURES)
    assert store.has("a", BOXES)
    assert not store.has("a", BOXES + 1)
    assert not store.has("a", BOXES[:1])
    assert not store.has("b", BOXES)
    with pytest.raises(DataError, match="not the features of the 1 regions of image a"):
        store.read("a", BOXES[:1])


def test_a_broken_file_counts_as_none(store: FeatureStore) -> None:
    store.write("a", BOXES, FEATURES)
    (path,) = store.path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    assert not store.has("a", BOXES)


def test_what_was_begun_goes_on_with_the_same_recipe_alone(store: FeatureStore) -> None:
    store.write("a", BOXES, FEATURES)
    (store.path / ".b.safetensors.77.tmp").write_bytes(b"killed")
    again = FeatureStore(store.path)
    again.begin(RECIPE)
    assert again.has("a", BOXES)
    assert not list(store.path.glob(".*"))
    with pytest.raises(DataError, match=r"different recipes: model abc and xyz\. They never mix"):
        again.begin({**RECIPE, "model": "xyz"})
    (store.path / "recipe.json").write_text("{")
    with pytest.raises(DataError, match=r"recipe\.json: not valid JSON"):
        again.begin(RECIPE)
    again.remove()
    assert not store.path.exists()


def test_a_feature_beyond_half_precision_is_an_error(store: FeatureStore) -> None:
    with pytest.raises(DetectError, match=r"image a: a feature is 70000, above .* \(65,504\)"):
        store.write("a", BOXES, FEATURES + np.float32([[70000 - 1000] * 3, [0] * 3]))
    assert not store.has("a", BOXES)
