"""Reading the folders of `detect run`."""

import json
from pathlib import Path

import pytest
from builders import write_voc
from reports import CONFIG

from detect.data import data_hash, open_dataset
from detect.errors import DataError
from detect.report.runs import read_runs
from detect.storage.detections import write_detections
from detect.structures import Dataset, Detections


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return open_dataset(write_voc(tmp_path / "set"), "test")


def run_folder(path: Path, data: Dataset, config: str = CONFIG, environment: str = "") -> Path:
    path.mkdir(parents=True)
    found = [Detections(data.samples[0].image_id, [[0, 0, 9, 9]], [1], [0.5])]
    write_detections(path / "detections.json", found, data)
    (path / "config.toml").write_text(config)
    record = environment or json.dumps({"device": "cpu", "data": data_hash(data)})
    (path / "environment.json").write_text(record)
    return path


def test_a_run_tells_its_networks_regions_settings_and_surroundings(tmp_path, data):
    (run,) = read_runs([run_folder(tmp_path / "found", data)], data)
    assert (run.name, run.networks, run.proposals, len(run.detections)) == ("found", 2, "rcnn", 1)
    assert ("proposals.parameters.ks", "50, 100") in run.settings()
    assert ("device", "cpu") in run.surroundings()


def test_runs_are_called_by_what_tells_them_apart(tmp_path, data):
    paths = [run_folder(tmp_path / name / "found", data) for name in ("a", "b")]
    assert [run.name for run in read_runs(paths, data)] == ["a/found", "b/found"]


def test_a_folder_with_detections_alone_is_enough(tmp_path, data):
    path = run_folder(tmp_path / "found", data)
    (path / "config.toml").unlink()
    (path / "environment.json").unlink()
    (run,) = read_runs([path], data)
    assert (run.networks, run.proposals, run.settings(), run.surroundings()) == (
        None, "other", [], [],
    )  # fmt: skip


def test_a_run_on_other_images_is_refused(tmp_path, data):
    path = run_folder(tmp_path / "found", data, environment='{"data": "0123"}')
    with pytest.raises(DataError) as error:
        read_runs([path], data)
    assert str(error.value) == (
        f"{path}: was made on other images (data 0123) than split 'test' of {data.root} "
        f"(data {data_hash(data)}). Give the data and split of that run."
    )


@pytest.mark.parametrize(
    ("break_it", "text"),
    [
        (lambda p: (p / "detections.json").unlink(), "has no detections.json. Expected a folder"),
        (
            lambda p: (p / "config.toml").write_text("= 1"),
            "config.toml: not valid TOML: ",
        ),
        (
            lambda p: (p / "environment.json").write_text("[]"),
            "a run, a JSON object, got a list",
        ),
        (
            lambda p: (p / "environment.json").write_bytes(b"\xff"),
            "json: not UTF-8 text",
        ),
    ],
)
def test_broken_folders_are_named(tmp_path, data, break_it, text):
    path = run_folder(tmp_path / "found", data)
    break_it(path)
    with pytest.raises(DataError, match=text):
        read_runs([path], data)


def test_what_is_no_folder_says_so(tmp_path, data):
    (tmp_path / "file").write_text("")
    for name, text in (("file", "is no folder"), ("nowhere", "no such folder")):
        with pytest.raises(DataError, match=f"{name}: {text}. Expected one that detect run wrote"):
            read_runs([tmp_path / name], data)
