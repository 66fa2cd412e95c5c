"""`detect plan` through the command: what it prints and writes, and what it refuses."""

import json
import re
from pathlib import Path

import pytest
import torch
from builders import save_image, texture, write_voc
from commands import call
from proposing import propose_randomly

from detect.data import open_dataset

STEPS = "[optimizer]\nsteps = 500\n[run]\nprecision = 'float32'\n"
TINY = f"[model]\ninput_size = 32\nwidth = 0.25\n{STEPS}"
RECIPES = {
    "region-classifier": f"{TINY}[sampling]\nbatch_size = 4\n",
    "pretrain": f"batch_size = 4\n{TINY}",
    "multibox": f"batch_size = 4\n{TINY}[priors]\ncount = 5\n",
    "ensemble": f"{TINY}[sampling]\nbatch_size = 4\n[[ensemble]]\noptimizer = {{ steps = 100 }}\n",
    "moving": f"{TINY}[sampling]\nbatch_size = 4\n[regression]\nkind = 'agnostic'\ngrid = 2\n",
    "shared": f"batch_size = 4\n{TINY}[priors]\nlevels = 1\n[sampling]\nregions = 4\n".replace(
        "input_size = 32", "input_size = 64\ninput_height = 48"
    ),
    "other": "[project]\nname = 'other'\n",
    "spatial": f"{TINY}[[augment.more]]\nname = 'Rotate'\n",
    "wrong": f"{TINY}[sampling]\nbatch_sise = 4\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a set of 4 train and 2 test images, regions of them, and recipes."""
    root = tmp_path_factory.mktemp("plan")
    voc = write_voc(root / "voc", {"train": 4, "test": 2})
    (voc / "ImageSets/Main/empty.txt").write_text("")
    for split, count in (("train", 40), ("test", 30)):
        propose_randomly(open_dataset(voc, split), root / f"{split}.parquet", count)
    for name, text in RECIPES.items():
        (root / f"{name}.toml").write_text(text)
    return root


@pytest.fixture
def plan(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Return what calls `detect plan` with recipes by name and gives (code, stdout, stderr)."""
    monkeypatch.chdir(root)

    def run(*arguments: object, recipes: tuple[str, ...] = ("region-classifier",)):
        given = [part for name in recipes for part in ("--config", f"{name}.toml")]
        code = call("plan", "voc", "--split", "train", *given, *arguments)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def error(result: tuple[int, str, str]) -> tuple[int, str]:
    """Return code and text of an error, which must be all that was said, in one or two lines."""
    code, out, err = result
    assert out == ""
    assert err.count("\n") <= 2
    return code, err


STORED = (
    "--proposals",
    "train.parquet",
    "--test-split",
    "test",
    "--test-proposals",
    "test.parquet",
)


def test_every_stage_of_the_chain_in_its_order(plan, root: Path, tmp_path: Path) -> None:
    before = sorted(root.rglob("*"))
    out = tmp_path / "plan.json"
    more = ("--folds", 2, "--ensemble", 2, "--workers", 2, "--keep-scores", "float16")
    code, shown, err = plan(
        *("--test-split", "test", "--test-proposals", "test.parquet", "--json", out, *more),
        recipes=("ensemble", "multibox", "pretrain"),
    )
    assert code == 0, err
    assert shown.startswith("voc: images: 4 of train, 2 of test\nEstimates, from timings")
    table = shown.split("\n\n")[1]
    names = [line.split("  ")[0] for line in table.splitlines()]
    assert names == [
        "stage",
        "pretrain pretrain.toml",
        "train-multibox multibox.toml, 2 networks",
        "propose train",
        "train-classifier ensemble.toml, 2 networks",
        "run test, ensemble.toml, 2 networks",
        "all, one after the other",
    ]
    assert "extrapolated: timed on images of train, as if of 1,000 classes." in shown
    assert sorted(root.rglob("*")) == before  # Nothing is written besides --json.
    _check_figures(json.loads(out.read_text()))


def _check_figures(found: dict) -> None:
    """Check the figures of that plan against each other."""
    assert found["images"] == {"train": 4, "test": 2}
    pretrain, multibox, propose, train, run = found["stages"]
    assert (pretrain["steps"], multibox["steps"], train["steps"]) == (500, 1000, 600)
    for stage in (pretrain, multibox, train):
        seconds = stage["steps"] * stage["seconds_per_step"]
        assert stage["hours"] == pytest.approx(seconds / 3600)
        assert (stage["batch"], stage["samples_timed"]) == (4, 4)
    assert (propose["images"], propose["images_timed"], propose["workers"]) == (4, 4, 2)
    assert propose["hours"] == pytest.approx(4 * propose["seconds_per_image"] / 2 / 3600)
    assert (run["images"], run["regions_per_image"], run["networks"]) == (2, 30, 2)
    assert run["hours"] == pytest.approx(60 * 2 * run["seconds_per_region"] / 3600)
    # Two networks' half floats for three classes and background, and a box, of every region.
    assert run["scores_bytes"] == 60 * (2 * 4 * 2 + 16)
    assert run["disk_bytes"] == 2 * run["scores_bytes"]
    total = sum(stage["hours"] for stage in found["stages"])
    assert found["total"]["hours"] == pytest.approx(total)
    assert all(stage["memory_bytes"] > 0 for stage in found["stages"])
    assert all(stage["gpu_memory_bytes"] == 0 for stage in found["stages"])


def test_stored_regions_are_counted_and_not_proposed(plan) -> None:
    code, shown, err = plan(*STORED)
    assert code == 0, err
    assert "propose" not in shown
    assert re.search(r"2 images of 30 regions at \S+ ms a region; \d+ regions timed; --keep", shown)
    assert "timing proposals" not in err


def test_one_trunk_is_trained_and_detects(plan, tmp_path: Path) -> None:
    told = (*STORED, "--keep-scores", "float16", "--json", tmp_path / "plan.json")
    code, shown, err = plan(*told, recipes=("shared",))
    assert code == 0, err
    assert "train-shared shared.toml" in shown
    assert "500 steps of 4 at" in shown
    train, run = json.loads((tmp_path / "plan.json").read_text())["stages"]
    assert train["steps"] == 500
    assert (run["images"], run["regions_per_image"], run["mirror"]) == (2, 30, False)
    # Half floats for three classes and background, one class's deltas and its place, and a box.
    assert run["scores_bytes"] == 60 * (2 * 4 + 2 * 4 + 4 + 16)
    code, shown, err = plan(*STORED, "--mirror", recipes=("shared",))
    assert (code, "--mirror: no --config is a recipe of a region classifier" in err) == (2, True)


def test_mirrored_regions_are_timed_as_such(plan, tmp_path: Path) -> None:
    code, shown, err = plan(*STORED, "--mirror", "--json", tmp_path / "plan.json")
    assert code == 0, err
    assert re.search(r"2 images of 30 regions at \S+ ms a region \(mirrored too\); \d+", shown)
    assert json.loads((tmp_path / "plan.json").read_text())["stages"][-1]["mirror"] is True


def test_regions_of_later_rounds_are_counted(plan, tmp_path: Path) -> None:
    told = (*STORED, "--rounds", 3, "--again", 10, "--json", tmp_path / "plan.json")
    code, shown, err = plan(*told, recipes=("moving",))
    assert code == 0, err
    assert re.search(r"2 images of 30 regions and 20 of later rounds at \S+ ms a region; ", shown)
    assert "extrapolated: regions of later rounds take as long as the others." in shown
    run = json.loads((tmp_path / "plan.json").read_text())["stages"][-1]
    assert run["hours"] == pytest.approx(2 * 50 * run["seconds_per_region"] / 3600)


def test_without_a_test_split_detection_is_planned_for_the_split_itself(plan) -> None:
    code, shown, err = plan("--proposals", "train.parquet")
    assert code == 0, err
    assert "run train, region-classifier.toml: 4 images of 40 regions" in shown


@pytest.mark.parametrize(
    ("recipe", "text"),
    [
        ("other", "other.toml: not a recipe of a region classifier, a pre-training, MultiBox or"),
        ("spatial", "spatial.toml: [[augment.more]] table 1: Rotate changes more than the values"),
        ("wrong", "wrong.toml: unknown key sampling.batch_sise. Did you mean sampling.batch_size?"),
        ("missing", "missing.toml: cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_recipe_is_a_data_error(plan, recipe: str, text: str) -> None:
    code, err = error(plan(recipes=(recipe,)))
    assert code == 4
    assert text in err


@pytest.mark.parametrize(
    ("recipes", "arguments", "text"),
    [
        (("region-classifier",), ("--folds", 2), "--folds: no --config is a recipe of MultiBox"),
        (("multibox",), ("--ensemble", 2), "--ensemble: no --config is a recipe of a region"),
        (("pretrain",), ("--keep-scores",), "--keep-scores: no --config is a recipe of a region"),
        (("pretrain",), ("--mirror",), "--mirror: no --config is a recipe of a region"),
        (("pretrain",), ("--rounds", 2), "--rounds: no --config is a recipe of a region"),
        (("ensemble",), ("--rounds", 2), "--rounds 2: the network of a recipe without regression"),
        (("moving",), ("--again", 2), "--again means nothing without --rounds: leave it out."),
        (("multibox", "multibox"), (), "two recipes of MultiBox in --config"),
        (("ensemble",), ("--ensemble", 0), "Invalid value for '--ensemble'"),
        (("region-classifier",), ("--test-proposals", "test.parquet"), "say of which split"),
        (("region-classifier",), (*STORED, "--preset", "rcnn"), "--preset: all regions are stored"),
        (("region-classifier",), (*STORED, "--workers", 2), "--workers: all regions are stored"),
        (("region-classifier",), (*STORED, "--device", "gpu"), "--device gpu: expected auto, cpu"),
    ],
)
def test_options_that_do_not_go_together(
    plan, recipes: tuple[str, ...], arguments: tuple[object, ...], text: str
) -> None:
    code, err = error(plan(*arguments, recipes=recipes))
    assert code == 2
    assert text in err


def test_splits_and_regions_that_are_not_there(plan) -> None:
    for arguments, text in (
        (("--test-split", "empty"), "empty.txt: the split is empty"),
        (("--test-split", "tset"), "--split tset: neither a split of voc"),
        (("--proposals", "test.parquet"), "test.parquet: no proposals for image train_000"),
    ):
        code, err = error(plan(*arguments))
        assert code == 4
        assert text in err


def test_images_without_annotations_are_nothing_to_train_on(
    plan, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import numpy as np

    save_image(tmp_path / "a.png", texture(np.random.default_rng(0), (40, 40)))
    (tmp_path / "list.txt").write_text("a\n")
    code = call(
        "plan", tmp_path, "--split", tmp_path / "list.txt", "--config", "region-classifier.toml"
    )
    assert code == 4
    assert "no annotations, so nothing to train on" in capsys.readouterr().err


def test_an_unreadable_image_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    voc = write_voc(tmp_path / "voc", {"train": 2})
    bad = voc / "JPEGImages/train_001.jpg"
    bad.write_bytes(bad.read_bytes()[:400])
    arguments = ("plan", voc, "--split", "train", "--config", root / "region-classifier.toml")
    assert call(*arguments) == 4
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("Error: ")
    assert bad.name in last


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_has_a_column_of_its_own(plan) -> None:
    code, shown, err = plan(*STORED, "--device", "cuda")
    assert code == 0, err
    assert "on the GPU" in shown
