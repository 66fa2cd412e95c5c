"""The record of an ensemble: its folders, what its networks are called, what is not finished."""

from pathlib import Path

import pytest

from detect.errors import DataError
from detect.stages.members import Members, member_folders, model_name


def test_names_and_records_of_other_paths(tmp_path: Path) -> None:
    assert member_folders(tmp_path / "run") == (tmp_path / "run",)
    assert model_name(tmp_path / "run") == "run"
    assert model_name(tmp_path / "a/best.safetensors") == "best"
    (tmp_path / "ensemble.json").write_text("{}")
    with pytest.raises(DataError, match=r"ensemble\.json: not the record of an ensemble"):
        member_folders(tmp_path)


def test_an_ensemble_is_a_model_once_all_of_it_is_trained(tmp_path: Path) -> None:
    record = Members(tmp_path)
    record.begin(2, resume=False)
    record.finish({"seed": 0})
    with pytest.raises(DataError) as error:
        member_folders(tmp_path)
    assert str(error.value).endswith(
        "1 of 2 networks of this ensemble are trained. Go on with train-classifier and resume, or "
        f"name the finished ones: model={tmp_path / '1'}."
    )
    record.finish({"seed": 1})
    assert member_folders(tmp_path) == (tmp_path / "1", tmp_path / "2")
    assert model_name(tmp_path / "2") == f"{tmp_path.name}/2"
