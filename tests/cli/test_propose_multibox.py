"""`detect propose` and `detect run` with MultiBox: sources, recipes, folds, refusals."""

import json
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture, write_voc
from commands import call
from interrupting import start_interrupted
from networks import multibox, network

from detect.boxes import iou_matrix
from detect.data.folds import in_fold
from detect.models.checkpoints import save_model
from detect.storage.proposals import ProposalFile

FAST = ("--width", "48", "--k", "50")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 4 VOC images, 70 plain ones, MultiBox networks and a classifier."""
    root = tmp_path_factory.mktemp("multibox")
    write_voc(root / "voc", {"test": 4}, seed=1)
    rng = np.random.default_rng(0)
    for number in range(70):
        save_image(root / f"plain/{number:03d}.png", texture(rng, (48, 64)))
    save_model(root / "m.safetensors", *multibox())
    for number, fold in enumerate(("1/2", "2/2"), start=1):
        save_model(root / f"f{number}.safetensors", *multibox(seed=number, fold=fold))
    save_model(root / "classifier.safetensors", *network())
    return root


@pytest.fixture
def propose(root: Path, tmp_path: Path):
    """Return what calls `detect propose` on the VOC set, the folder's name and options given."""
    voc = ("propose", root / "voc", "--split", "test", "--workers", 1)
    return lambda out, *more: call(*voc, "--out", tmp_path / out, *more)


