"""`train_svm` called from Python."""

from pathlib import Path

import pytest
from builders import CLASSES, write_voc
from networks import DIMENSIONS, network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.errors import UsageError
from detect.models.checkpoints import load_fitted, save_model
from detect.models.kinds import LINEAR_SVMS
from detect.models.model_files import model_hash
from detect.stages import TrainSvmOptions, train_svm


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    write_voc(tmp_path / "voc", {"train": 6}, seed=7, objects=3)
    proposals, model = tmp_path / "p.parquet", tmp_path / "m.safetensors"
    propose_randomly(open_dataset(tmp_path / "voc", "train"), proposals)
    save_model(model, *network())
    data = {"data": str(tmp_path / "voc"), "split": "train", "proposals": str(proposals)}
    return {**data, "model": str(model), "out": str(tmp_path / "s.safetensors"), "device": "cpu"}


def test_what_each_class_was_fitted_on_comes_back_and_nothing_is_said(given, tmp_path, capfd):
    result = train_svm(TrainSvmOptions(**given))
    assert result.path == tmp_path / "s.safetensors"
    svms = load_fitted(
        result.path, LINEAR_SVMS, model_hash(tmp_path / "m.safetensors"), DIMENSIONS
    ).parameters
    assert result.objects == dict(zip(CLASSES, svms.positives.tolist(), strict=True))
    assert result.hard_negatives == dict(zip(CLASSES, svms.negatives.tolist(), strict=True))
    assert sum(result.objects.values()) == 18
    assert not result.complete
    again = train_svm(TrainSvmOptions(**given, resume=True))
    assert again.complete
    assert (again.objects, again.hard_negatives) == (result.objects, result.hard_negatives)
    assert capfd.readouterr() == ("", "")


def test_an_error_names_arguments(given, tmp_path):
    (tmp_path / "s.safetensors").touch()
    with pytest.raises(UsageError, match=r"exists already\. .* add resume to go on with it or ex"):
        train_svm(TrainSvmOptions(**given))
