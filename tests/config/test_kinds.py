"""The kind of a recipe, told by its keys."""

from pathlib import Path

import pytest

from detect.config import (
    MultiBoxRecipe,
    PretrainRecipe,
    RegionClassifierRecipe,
    Section,
    SharedRecipe,
    load_any_recipe,
    load_recipe,
    to_toml,
)
from detect.errors import DataError

CONFIGS = Path(__file__).parents[2] / "configs"
# A recipe's command stands in its lab note.
COMMANDS: dict[str, type[Section]] = {
    "detect train-classifier": RegionClassifierRecipe,
    "detect train-multibox": MultiBoxRecipe,
    "detect train-shared": SharedRecipe,
    "detect pretrain": PretrainRecipe,
}


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.stem)
def test_our_recipes_are_of_the_command_in_their_note(path: Path) -> None:
    note = path.read_text(encoding="utf-8")
    (kind,) = {kind for command, kind in COMMANDS.items() if f"# {command} " in note}
    recipe = load_any_recipe(path)
    assert type(recipe) is kind
    assert recipe == load_recipe(kind, path)


@pytest.mark.parametrize("kind", COMMANDS.values())
def test_a_recipe_written_out_in_full_is_of_its_kind(kind: type[Section], tmp_path: Path) -> None:
    recipe = kind.model_validate({"optimizer": {"steps": 3}})
    assert load_any_recipe(write(tmp_path, to_toml(recipe))) == recipe


def test_what_any_kind_could_say_is_a_region_classifiers(tmp_path: Path) -> None:
    text = "[model]\ninput_size = 64\n[optimizer]\nsteps = 3\n"
    assert isinstance(load_any_recipe(write(tmp_path, text)), RegionClassifierRecipe)
    assert isinstance(load_any_recipe(write(tmp_path, f"batch_size = 8\n{text}")), PretrainRecipe)


def test_a_misspelt_key_is_told_by_the_kind_that_the_others_show(tmp_path: Path) -> None:
    path = write(tmp_path, "[model]\nhead = 'fc'\n[priors]\ncuont = 9\n[optimizer]\nsteps = 3\n")
    with pytest.raises(DataError, match=r"unknown key priors\.cuont\. Did you mean priors\.count"):
        load_any_recipe(path)


@pytest.mark.parametrize(
    ("text", "got"), [("", "got nothing"), ("[project]\nname = 'x'\n", r"got project\.name")]
)
def test_a_file_of_other_things_is_no_recipe(text: str, got: str, tmp_path: Path) -> None:
    expected = (
        "not a recipe of a region classifier, a pre-training, MultiBox or a detector of one trunk: "
        "expected"
    )
    with pytest.raises(DataError, match=rf"recipe\.toml: {expected}.*, {got}\.$"):
        load_any_recipe(write(tmp_path, text))
