"""The format of every card, recipe and state: written, read, refused where it is newer or none."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import safetensors
import torch
from commands import call
from earlier import (
    CLASSIFY,
    EXACT,
    FEATURES,
    PROPOSE,
    REFINE,
    RUN,
    RUN_SVM,
    TRAIN,
    TRAIN_SVM,
    TRAINED,
    files,
)  # fmt: skip
from safetensors.numpy import load_file, save_file

from detect.errors import DataError
from detect.formats import FORMAT, VERSION, stamped, upgraded
from detect.storage.features import FeatureStore
from detect.storage.proposals import write_part

__all__ = ["files"]


def stamp_json(path: Path, stamp: dict[str, Any]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **stamp}))


def stamp_toml(path: Path, stamp: dict[str, Any]) -> None:
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in stamp.items()]
    path.write_text("".join(lines) + path.read_text())


def stamp_state(path: Path, stamp: dict[str, Any]) -> None:
    torch.save({**torch.load(path, weights_only=True), **stamp}, path)


def stamp_fitted(path: Path, stamp: dict[str, Any]) -> None:
    with safetensors.safe_open(path, "numpy") as file:
        card = file.metadata()
    save_file(load_file(path), path, {**card, **{key: str(value) for key, value in stamp.items()}})


def stamp_parquet(path: Path, stamp: dict[str, Any]) -> None:
    table = pq.read_table(path)
    ((key, text),) = table.schema.metadata.items()
    values = json.dumps({**json.loads(text), **stamp})
    pq.write_table(table.replace_schema_metadata({key: values}), path)


CASES: dict[str, tuple[Callable[[Path, dict[str, Any]], None], tuple[object, ...]]] = {
    "ensemble/1/weights/best.json": (stamp_json, (*RUN, "new")),
    "pretrain/weights/best.json": (stamp_json, CLASSIFY),
    "train-multibox/a/weights/best.json": (stamp_json, PROPOSE),
    "svm.safetensors": (stamp_fitted, RUN_SVM),
    "regression.safetensors": (stamp_fitted, REFINE),
    "interrupted/state.pt": (stamp_state, (*TRAIN, "interrupted")),
    "interrupted/config.toml": (stamp_toml, (*TRAIN, "interrupted")),
    "interrupted/environment.json": (stamp_json, (*TRAIN, "interrupted")),
    "region.toml": (stamp_toml, (*TRAIN, "interrupted")),
    "half/config.toml": (stamp_toml, (*RUN, "half", "--resume")),
    "proposals/part-00000.parquet": (stamp_parquet, (*TRAIN, "interrupted")),
    "test.parquet": (stamp_parquet, (*RUN, "new")),
    "run/scores.parquet": (stamp_parquet, ("ensemble", "run", "--out", "new")),
    FEATURES: (stamp_json, (*TRAIN_SVM, "half.safetensors")),
    "ensemble/ensemble.json": (stamp_json, (*RUN, "new")),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("name", CASES)
def test_a_newer_format_says_which_version_reads_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp, command = CASES[name]
    stamp(Path(name), {"format": FORMAT + 1, "detect": "9.8.7"})
    assert call(*command) == 4
    error = " ".join(capsys.readouterr().err.split())
    assert f"{name}: " in error
    by = (
        f" of format {FORMAT + 1}, written by detect 9.8.7; this one (detect {VERSION}) reads up to"
    )
    assert f"{by} format {FORMAT}. Install detect 9.8.7 to read it." in error


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("name", CASES)
def test_a_damaged_format_is_said(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    stamp, command = CASES[name]
    stamp(Path(name), {"format": -1})
    assert call(*command) == 4
    error = " ".join(capsys.readouterr().err.split())
    assert f"{name}: format: expected a whole number from 1, got " in error


def said(path: str) -> tuple[object, object]:
    """Return the format and the version that the file says."""
    file = Path(path)
    match file.suffix:
        case ".pt":
            values = torch.load(file, weights_only=True)
        case ".toml":
            values = tomllib.loads(file.read_text())
        case ".parquet":
            values = json.loads(*pq.read_schema(file).metadata.values())
        case ".safetensors":
            with safetensors.safe_open(file, "numpy") as tensors:
                values = json.loads(tensors.metadata()["card"])
        case _:
            values = json.loads(file.read_text())
    return values["format"], values["detect"]


@pytest.mark.usefixtures("files")
def test_what_is_written_now_says_its_format() -> None:
    assert call(*TRAIN, "new", "--ensemble", 1) == 0
    assert call(*RUN, "scored") == 0
    fitting = (*TRAINED, "--model", "new/1", *EXACT)
    assert call("train-svm", *fitting, "--out", "s.safetensors") == 0
    assert call("train-regression", *fitting, "--out", "r.safetensors", "--pair-iou", 0.3) == 0
    FeatureStore(Path("features")).begin({"seed": 0})
    write_part(Path("p.parquet"), [], {"method": "test"})
    run = ("config.toml", "environment.json", "state.pt")
    weights = [
        f"weights/{name}{end}" for name in ("best", "last") for end in (".json", ".safetensors")
    ]
    names = [f"new/1/{name}" for name in (*run, *weights)] + ["s.safetensors", "r.safetensors"]
    names += ["new/config.toml", "new/ensemble.json", "features/recipe.json", "p.parquet"]
    names += ["scored/config.toml", "scored/environment.json", "scored/scores.parquet"]
    assert {name: said(name) for name in names} == dict.fromkeys(names, (FORMAT, VERSION))


def test_format_1_is_read_through_the_table_and_no_other_is() -> None:
    then = {"kind": "classifier", "width": 1}
    assert upgraded(then, "model card", "m.json") == {"kind": "image-classifier", "width": 1}
    assert upgraded({**then, "format": 1}, "model card", "m")["kind"] == "image-classifier"
    assert upgraded(then, "recipe", "r.toml") == then
    assert upgraded(then, "model card", "m.json", unstamped=FORMAT) == then
    assert upgraded(stamped(then), "model card", "m.json") == then
    assert upgraded({**then, "kind": ["classifier"]}, "model card", "m")["kind"] == ["classifier"]


@pytest.mark.parametrize("value", ["two", "", True, 0, -1, 2.0, None, [2]])
def test_what_is_no_format_is_said(value: object) -> None:
    with pytest.raises(DataError, match=r"m\.json: format: expected a whole number from 1, got "):
        upgraded({"format": value}, "model card", "m.json")


def test_a_newer_format_without_a_version_is_said_too() -> None:
    expected = r"m: recipe of format 9, written by a newer detect; .* Install a newer detect to"
    with pytest.raises(DataError, match=expected):
        upgraded({"format": 9}, "recipe", "m")
