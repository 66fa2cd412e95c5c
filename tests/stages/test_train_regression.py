"""`train_regression` called from Python."""

from pathlib import Path

import numpy as np
import pytest
import torch
from builders import CLASSES, write_voc
from networks import DIMENSIONS, network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.errors import DataError, UsageError
from detect.models.box_head import BoxHeadDesign
from detect.models.box_regression import decode
from detect.models.checkpoints import features_of, load_fitted, load_model, save_model
from detect.models.kinds import BOX_REGRESSION, REGION_CLASSIFIER
from detect.models.model_files import model_hash
from detect.stages import TrainRegressionOptions, train_regression
from detect.stages.regressions import open_regression


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    write_voc(tmp_path / "voc", {"train": 3}, seed=1, objects=3)
    proposals, model = tmp_path / "p.parquet", tmp_path / "m.safetensors"
    propose_randomly(open_dataset(tmp_path / "voc", "train"), proposals)
    save_model(model, *network())
    data = {"data": str(tmp_path / "voc"), "split": "train", "proposals": str(proposals)}
    return {**data, "model": str(model), "out": str(tmp_path / "r.safetensors"), "device": "cpu"}


def test_the_pairs_of_each_class_come_back_and_nothing_is_said(given, tmp_path, capfd):
    result = train_regression(TrainRegressionOptions(**given))
    assert result.path == tmp_path / "r.safetensors"
    stored = load_fitted(
        result.path, BOX_REGRESSION, model_hash(tmp_path / "m.safetensors"), DIMENSIONS
    )
    assert result.pairs == dict(zip(CLASSES, stored.parameters.pairs.tolist(), strict=True))
    assert sum(result.pairs.values()) >= 9  # The objects are among the regions.
    assert capfd.readouterr() == ("", "")


def test_errors_name_arguments(given, tmp_path):
    other = {**given, "out": "r.npz"}
    with pytest.raises(UsageError, match=r"^out=r\.npz: expected a name ending in \.safetensors"):
        train_regression(TrainRegressionOptions(**other))
    for path in (tmp_path / "voc/Annotations").iterdir():
        text = path.read_text()
        start, end = text.index("<object>"), text.rindex("</object>") + len("</object>")
        path.write_text(text[:start] + text[end:])
    with pytest.raises(DataError, match=r"object\. Propose more boxes, or lower pair_iou\.$"):
        train_regression(TrainRegressionOptions(**given))


def test_it_learns_from_a_grid_and_chooses_the_ridge_on_other_images(given, tmp_path):
    write_voc(tmp_path / "voc", {"train": 3, "val": 2}, seed=1, objects=3)
    propose_randomly(open_dataset(tmp_path / "voc", "val"), tmp_path / "q.parquet")
    told = {**given, "val_split": "val", "val_proposals": tmp_path / "q.parquet", "pair_iou": 0.3}
    result = train_regression(TrainRegressionOptions(**told, maps="4e", grid=2))
    assert list(result.tried) == [1, 10, 100, 1000, 1e4, 1e5, 1e6]
    assert result.tried[result.ridge] == max(result.tried.values())
    assert features_of(result.path, BOX_REGRESSION) == ("4e", 2)
    model = (tmp_path / "m.safetensors", load_model(tmp_path / "m.safetensors", REGION_CLASSIFIER))
    encoder, stored = open_regression(result.path, *model, torch.device("cpu"), "float32")
    assert stored.parameters.weights.shape == (3, 4 * 208 + 1, 4)
    assert stored.recipe == {"maps": "4e", "grid": 2, "ridge": result.ridge, "pair_iou": 0.3}
    assert encoder.dimensions == 4 * 208
    again = train_regression(
        TrainRegressionOptions(
            **{**given, "out": tmp_path / "again.safetensors", "pair_iou": 0.3},
            maps="4e", grid=2, ridge=result.ridge,
        )
    )  # fmt: skip
    assert again.tried == {}
    _, same = open_regression(again.path, *model, torch.device("cpu"), "float32")
    np.testing.assert_array_equal(same.parameters.weights, stored.parameters.weights)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"val_split": "val"}, "val_split and val_proposals go together: give both or neither"),
        (
            {"val_split": "val", "val_proposals": "q", "ridge": 9},
            "ridge and val_split: it is chosen on that split",
        ),
        ({"grid": 8}, "grid=8: "),
    ],
)
def test_options_that_do_not_go_together(given, more, text):
    with pytest.raises(UsageError, match=f"^{text}"):
        train_regression(TrainRegressionOptions(**given, **more))


def test_a_grid_larger_than_the_maps_is_refused_before_anything_is_read(given, tmp_path):
    with pytest.raises(DataError, match=r"3x3 places, and the maps 4e of bn are 2x2 at model\.inp"):
        train_regression(TrainRegressionOptions(**given, maps="4e", grid=3))


@pytest.mark.parametrize(("maps", "grid"), [("5b", 1), ("4e", 2)])
def test_the_network_moves_boxes_as_the_regression_does(given, tmp_path, maps, grid):
    path = tmp_path / "moving.safetensors"
    told = {**given, "maps": maps, "grid": grid, "ridge": 1.0, "pair_iou": 0.1, "network_out": path}
    train_regression(TrainRegressionOptions(**told))
    (plain, _), (moving, card) = network(), load_model(path, REGION_CLASSIFIER)
    assert card.box_head == BoxHeadDesign("classwise", maps, grid)
    stored = load_fitted(
        tmp_path / "r.safetensors",
        BOX_REGRESSION,
        model_hash(tmp_path / "m.safetensors"),
        plain.network.channels(maps) * grid**2,
    )
    size = card.input_size
    image = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    boxes = np.array([[0, 0, size, size]], np.float32)
    with torch.no_grad():
        crop = torch.from_numpy(image).permute(2, 0, 1)[None]
        said = moving(crop)
        logits = plain.eval()(crop)
        features = plain.pooled(crop, maps, grid).numpy()
    assert torch.equal(said.logits, logits)
    for label in range(len(CLASSES)):
        expected = stored.parameters.predict(features, boxes, np.array([label]))
        moved = decode(said.deltas[:, label].double().numpy(), boxes)
        assert np.abs(expected - boxes).max() > 0.01
        np.testing.assert_allclose(moved, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n.npz", r"^network_out=.*n\.npz: expected a name ending in \.safetensors"),
        ("r.safetensors", r"^network_out=.*r\.safetensors is another file here"),
    ],
)
def test_the_network_has_a_file_of_its_own(given, tmp_path, name, text):
    with pytest.raises(UsageError, match=text):
        train_regression(TrainRegressionOptions(**given, network_out=tmp_path / name))
    assert not (tmp_path / "r.safetensors").exists()
