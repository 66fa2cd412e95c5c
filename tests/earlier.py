"""The files of format 1 (format1/README.md) and the commands that read them."""

import shutil
from pathlib import Path

import pytest

EXACT = ("--device", "cpu", "--precision", "float32")
TRAINED = ("voc", "--split", "train", "--proposals", "proposals")
TRAIN = (
    "train-classifier", *TRAINED, "--val-split", "test", "--val-proposals", "test.parquet",
    "--config", "region.toml", "--device", "cpu", "--resume", "--out",
)  # fmt: skip
ON_TEST = ("run", "voc", "--split", "test", "--proposals", "test.parquet", *EXACT, "--no-pictures")
RUN = (*ON_TEST, "--model", "ensemble", "--keep-scores", "float32", "--out")
RUN_SVM = (*ON_TEST, "--model", "ensemble/1", "--out", "new", "--svm", "svm.safetensors")
TRAIN_SVM = ("train-svm", *TRAINED, "--model", "ensemble/1", *EXACT, "--resume", "--out")
CLASSIFY = ("classify", "classes/val/circle/1.png", "--model", "pretrain", *EXACT)
REFINE = (
    "refine", "run/detections.json", "--data", "voc", "--split", "test", "--model", "ensemble/1",
    "--regression", "regression.safetensors", *EXACT, "--out", "new.json",
)  # fmt: skip
PROPOSE = (
    "propose", "voc", "--split", "test", "--method", "multibox", "--multibox", "train-multibox/a",
    *EXACT, "--workers", 1, "--out", "new.parquet",
)  # fmt: skip
FEATURES = ".half.safetensors.features/recipe.json"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the files of format 1, where the test then is."""
    shutil.copytree(Path(__file__).parent / "format1", tmp_path / "files")
    monkeypatch.chdir(tmp_path / "files")
    return tmp_path / "files"
