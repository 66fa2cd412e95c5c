"""--skip-bad: every command of the chain leaves out the same images, whichever found them first."""

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import write_voc
from commands import call
from recipes import TINY_REGION_CLASSIFIER

from detect.data import open_dataset, without_undecodable
from detect.errors import DataError

FAST = ("--width", 64, "--workers", 1)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set whose splits have an image cut short each, and a recipe."""
    root = tmp_path_factory.mktemp("bad")
    write_voc(root / "voc", {"train": 6, "test": 4}, seed=1)
    for name in ("train_001", "test_002"):
        image = root / f"voc/JPEGImages/{name}.jpg"
        image.write_bytes(image.read_bytes()[:-200])
    (root / "tiny.toml").write_text(TINY_REGION_CLASSIFIER)
    return root


@pytest.fixture
def skipped(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Return what runs a command with --skip-bad and checks that it counts one image."""

    def run(*arguments: object) -> None:
        assert call(*arguments, "--skip-bad") == 0
        assert "images left out (--skip-bad): 1." in capsys.readouterr().err

    return run


def test_the_whole_chain_leaves_out_the_same_images(
    root: Path, skipped: Callable[..., None]
) -> None:
    data, train, test = root / "voc", ("--split", "train"), ("--split", "test")
    for split in (train, test):
        skipped("propose", data, *split, "--out", root / f"p-{split[1]}", *FAST)
    given = (*train, "--proposals", root / "p-train", "--config", root / "tiny.toml")
    skipped("train-classifier", data, *given, "--device", "cpu", "--out", root / "run")
    model = ("--model", root / "run", "--device", "cpu")
    stored = ("--proposals", root / "p-test", "--out", root / "found")
    skipped("run", data, *test, *model, *stored)
    found = root / "found/detections.json"
    regression = root / "boxes.safetensors"
    pairs = ("--proposals", root / "p-train", "--pair-iou", 0.3, "--out", regression)
    skipped("train-regression", data, *train, *model, *pairs)
    mined = ("--proposals", root / "p-train", "--out", root / "svm.safetensors")
    skipped("train-svm", data, *train, *model, *mined)
    moved = ("--regression", regression, "--out", root / "refined.json")
    skipped("refine", found, "--data", data, *test, *model, *moved)
    skipped("eval", "--recall", "--data", data, *test, "--proposals", root / "p-test")
    skipped("report", root / "found", "--data", data, *test, "--out", root / "report")


def test_a_split_of_undecodable_images_alone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    dataset = open_dataset(tmp_path, None)
    with pytest.raises(DataError, match=r"no image can be used: .*a\.jpg: not an image"):
        without_undecodable(dataset, dataset.samples)


def test_an_undecodable_image_is_recorded_with_its_reason(root: Path) -> None:
    dataset = open_dataset(root / "voc", "test")
    usable = without_undecodable(dataset, dataset.samples)
    assert [one.image_id for one in usable.samples] == ["test_000", "test_001", "test_003"]
    assert len(usable.skipped) == 1
    assert "test_002.jpg" in usable.skipped[0]
