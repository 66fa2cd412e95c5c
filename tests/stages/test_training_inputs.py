"""A training that goes on: what it was given besides its recipe must be the same."""

import json
import re
import shutil
from pathlib import Path

import pytest
from builders import write_voc
from class_sets import write_class_folders
from commands import call
from proposing import propose_randomly
from recipes import TINY_MULTIBOX, TINY_PRETRAIN, TINY_REGION_CLASSIFIER, TINY_SHARED

from detect.data import data_hash, open_dataset, samples_hash
from detect.storage.proposals import ProposalFile, write_proposals

DIGESTS = r"[0-9a-f]{16} and [0-9a-f]{16}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data sets, proposals of two methods, recipes, and a run of each."""
    root = tmp_path_factory.mktemp("given")
    write_voc(root / "voc", {"train": 6, "more": 4, "val": 2}, seed=1)
    write_class_folders(root / "classes", {"train": 2, "more": 3, "val": 1})
    for split in ("train", "more", "val"):
        propose_randomly(open_dataset(root / "voc", split), root / f"{split}.parquet", 60)
    recipe = {"method": "test", "images": 6}
    write_proposals(root / "other.parquet", ProposalFile(root / "train.parquet"), recipe)
    recipes = {
        "train-classifier": TINY_REGION_CLASSIFIER,
        "train-multibox": TINY_MULTIBOX,
        "train-shared": TINY_SHARED,
        "pretrain": TINY_PRETRAIN,
    }
    for command, text in recipes.items():
        (root / f"{command}.toml").write_text(text)
        assert call(*arguments(root, command), "--out", root / command) == 0
    return root


def arguments(root: Path, command: str) -> tuple[object, ...]:
    data = root / ("classes" if command == "pretrain" else "voc")
    config = ("--config", root / f"{command}.toml", "--device", "cpu")
    fold = ("--leave-out", "1/2") if command == "train-multibox" else ()
    takes = ("train-classifier", "train-shared")
    stored = ("--proposals", root / "train.parquet") if command in takes else ()
    return (command, data, "--split", "train", *config, *fold, *stored)


@pytest.mark.parametrize(
    ("command", "more", "text"),
    [
        ("pretrain", ("--split", "more"), rf"images {DIGESTS}\."),
        ("pretrain", ("--val-split", "val"), r"val_images none and [0-9a-f]{16}\."),
        (
            "train-multibox",
            ("--leave-out", "2/2"),
            rf"images {DIGESTS}; leave_out 1/2 and 2/2\.",
        ),
        ("train-multibox", ("--val-split", "val"), r"val_images none and [0-9a-f]{16}\."),
        (
            "train-shared",
            ("--proposals", "other.parquet", "--val-split", "val"),
            r"proposals\.method random and test; val_images none and [0-9a-f]{16}; "
            r"val_proposals\.method None and own\.",
        ),
        (
            "train-classifier",
            ("--proposals", "other.parquet"),
            r"proposals\.method random and test\.",
        ),
        (
            "train-classifier",
            ("--split", "more", "--proposals", "more.parquet"),
            rf"images {DIGESTS}; proposals\.images 6 and 4\.",
        ),
        (
            "train-classifier",
            ("--positives-from", "more", "--positives-per-class", "2"),
            r"positives\.per_class None and 2; positives\.split None and more\.",
        ),
        (
            "train-classifier",
            ("--val-split", "val", "--val-proposals", "val.parquet"),
            r"val_images none and [0-9a-f]{16}; val_proposals\.method None and random\.",
        ),
    ],
)
def test_what_a_training_was_not_begun_with_is_refused_and_named(
    root: Path,
    command: str,
    more: tuple[str, ...],
    text: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = contents(root / command)
    given = [root / word if word.endswith(".parquet") else word for word in more]
    assert call(*arguments(root, command), *given, "--out", root / command, "--resume") == 4
    error = capsys.readouterr().err.splitlines()[-1]
    start = f"Error: {root / command} and this command's training were made by different recipes: "
    end = " They never mix: keep each recipe in its own --out."
    assert error.startswith(start)
    assert re.fullmatch(text + end, error.removeprefix(start))
    assert contents(root / command) == before


@pytest.mark.parametrize(
    "command", ["pretrain", "train-multibox", "train-classifier", "train-shared"]
)
def test_the_same_goes_on_whatever_the_split_is_called(root: Path, command: str) -> None:
    names = root / "voc/ImageSets/Main/train.txt"
    split = () if command == "pretrain" else ("--split", names)
    assert call(*arguments(root, command), *split, "--out", root / command, "--resume") == 0


def test_a_repaired_image_is_the_same_sample(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "voc", tmp_path / "voc")
    image = tmp_path / "voc/JPEGImages/train_001.jpg"
    before = open_dataset(tmp_path / "voc", "train")
    digests = data_hash(before), samples_hash(before)
    image.write_bytes(image.read_bytes() + b"\0")
    after = open_dataset(tmp_path / "voc", "train")
    assert data_hash(after) != digests[0]
    assert samples_hash(after) == digests[1]
    notes = tmp_path / "voc/Annotations/train_001.xml"
    text = notes.read_text()
    notes.write_text(re.sub("<difficult>0", "<difficult>1", text, count=1))
    assert notes.read_text() != text
    assert samples_hash(open_dataset(tmp_path / "voc", "train")) != digests[1]


def test_what_an_earlier_version_did_not_note_is_not_compared(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    shutil.copytree(root / "train-classifier", out)
    noted = json.loads((out / "environment.json").read_text())
    known = {key: noted[key] for key in ("device", "seed", "images")}
    (out / "environment.json").write_text(json.dumps(known))
    resumed = (*arguments(root, "train-classifier"), "--out", out, "--resume")
    assert call(*resumed, "--proposals", root / "other.parquet") == 0
    assert call(*resumed, "--split", "more", "--proposals", root / "more.parquet") == 4
    assert re.search(rf"different recipes: images {DIGESTS}\. They", capsys.readouterr().err)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
