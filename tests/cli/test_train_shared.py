"""`detect train-shared` and what takes its result: run, ensemble, propose, load, --init."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_voc
from commands import call
from interrupting import start_interrupted
from networks import moving_network, multibox
from proposing import propose_randomly
from recipes import TINY_REGION_CLASSIFIER, TINY_SHARED
from safetensors.torch import load_file

import detect
from detect.data import open_dataset
from detect.models.checkpoints import save_model
from detect.storage.proposals import ProposalFile

RECIPE = TINY_SHARED.replace("steps = 1", "steps = 6").replace(
    "[run]", "[run]\nvalidate_every = 3\nsave_every = 2\nvalidation_images = 2"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a data set, proposals, a recipe, and a run that proposes itself."""
    root = tmp_path_factory.mktemp("shared")
    write_voc(root / "voc", {"train": 6, "val": 3}, seed=1)
    for split in ("train", "val"):
        propose_randomly(open_dataset(root / "voc", split), root / f"{split}.parquet", 40)
    (root / "r.toml").write_text(RECIPE)
    assert call(*arguments(root), "--val-split", "val", "--out", root / "run") == 0
    return root


def arguments(root: Path) -> tuple[object, ...]:
    config = ("--config", root / "r.toml", "--device", "cpu")
    return ("train-shared", root / "voc", "--split", "train", *config)


def detected(root: Path, out: Path, *more: object) -> int:
    told = ("--split", "val", "--device", "cpu", "--precision", "float32")
    return call("run", root / "voc", *told, "--out", out, *more)


def test_a_run_leaves_weights_figures_and_what_it_was_told(root: Path) -> None:
    card = json.loads((root / "run/weights/best.json").read_text())
    assert card["kind"] == "shared-detector"
    assert card["classes"] == list(CLASSES)
    assert (card["input_size"], card["input_height"], card["slots"]) == (96, 64, 48)
    assert 0 <= card["metrics"]["full_val_map"] <= 1
    assert set(card["metrics"]["full_val_ap"]) == set(CLASSES)
    header, *rows = (root / "run/results.csv").read_text().splitlines()
    terms = {"class_loss", "box_loss", "location_loss", "confidence_loss", "val_map"}
    assert terms <= set(header.split(","))
    assert [row.split(",")[0] for row in rows] == ["3", "6"]
    noted = json.loads((root / "run/environment.json").read_text())
    assert noted["proposals"] == noted["val_proposals"] == {"method": "own"}


@pytest.mark.slow
@pytest.mark.parametrize("stored", [True, False], ids=["stored proposals", "its own"])
def test_a_run_interrupted_and_resumed_ends_with_the_same_weights(
    root: Path, stored: bool, tmp_path: Path
) -> None:
    given = (*arguments(root), *(("--proposals", root / "train.parquet") if stored else ()))
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert call(*given, "--out", whole) == 0
    stopped = start_interrupted(parted / "state.pt", signal.SIGINT, *given, "--out", parted)
    assert "go on with --resume" in stopped.communicate(timeout=120)[1]
    assert call(*given, "--out", parted, "--resume") == 0
    ours, theirs = (load_file(run / "weights/last.safetensors") for run in (whole, parted))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)


def test_over_stored_proposals_scores_are_kept_and_recombined(root: Path, tmp_path: Path) -> None:
    told = ("--model", root / "run", "--proposals", root / "val.parquet", "--vote", "0.5")
    found, again = tmp_path / "found", tmp_path / "again"
    assert detected(root, found, *told, "--keep-scores", "float32") == 0
    assert len(json.loads((found / "detections.json").read_text())) > 0
    assert call("ensemble", found, "--out", again) == 0
    first, second = ((one / "detections.json").read_bytes() for one in (found, again))
    assert first == second


def test_it_is_averaged_with_a_network_that_sees_crops(root: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "crops.safetensors", *moving_network(1, "classwise"))
    models = ("--model", root / "run", "--model", tmp_path / "crops.safetensors")
    told = ("--proposals", root / "val.parquet", "--keep-scores", "float32", "--no-pictures")
    found = tmp_path / "found"
    assert detected(root, found, *models, *told) == 0
    assert call("ensemble", found, "--models", "1", "--out", tmp_path / "crops") == 0
    assert detected(root, tmp_path / "alone", *models[2:], *told) == 0
    ours, alone = ((tmp_path / n / "detections.json").read_text() for n in ("crops", "alone"))
    assert ours == alone


