"""`detect train-svm` and `detect run --svm` as they are typed, with all that comes after."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import CLASSES, write_voc
from commands import call
from networks import DIMENSIONS, network

from detect.cli.already import already
from detect.data import open_dataset
from detect.models.checkpoints import Fitted, load_fitted, save_fitted, save_model
from detect.models.device import resolve_precision
from detect.models.kinds import LINEAR_SVMS
from detect.models.model_files import model_hash
from detect.models.svm import LinearSvms
from detect.storage.detections import read_detections
from detect.storage.proposals import write_proposals
from detect.structures import Dataset, Proposals, Sample

# What auto is here, and what it is not.
PRECISION = resolve_precision(torch.device("cpu"))
OTHER = "float32" if PRECISION == "bfloat16" else "bfloat16"


def propose(dataset: Dataset, path: Path) -> None:
    """Write regions on the objects, near them, and anywhere."""
    rng = np.random.default_rng(0)

    def one(sample: Sample) -> Proposals:
        corner = rng.uniform(0, [100, 70], (40, 2))
        anywhere = np.concatenate([corner, corner + rng.uniform(8, 26, (40, 2))], axis=1)
        truth = sample.annotations.boxes
        boxes = np.concatenate([truth + 1, truth * np.float32(0.97), anywhere])
        names = np.full(len(boxes), "test")
        return Proposals(sample.image_id, sample.size, boxes, np.ones(len(boxes)), names)

    write_proposals(path, map(one, dataset.samples), {"method": "test"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, its proposals and an untrained network."""
    root = tmp_path_factory.mktemp("svm")
    write_voc(root / "voc", {"train": 6, "test": 3}, seed=7, objects=3)
    for split in ("train", "test"):
        propose(open_dataset(root / "voc", split), root / f"{split}.parquet")
    save_model(root / "m.safetensors", *network())
    return root


def train(root: Path, out: Path, *more: object) -> int:
    data = ("train-svm", root / "voc", "--split", "train", "--proposals", root / "train.parquet")
    return call(*data, "--model", root / "m.safetensors", "--out", out, "--device", "cpu", *more)


def read(root: Path, path: Path) -> Fitted[LinearSvms]:
    return load_fitted(path, LINEAR_SVMS, model_hash(root / "m.safetensors"), DIMENSIONS)


@pytest.fixture(scope="module")
def svms(root: Path) -> Path:
    """Return SVMs of the network."""
    path = root / "svm.safetensors"
    assert train(root, path) == 0
    return path


def detect(root: Path, out: Path, *more: object) -> int:
    data = ("run", root / "voc", "--split", "train", "--proposals", root / "train.parquet")
    return call(*data, "--model", root / "m.safetensors", "--out", out, "--device", "cpu", *more)


def mean_ap(root: Path, detections: Path) -> float:
    data = ("eval", "--map", "--data", root / "voc", "--split", "train")
    result = detections.with_suffix(".map.json")
    assert call(*data, "--detections", detections, "--json", result) == 0
    return float(json.loads(result.read_text())["voc2012"]["map"])


def test_svms_are_fitted_to_the_objects_and_nothing_else_is_left(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(root, tmp_path / "s.safetensors") == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 's.safetensors'}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["s.safetensors"]
    stored = read(root, tmp_path / "s.safetensors")
    dataset = open_dataset(root / "voc", "train")
    labels = np.concatenate([sample.annotations.labels for sample in dataset.samples])
    assert stored.classes == CLASSES
    assert stored.parameters.positives.tolist() == np.bincount(labels, minlength=3).tolist()
    regions = 6 * (3 + 6 + 40)
    assert f"features of {regions} regions in 6 images: 0.2 MB in " in printed.err
    for what in ("features", "objects", "mining"):
        assert f"{what} 6/6" in printed.err
    counts = zip(CLASSES, stored.parameters.positives, stored.parameters.negatives, strict=True)
    listed = ", ".join(f"{name} {positive} + {negative}" for name, positive, negative in counts)
    assert f"objects + hard negatives: {listed}\n" in printed.err


