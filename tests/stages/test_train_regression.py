"""`train_regression` called from Python."""

from pathlib import Path

import pytest
from builders import CLASSES, write_voc
from networks import DIMENSIONS, network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.errors import DataError, UsageError
from detect.models.checkpoints import load_fitted, save_model
from detect.models.kinds import BOX_REGRESSION
from detect.models.model_files import model_hash
from detect.stages import TrainRegressionOptions, train_regression


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