def test_it_proposes_for_itself_and_is_loaded_so(root: Path, tmp_path: Path) -> None:
    own = ("--method", "multibox", "--multibox", root / "run")
    told = ("--split", "val", "--device", "cpu", "--precision", "float32")
    assert call("propose", root / "voc", *told, *own, "--out", tmp_path / "p") == 0
    stored = ("--model", root / "run", "--proposals", tmp_path / "p", "--no-pictures")
    assert detected(root, tmp_path / "stored", *stored) == 0
    assert detected(root, tmp_path / "own", "--model", root / "run", *own, "--no-pictures") == 0
    found = [(tmp_path / n / "detections.json").read_text() for n in ("stored", "own")]
    assert found[0] == found[1]
    sample = open_dataset(root / "voc", "val").samples[0]
    detector = detect.load(root / "run", device="cpu", precision="float32")
    assert detector.source.recipe["method"] == "multibox"
    boxes = detector.source.propose(np.zeros((50, 60, 3), np.uint8), "a")
    assert len(boxes) > 0
    regions = ProposalFile(tmp_path / "p").read(sample.image_id)
    assert len(detector(sample.path, regions)) > 0


@pytest.mark.parametrize("kind", ["classifier", "multibox", "shared"])
def test_it_begins_with_the_trunk_of_others(
    root: Path, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "classifier":
        save_model(tmp_path / "m.safetensors", *moving_network(1))
    elif kind == "multibox":
        save_model(tmp_path / "m.safetensors", *multibox())
    begun = root / "run" if kind == "shared" else tmp_path / "m.safetensors"
    given = ("--init", begun, "--set", "optimizer.steps=1", "--out", tmp_path / "run")
    assert call(*arguments(root), *given, "--set", "optimizer.learning_rate=1e-12") == 0
    assert "57 of 58 layers copied; new: fc" in capsys.readouterr().err
    weights = begun if begun.is_file() else begun / "weights/best.safetensors"
    ours, theirs = map(load_file, (tmp_path / "run/weights/last.safetensors", weights))
    name = "network.inception4e.branch1.conv.weight"
    assert name in ours
    assert np.allclose(ours[name], theirs[name], atol=1e-6)


def test_a_classifier_begins_with_its_trunk(root: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(TINY_REGION_CLASSIFIER)
    given = ("--split", "train", "--proposals", root / "train.parquet", "--init", root / "run")
    out = ("--config", tmp_path / "c.toml", "--out", tmp_path / "run", "--device", "cpu")
    assert call("train-classifier", root / "voc", *given, *out) == 0


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (("--set", "model.input_height=50"), 2, "needs a multiple of 16, the stride of the maps"),
        (("--set", "priors.shapes=400"), 4, "400 shapes asked for, but the split has"),
        (("--val-proposals", "p"), 2, "--val-proposals: say of which split, with --val-split."),
        (("--proposals", "p"), 4, "p: no such"),
        (("--set", 'classes=["hexagon"]'), 4, "hexagon"),
        (("--set", "optimizer.learning_rate=1e30"), 1, "training diverged"),
        (("--set", "model.variant=timm/resnet18"), 2, "model.variant: "),
    ],
)
def test_mistakes_are_explained(
    root: Path, given: tuple[str, ...], code: int, text: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert call(*arguments(root), *given, "--out", tmp_path / "run") == code
    assert text in capsys.readouterr().err


def test_what_is_about_crops_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ("--model", root / "run", "--proposals", root / "val.parquet")
    assert detected(root, tmp_path / "a", *told, "--mirror") == 2
    expected = "is a detector of one trunk, which sees the whole image, not crops of its regions."
    assert f"--mirror: {root / 'run'} {expected}" in capsys.readouterr().err
    given = ("--model", root / "run", "--proposals", root / "train.parquet")
    regression = ("train-regression", root / "voc", "--split", "train", "--device", "cpu")
    assert call(*regression, *given, "--out", tmp_path / "b.safetensors") == 4
    assert "not the card of a region classifier (kind is" in capsys.readouterr().err
    own = ("--method", "multibox", "--multibox", root / "run", "--multibox-views", "squares")
    assert call("propose", root / "voc", "--split", "val", *own, "--out", tmp_path / "p") == 2
    assert "a detector of one trunk proposes from the whole image" in capsys.readouterr().err
