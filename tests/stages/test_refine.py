"""`refine` called from Python."""

from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_voc
from networks import network

from detect.data import open_dataset
from detect.errors import UsageError
from detect.models.box_regression import BoxRegression
from detect.models.checkpoints import Fitted, save_fitted, save_model
from detect.models.kinds import BOX_REGRESSION
from detect.models.model_files import model_hash
from detect.stages import RefineOptions, RefineResult, refine
from detect.storage.detections import read_detections, write_detections
from detect.structures import Detections


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a VOC set, detections, a network, and a regression that moves nothing."""
    root = tmp_path_factory.mktemp("refine")
    write_voc(root / "voc", {"test": 2}, seed=1)
    data = open_dataset(root / "voc", "test")
    found = [
        Detections(
            s.image_id, s.annotations.boxes, s.annotations.labels, np.ones(len(s.annotations))
        )
        for s in data.samples
    ]
    write_detections(root / "d.json", found, data)
    model, card = network()
    save_model(root / "m.safetensors", model, card)
    weights = np.zeros((len(CLASSES), model.network.fc.in_features + 1, 4))
    regression = BoxRegression(1.0, weights, np.full(len(CLASSES), 9))
    own = model_hash(root / "m.safetensors")
    save_fitted(root / "r.safetensors", BOX_REGRESSION, Fitted(regression, CLASSES, own))
    return root


def options(root: Path, out: Path) -> RefineOptions:
    return RefineOptions(
        detections=str(root / "d.json"),
        data=str(root / "voc"),
        split="test",
        model=str(root / "m.safetensors"),
        regression=str(root / "r.safetensors"),
        out=str(out),
        nms=1,
        device="cpu",
    )


def test_it_returns_what_it_wrote_and_says_nothing(root, tmp_path, capfd):
    out = tmp_path / "refined.json"
    assert refine(options(root, out)) == RefineResult(out, 2)
    data = open_dataset(root / "voc", "test")
    for found in read_detections(out, data).values():
        assert len(found) > 0
    assert capfd.readouterr() == ("", "")


def test_an_error_names_arguments(root, tmp_path):
    (tmp_path / "taken.json").touch()
    with pytest.raises(UsageError, match=r"^out=.*taken\.json exists .* add exist_ok to write"):
        refine(options(root, tmp_path / "taken.json"))
