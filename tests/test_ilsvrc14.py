"""docs/ilsvrc14.md: its recipes are valid, and its commands run, as they stand, on a tiny set."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, SYNSETS, save_image, texture, write_imagenet_det

from detect.cli import main
from detect.config import (
    MultiBoxRecipe,
    PretrainRecipe,
    RegionClassifierRecipe,
    load_recipe,
    to_toml,
)
from detect.config.sections import Section
from detect.storage.proposals import ProposalFile

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/ilsvrc14.md"
BLACKLIST = "ILSVRC2014_det_validation_blacklist.txt"

# What makes a recipe one of seconds; all else stays.
_TINY = ("model.input_size=32", "model.width=0.25", "run.precision=float32")
RECIPES: dict[str, tuple[type[Section], tuple[str, ...]]] = {
    "pretrain": (PretrainRecipe, (*_TINY, "batch_size=8", "optimizer.steps=3")),
    "multibox": (MultiBoxRecipe, (*_TINY, "batch_size=4", "optimizer.steps=3", "priors.count=4")),
    "classifier": (RegionClassifierRecipe, (*_TINY, "sampling.batch_size=16", "optimizer.steps=3")),
}


def commands() -> list[list[str]]:
    """Return the detect commands of the page's blocks, a line each."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*$(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("detect ")]


def write_classification(root: Path) -> None:
    """Add ILSVRC12's layout with two classes to `root`."""
    rng, lines = np.random.default_rng(0), ["ImageId,PredictionString"]
    for number, synset in enumerate(SYNSETS[:2]):
        for place in range(3):
            name = f"{synset}_{place}"
            save_image(root / f"Data/CLS-LOC/train/{synset}/{name}.JPEG", texture(rng, (40, 50)))
        name = f"ILSVRC2012_val_{number + 1:08d}"
        save_image(root / f"Data/CLS-LOC/val/{name}.JPEG", texture(rng, (50, 40)))
        lines.append(f"{name},{synset} 1 1 9 9")
    (root / "LOC_val_solution.csv").write_text("\n".join(lines) + "\n")


def write_data(root: Path) -> Path:
    """Write a DET set as the page describes it, and ILSVRC12's classification beside it."""
    write_imagenet_det(root, {"val": 11, "train": 4, "test": 2}, size=(48, 128), objects=3)
    (root / "synsets.txt").unlink()
    pairs = enumerate(zip(SYNSETS, CLASSES, strict=True), start=1)
    names = [f"{synset} {number} {name}" for number, (synset, name) in pairs]
    (root / "map_det.txt").write_text("\n".join(names) + "\n")
    write_classification(root)
    return root


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_are_valid_and_begin_with_a_lab_note(name: str) -> None:
    path = ROOT / f"configs/ilsvrc14/{name}.toml"
    assert path.read_text(encoding="utf-8").startswith("# ILSVRC1")
    load_recipe(RECIPES[name][0], path)


def test_the_page_names_every_recipe() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {path.stem for path in (ROOT / "configs/ilsvrc14").iterdir()} == set(RECIPES)
    assert all(f"configs/ilsvrc14/{name}.toml" in text for name in RECIPES)


@pytest.mark.slow
def test_the_commands_of_the_page_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(Path("ILSVRC"))
    Path(BLACKLIST).write_text(f"2 {SYNSETS[0]}\n")
    Path("configs/ilsvrc14").mkdir(parents=True)
    for name, (kind, changes) in RECIPES.items():
        recipe = load_recipe(kind, ROOT / f"configs/ilsvrc14/{name}.toml", changes)
        Path(f"configs/ilsvrc14/{name}.toml").write_text(to_toml(recipe))
    printed: dict[str, str] = {}
    for arguments in commands():
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        output = capsys.readouterr()
        assert stop.value.code == 0, f"detect {shlex.join(arguments)}: {output.err}"
        printed[arguments[0]] = output.out + output.err
    assert "top-5" in printed["classify"]
    assert "1 blacklisted images left out" in printed["split"]
    lists = [Path(f"lists/val{number}.txt").read_text().splitlines() for number in (1, 2)]
    assert [len(lines) for lines in lists] == [5, 5]
    sources = {name for one in ProposalFile(Path("proposals/val1")) for name in one.sources}
    assert sources == {"selective-search", "multibox"}
    assert "positives of train: " in printed["train-classifier"]
    assert len(list(Path("runs/det").glob("*/weights/best.safetensors"))) == 6
    assert "ilsvrc" in printed["eval"]
    assert Path("found/subsets/detections.json").is_file()
    assert "pairs: circle " in printed["train-regression"]
    assert "objects + hard negatives: circle " in printed["train-svm"]
    refined = json.loads(Path("found/refined.json").read_text())
    assert 0 < len(refined) <= len(json.loads(Path("found/svm/detections.json").read_text()))
    found = json.loads(Path("found/test/detections.json").read_text())
    numbers = [line.split()[0] for line in Path("submission.txt").read_text().splitlines()]
    assert set(numbers) == {"1", "2"}
    assert len(numbers) == len(found)
    assert json.loads(Path("found/imported.json").read_text()) == found
    stages = ("pretrain", "train-multibox", "propose val1", "propose val2", "train-classifier")
    assert [name for name in (*stages, "run val2") if f"\n{name}" not in printed["plan"]] == []