def _bytes(path: Path) -> dict[str, bytes]:
    return {part.name: part.read_bytes() for part in path.iterdir()}


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the error, which has one or two lines."""
    text = capsys.readouterr().err
    assert text.startswith("Error: ")
    assert text.count("\n") <= 2
    return text


def test_the_recipe_names_the_network_and_its_settings(root, propose, tmp_path):
    network_ = ("--method", "multibox", "--multibox", root / "m", "--precision", "float32")
    assert propose("p", *network_) == 0
    recipe = ProposalFile(tmp_path / "p").recipe
    for key in ("opencv", "data"):
        assert recipe.pop(key)
    (digest,) = recipe.pop("models")
    assert re.fullmatch("[0-9a-f]{16}", digest)
    parameters = {
        "views": "squares", "nms": 0.5, "per_view": 50, "boxes": 200, "precision": "float32",
        "input_size": 32,
    }  # fmt: skip
    assert recipe == {"method": "multibox", "images": 4, "folds": [""], "parameters": parameters}
    options = (
        "--multibox-boxes", 3, "--multibox-nms", "adaptive", "--multibox-views", "whole",
    )  # fmt: skip
    assert propose("q", *network_, *options) == 0
    changed = {"views": "whole", "nms": "adaptive", "boxes": 3}
    stored = ProposalFile(tmp_path / "q")
    assert stored.recipe["parameters"] == {**parameters, **changed}
    assert [len(one) for one in stored] == [3] * 4
    assert {name for one in stored for name in one.sources} == {"multibox"}


def test_both_appends_to_selective_search_what_it_lacks(root, propose, tmp_path):
    model = ("--multibox", root / "m")
    assert propose("search", *FAST) == 0
    assert propose("multibox", "--method", "multibox", *model) == 0
    assert propose("both", "--method", "both", *model, *FAST) == 0
    search, alone, both = (ProposalFile(tmp_path / n) for n in ("search", "multibox", "both"))
    for first, second, merged in zip(search, alone, both, strict=True):
        count = len(first)
        assert merged.boxes[:count].tobytes() == first.boxes.tobytes()
        assert merged.sources.tolist() == [
            *["selective-search"] * count, *["multibox"] * (len(merged) - count),
        ]  # fmt: skip
        assert (iou_matrix(merged.boxes[count:], first.boxes) <= 0.95).all()
        new = iou_matrix(second.boxes, first.boxes).max(axis=1) <= 0.95
        np.testing.assert_array_equal(merged.boxes[count:], second.boxes[new])
        np.testing.assert_array_equal(merged.scores[count:], second.scores[new])
    parameters = both.recipe["parameters"]
    assert parameters["selective-search"] == search.recipe["parameters"]
    assert parameters["multibox"] == alone.recipe["parameters"]
    assert parameters["near_duplicate"] == 0.95
    assert both.recipe["models"] == alone.recipe["models"]
    assert both.recipe["method"] == "both"


@pytest.mark.slow
def test_the_same_bytes_for_any_workers_and_after_a_lost_part(root, tmp_path):
    arguments = ("propose", root / "plain", "--method", "multibox", "--multibox", root / "m")
    assert call(*arguments, "--out", tmp_path / "one", "--workers", 1) == 0
    assert call(*arguments, "--out", tmp_path / "two", "--workers", 2) == 0
    whole = _bytes(tmp_path / "one")
    assert len(whole) == 2
    assert _bytes(tmp_path / "two") == whole
    (tmp_path / "two/part-00000.parquet").unlink()
    again = ("--out", tmp_path / "two", "--resume", "--workers", 1)
    assert call(*arguments, *again) == 0
    assert _bytes(tmp_path / "two") == whole


def test_two_fold_networks_share_the_images_out(root, tmp_path):
    plain = ("propose", root / "plain", "--method", "multibox", "--workers", 1)
    models = {"f1": ("--multibox", root / "f1"), "f2": ("--multibox", root / "f2")}
    for name, model in models.items():
        assert call(*plain, "--out", tmp_path / name, *model) == 0
    assert call(*plain, "--out", tmp_path / "b", *models["f2"], *models["f1"]) == 0
    stored = {name: ProposalFile(tmp_path / name) for name in ("f1", "f2", "b")}
    owners = {one: "f1" if in_fold(one, "1/2") else "f2" for one in stored["b"].image_ids}
    assert set(owners.values()) == {"f1", "f2"}
    for image_id, owner in owners.items():
        expected = stored[owner].read(image_id).boxes
        np.testing.assert_array_equal(stored["b"].read(image_id).boxes, expected)
    assert stored["b"].recipe["folds"] == ["1/2", "2/2"]
    assert stored["f2"].recipe["folds"] == ["2/2"]


def test_recipes_do_not_mix(root, propose, capsys):
    network_ = ("--method", "multibox", "--multibox", root / "m")
    assert propose("p", *network_) == 0
    assert propose("p", *network_, "--resume") == 0
    capsys.readouterr()
    assert propose("p", *network_, "--resume", "--multibox-nms", 0.7) == 4
    assert "different recipes: parameters.nms 0.5 and 0.7. They never mix" in _error(capsys)
    assert propose("p", "--method", "multibox", "--multibox", root / "f1", "--resume") == 4
    assert re.search(r"recipes: folds \[''\] and \['1/2'\]; models \['\w+'\] and", _error(capsys))
    assert propose("p", "--resume") == 4
    assert "method multibox and selective-search" in _error(capsys)


def test_dry_run_times_it(root, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network_ = ("--method", "multibox", "--multibox", root / "m")
    assert call("propose", root / "voc", "--split", "test", *network_, "--dry-run") == 0
    assert re.search(r"Timed 4 of 4 images: \d\.\d\d s and \d+ boxes", capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--method", "multibox"], "--method multibox: --multibox is missing: the run folder of"),
        (["--method", "both"], "--method both: --multibox is missing"),
        (
            ["--multibox", "m"],
            "--multibox means nothing with --method selective-search. Choose --method multibox or "
            "both, or leave it out.",
        ),
        (["--multibox-nms", "0.5"], "--multibox-nms means nothing with --method selective-search"),
        (["--device", "cpu"], "--device means nothing with --method selective-search"),
        (
            ["--method", "multibox", "--multibox", "m", "--preset", "rcnn"],
            "--preset means nothing with --method multibox. Choose --method both, or leave it out.",
        ),
        (["--method", "multibox", "--multibox", "m", "--seed", "0"], "--seed means nothing with"),
        (
            ["--method", "both", "--multibox", "m", "--multibox-nms", "0"],
            "--multibox-nms 0: neither adaptive",
        ),
        (
            ["--method", "both", "--multibox", "m", "--multibox-nms", "no"],
            "--multibox-nms no: neither adap",
        ),
        (["--method", "both", "--multibox", "m", "--multibox-boxes", "0"], "0 is not in the range"),
        (["--method", "both", "--multibox", "m", "--multibox-views", "some"], "'some' is not one"),
        (["--method", "both", "--multibox", "m", "--device", "tpu"], "--device tpu: expected auto"),
    ],
)
def test_options_that_are_wrong_or_mean_nothing(root, propose, tmp_path, capsys, more, text):
    words = [root / "m" if word == "m" else word for word in more]
    assert propose("p", *words) == 2
    assert text in _error(capsys)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("models", "text"),
    [
        (["classifier"], "not the card of a MultiBox network (kind is 'region-classifier')"),
        (["none"], "none: no such model"),
        (["f1", "f1"], "trained without folds 1/2, 1/2; expected 1/2, 2/2, each once"),
        (["m", "f1"], "trained without folds none, 1/2; expected 1/2, 2/2, each once"),
    ],
)
def test_models_that_will_not_do(root, propose, tmp_path, capsys, models, text):
    words = [word for name in models for word in ("--multibox", root / name)]
    assert propose("p", "--method", "both", *words) == 4
    assert text in _error(capsys)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("method", ["multibox", "both"])
def test_run_proposes_on_the_way_what_propose_stores(root, tmp_path, method):
    chosen = ("--method", method, "--multibox", root / "m")
    (tmp_path / "one.txt").write_text("test_002\n")
    voc = (root / "voc", "--split", tmp_path / "one.txt")
    assert call("propose", *voc, *chosen, "--out", tmp_path / "p.parquet", "--workers", 1) == 0
    run = ("run", *voc, "--model", root / "classifier", "--no-pictures", "--out")
    assert call(*run, tmp_path / "a", *chosen) == 0
    assert call(*run, tmp_path / "b", "--proposals", tmp_path / "p.parquet") == 0
    found = [json.loads((tmp_path / name / "detections.json").read_text()) for name in "ab"]
    assert found[0] == found[1] != []
    recipe = (tmp_path / "a/config.toml").read_text()
    assert f'method = "{method}"' in recipe
    assert 'views = "squares"' in recipe
    assert call(*run, tmp_path / "a", *chosen, "--resume") == 0


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--method", "both"], "--method both: --multibox is missing"),
        (["--multibox", "m"], "--multibox means nothing with --method selective-search"),
        (
            ["--method", "multibox", "--multibox", "m", "--preset", "rcnn"],
            "--preset means nothing with --method multibox",
        ),
        (["--proposals", "p", "--multibox", "m"], "--multibox and --proposals: stored proposals"),
        (["--proposals", "p", "--method", "both"], "--method and --proposals: stored proposals"),
    ],
)
def test_run_refuses_what_means_nothing(root, tmp_path, capsys, more, text):
    words = [root / "m" if word == "m" else word for word in more]
    run = ("run", root / "voc", "--split", "test", "--model", root / "classifier")
    assert call(*run, "--out", tmp_path / "out", *words) == 2
    assert text in _error(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_and_resumed(root, tmp_path):
    shutil.copytree(root / "plain", tmp_path / "many")
    for number in range(64):  # parts of 64, 64 and 6
        shutil.copy(root / f"plain/{number:03d}.png", tmp_path / f"many/{number + 70:03d}.png")
    chosen = ["--method", "both", "--multibox", root / "m", *FAST]
    arguments = ["propose", tmp_path / "many", *chosen, "--out", tmp_path / "p", "--workers"]
    first = tmp_path / "p/part-00000.parquet"
    process = start_interrupted(first, signal.SIGKILL, *arguments, 2)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    kept = first.stat().st_mtime_ns
    # On a busy machine the signal may come while the next part is written, not after 70 images.
    assert not (tmp_path / "p/part-00002.parquet").exists()
    (tmp_path / "p/.part-00002.parquet.1.tmp").write_bytes(b"PAR1")  # killed while writing it
    assert call(*arguments, 1, "--resume") == 0
    assert first.stat().st_mtime_ns == kept
    whole = ("--out", tmp_path / "whole", "--workers", 1)
    assert call("propose", tmp_path / "many", *chosen, *whole) == 0
    assert _bytes(tmp_path / "p") == _bytes(tmp_path / "whole")