def test_full_r_cnn_svms_then_regression(
    root: Path, svms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect(root, tmp_path / "soft", "--no-pictures") == 0
    assert detect(root, tmp_path / "svm", "--svm", svms) == 0
    found = tmp_path / "svm/detections.json"
    scores = [entry["score"] for entry in json.loads(found.read_text())]
    assert -1 <= min(scores) < -0.8 < max(scores)
    recipe = (tmp_path / "svm/config.toml").read_text()
    assert f'svm = "{model_hash(svms)}"\nthreshold = -1.0\n' in recipe
    assert len(list((tmp_path / "svm/pictures").iterdir())) == 6
    assert 'svm = "no"\nthreshold = 0.01\n' in (tmp_path / "soft/config.toml").read_text()
    # The network was never trained, so its own scores say nothing.
    svm = mean_ap(root, found)
    assert svm > mean_ap(root, tmp_path / "soft/detections.json") + 0.3
    assert detect(root, tmp_path / "best", "--svm", svms, "--threshold", -0.8) == 0
    best = json.loads((tmp_path / "best/detections.json").read_text())
    assert min(entry["score"] for entry in best) >= -0.8

    regression, moved = tmp_path / "r.safetensors", tmp_path / "moved.json"
    model = ("--model", root / "m.safetensors", "--device", "cpu")
    data = (root / "voc", "--split", "train", *model)
    proposals = ("--proposals", root / "train.parquet")
    assert call("train-regression", *data, *proposals, "--out", regression) == 0
    refine = ("--regression", regression, "--data", *data, "--out", moved)
    assert call("refine", found, *refine) == 0
    assert mean_ap(root, moved) > svm - 0.1
    dataset = open_dataset(root / "voc", "train")
    before, after = (read_detections(path, dataset) for path in (found, moved))
    kept = {(name, score) for name, one in after.items() for score in one.scores.tolist()}
    assert kept <= {(name, score) for name, one in before.items() for score in one.scores.tolist()}
    assert min(score for _, score in kept) < 0

    drawn = ("visualize", "--data", root / "voc", "--split", "train", "--detections", moved)
    capsys.readouterr()
    assert call(*drawn, "--threshold", -0.5, "--out", tmp_path / "pictures") == 0
    assert capsys.readouterr().out == f"6 pictures in {tmp_path / 'pictures'}\n"


def test_images_of_no_data_set_are_scored_too(root: Path, svms: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = ("run", root / "voc/JPEGImages/test_000.jpg", "--model", root / "m.safetensors")
    stored = ("--proposals", root / "test.parquet", "--svm", svms, "--no-pictures")
    assert call(*run, *stored, "--out", out) == 0
    found = json.loads((out / "detections.json").read_text())
    assert {entry["category_id"] for entry in found} == {1, 2, 3}


def test_a_stopped_call_goes_on_with_the_features_it_has(
    root: Path, svms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, features = tmp_path / "s.safetensors", tmp_path / ".s.safetensors.features"
    image = root / "voc/JPEGImages/train_004.jpg"
    content = image.read_bytes()
    try:
        image.write_bytes(content[:100] + bytes(len(content) - 100))  # The size is in the recipe.
        assert train(root, out) == 4
        assert str(image) in capsys.readouterr().err
        written = {path: path.stat().st_mtime_ns for path in features.glob("*.safetensors")}
        assert len(written) == 4
        assert train(root, out, "--skip-bad", "--resume") == 0
        assert f"Warning: left out: {image}" in capsys.readouterr().err
        without = read(root, out)
        out.unlink()
        assert train(root, out) == 4
    finally:
        image.write_bytes(content)
    capsys.readouterr()
    assert train(root, out) == 2
    assert f"--out {features} exists already" in capsys.readouterr().err
    assert train(root, out, "--resume", "--precision", OTHER) == 4
    error = capsys.readouterr().err
    assert f"different recipes: precision {PRECISION} and {OTHER}. They never" in error
    written = {path: path.stat().st_mtime_ns for path in features.glob("*.safetensors")}
    assert train(root, out, "--resume", "--precision", PRECISION) == 0
    assert "in 6 images; 4 are there already: 0.2 MB" in (error := capsys.readouterr().err)
    assert "features 2/2" in error
    again, whole = (read(root, path) for path in (out, svms))
    np.testing.assert_array_equal(again.parameters.weights, whole.parameters.weights)
    assert again.parameters.positives.sum() == 18 == without.parameters.positives.sum() + 3
    assert not features.exists()
    assert train(root, out, "--resume") == 0
    assert capsys.readouterr().out == f"{already(out)}\n"
    assert train(root, out, "--resume", "--precision", OTHER) == 4
    assert f"different recipes: precision {PRECISION} and {OTHER}" in capsys.readouterr().err


def test_a_stopped_call_over_older_svms_goes_on_too(
    root: Path, svms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, features = tmp_path / "s.safetensors", tmp_path / ".s.safetensors.features"
    shutil.copy(svms, out)
    older = out.read_bytes()
    (tmp_path / "more.txt").write_text("train_001\ntrain_002\ntrain_003\ntest_000\n")
    assert train(root, out, "--exist-ok", "--split", tmp_path / "more.txt") == 4
    assert "no proposals for image test_000" in capsys.readouterr().err
    assert out.read_bytes() == older  # What was given wrong takes nothing away.

    image = root / "voc/JPEGImages/train_004.jpg"
    content = image.read_bytes()
    positives = ("--positives-from", "test")
    try:
        image.write_bytes(content[:100] + bytes(len(content) - 100))
        assert train(root, out, "--exist-ok", *positives) == 4
    finally:
        image.write_bytes(content)
    assert out.read_bytes() == older
    capsys.readouterr()
    assert train(root, out, "--resume", *positives) == 0
    assert "; 4 are there already" in capsys.readouterr().err
    again = read(root, out)
    assert again.recipe["positives"] == ["test", None, 0]

    features.mkdir()  # As a call leaves it that is killed after the SVMs are written.
    (features / "recipe.json").write_text("{}")
    assert train(root, out, "--resume", *positives) == 0
    assert capsys.readouterr().out == f"{already(out)}\n"
    assert not features.exists()


def test_objects_of_another_split_are_positives_and_nothing_of_it_is_negative(
    root: Path, svms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.safetensors"
    assert train(root, out, "--positives-from", "test", "--positives-per-class", 2) == 0
    drawn = open_dataset(root / "voc", "test")
    labels = np.concatenate([sample.annotations.labels for sample in drawn.samples])
    more = np.minimum(np.bincount(labels, minlength=3), 2)
    assert f"positives of test: {more.sum()} objects" in capsys.readouterr().err
    with_more, alone = (read(root, path) for path in (out, svms))
    assert (with_more.parameters.positives - alone.parameters.positives).tolist() == more.tolist()
    assert with_more.recipe["positives"] == ["test", 2, 0]


def test_without_scikit_learn_it_stops_before_the_features(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert train(root, tmp_path / "s.safetensors") == 3
    error = capsys.readouterr().err
    assert error.startswith("Error: linear SVMs need scikit-learn, which is not installed: pip ")
    assert "features" not in error
    assert list(tmp_path.iterdir()) == []


def test_what_train_svm_refuses(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.safetensors"
    assert train(root, tmp_path / "s.npz") == 2
    assert "s.npz: expected a name ending in .safetensors." in capsys.readouterr().err
    assert train(root, out, "--positives-per-class", 3) == 2
    assert "--positives-per-class needs --positives-from" in capsys.readouterr().err
    assert train(root, out, "--model", root / "none") == 4
    assert "no such model" in capsys.readouterr().err
    (tmp_path / "one.txt").write_text("train_000\n")
    assert train(root, out, "--split", tmp_path / "one.txt") == 4
    truth = open_dataset(root / "voc", "train").samples[0].annotations
    missing = ", ".join(name for place, name in enumerate(CLASSES) if place not in truth.labels)
    assert f"is of class {missing}: it cannot be learned. Add images" in capsys.readouterr().err
    (tmp_path / "more.txt").write_text("train_001\ntrain_002\ntest_000\n")
    assert train(root, out, "--split", tmp_path / "more.txt") == 4
    assert "no proposals for image test_000" in capsys.readouterr().err
    assert not out.exists()


def test_what_run_refuses_with_svms(
    root: Path, svms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert detect(root, out, "--svm", svms, "--keep-scores") == 2
    assert "--keep-scores and --svm: kept scores are networks' softmax" in capsys.readouterr().err
    other = tmp_path / "other.safetensors"
    save_model(other, *network(seed=1))
    assert detect(root, out, "--svm", svms, "--model", other) == 2
    assert "--svm and 2 networks: SVMs score the features of the one" in capsys.readouterr().err
    run = ("run", root / "voc", "--split", "train", "--out", out, "--svm")
    assert call(*run, svms, "--model", other) == 4
    assert "fitted on the features of another network" in capsys.readouterr().err
    assert call(*run, root / "none.safetensors", "--model", other) == 4
    assert "no such file. Expected what detect train-svm wrote." in capsys.readouterr().err
    stored = read(root, svms)
    object.__setattr__(stored, "classes", ("circle", "square", "disc"))
    save_fitted(tmp_path / "renamed.safetensors", LINEAR_SVMS, stored)
    assert detect(root, out, "--svm", tmp_path / "renamed.safetensors") == 4
    assert "SVMs of the classes circle, square, disc; the card of" in capsys.readouterr().err
    assert not out.exists()
