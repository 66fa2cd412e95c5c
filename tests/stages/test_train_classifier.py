"""`train_classifier` called from Python."""

import json
from pathlib import Path

import pytest
from builders import write_voc
from proposing import propose_randomly
from recipes import TINY_REGION_CLASSIFIER

from detect.data import open_dataset
from detect.errors import UsageError
from detect.stages import TrainClassifierOptions, TrainedNetwork, train_classifier


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("train")
    write_voc(root / "voc", {"train": 5, "val": 2}, seed=1)
    for split in ("train", "val"):
        propose_randomly(open_dataset(root / "voc", split), root / f"{split}.parquet", 60)
    (root / "r.toml").write_text(TINY_REGION_CLASSIFIER)
    return root


def options(root: Path, **more: object) -> TrainClassifierOptions:
    given = {"data": str(root / "voc"), "split": "train", "config": str(root / "r.toml")}
    stored = {"proposals": str(root / "train.parquet"), "device": "cpu"}
    return TrainClassifierOptions(**{**given, **stored, **more})


def validating(root: Path, out: Path, **more: object) -> TrainClassifierOptions:
    val = {"val_split": "val", "val_proposals": str(root / "val.parquet")}
    return options(root, **val, out=str(out), **more)


def metrics(network: TrainedNetwork) -> dict[str, object]:
    return dict(json.loads(network.weights.with_suffix(".json").read_text())["metrics"])


def test_one_network_comes_back_with_its_figures_and_nothing_is_said(root, tmp_path, capfd):
    out = tmp_path / "run"
    result = train_classifier(validating(root, out))
    assert result.path == out
    (network,) = result.networks
    assert network.path == out
    assert network.weights == out / "weights/best.safetensors"
    assert network.map == metrics(network)["full_val_map"]
    assert network.map == pytest.approx(sum(network.ap.values()) / len(network.ap))
    assert network.ap == metrics(network)["full_val_ap"]
    assert capfd.readouterr() == ("", "")


def test_every_network_of_an_ensemble_comes_back_trained_now_or_before(root, tmp_path, capfd):
    out = tmp_path / "run"
    result = train_classifier(validating(root, out, ensemble=2))
    assert [one.path for one in result.networks] == [out / "1", out / "2"]
    assert [one.already for one in result.networks] == [False, False]
    again = train_classifier(validating(root, out, ensemble=2, resume=True))
    assert [one.already for one in again.networks] == [True, True]
    assert [(one.map, one.ap) for one in again.networks] == [
        (one.map, one.ap) for one in result.networks
    ]
    assert capfd.readouterr() == ("", "")


def test_without_validation_there_are_no_figures(root, tmp_path):
    (network,) = train_classifier(options(root, out=tmp_path / "run")).networks
    assert (network.map, network.ap) == (None, {})


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"val_split": "val"}, "^val_split and val_proposals go together: give both or neither"),
        ({"positives_per_class": 5}, "^positives_per_class needs positives_from, the split they"),
        ({"ensemble": 0}, "^ensemble=0: Input should be greater than or equal to 1"),
    ],
)
def test_errors_name_arguments(root: Path, more: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        train_classifier(options(root, **more))
