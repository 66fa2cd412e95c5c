"""The recipes of an ensemble's networks."""

from pathlib import Path

import pytest

from detect.config import RegionClassifierRecipe, load_recipe, member_recipes, to_toml
from detect.errors import DataError, UsageError


@pytest.fixture
def load(tmp_path: Path):
    """Return what reads a recipe of 10 steps that goes on with the text given."""

    def load(text: str = "", first: str = "") -> RegionClassifierRecipe:
        path = tmp_path / "recipe.toml"
        path.write_text(f"{first}\n[optimizer]\nsteps = 10\n{text}")
        return load_recipe(RegionClassifierRecipe, path)

    return load


def test_without_tables_networks_differ_by_the_seed_of_their_batches(load) -> None:
    recipe = load(first="seed = 4")
    found = member_recipes(recipe, 3)
    assert found[0] == recipe
    assert [one.seed for one in found] == [4, 5, 6]
    assert [one.initial_seed for one in found] == [None, 4, 4]
    assert found[2].model_copy(update={"seed": 4, "initial_seed": None}) == recipe


def test_a_table_changes_one_network_alone(load) -> None:
    text = "[[ensemble]]\n[[ensemble]]\ncrops.context = 8\noptimizer.steps = 20\n"
    first, second, third = member_recipes(load(text), 3)
    assert (first.crops.context, second.crops.context, third.crops.context) == (16, 8, 16)
    assert (second.optimizer.steps, second.optimizer.learning_rate) == (20, 0.01)
    assert not any(one.ensemble for one in (first, second, third))


def test_a_wider_network_may_have_initial_weights_of_its_own(load) -> None:
    text = "[[ensemble]]\nseed = 7\n[[ensemble]]\nmodel.width = 1.25\ninitial_seed = 1\n"
    first, second = member_recipes(load(text), 2)
    assert (first.seed, first.initial_seed) == (7, 0)
    assert (second.seed, second.initial_seed, second.model.width) == (1, None, 1.25)
    own = member_recipes(load(first="initial_seed = 3"), 2)
    assert [one.initial_seed for one in own] == [3, 3]


def test_recipes_with_tables_survive_toml(load, tmp_path: Path) -> None:
    text = '[[ensemble]]\n[[ensemble]]\nsampling.background_iou = [0.1, 0.4]\ninit = "a b"\n'
    for recipe in (load(text, "initial_seed = 2"), load()):
        again = tmp_path / "again.toml"
        again.write_text(to_toml(recipe))
        assert load_recipe(RegionClassifierRecipe, again) == recipe


def test_a_recipe_of_one_network_says_nothing_of_ensembles(load) -> None:
    text = to_toml(load())
    assert "ensemble" not in text
    assert "initial_seed" not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[[ensemble]]\ncrops.contxt = 8\n",
            "unknown key crops.contxt. Did you mean crops.",
        ),
        ("[[ensemble]]\nmodel.width = 9\n", "model.width: Input should be less than or equal to 4"),
        ('[[ensemble]]\nclasses = ["a"]\n', "classes is the same for all networks"),
        ("[[ensemble]]\ncrops = 3\n", "crops: expected a table, got 3."),
    ],
)
def test_a_wrong_table_is_named(load, text: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        member_recipes(load("[[ensemble]]\n" + text), 2)
    assert str(error.value).startswith("[[ensemble]] table 2 of the recipe: ")
    assert message in str(error.value)


def test_more_tables_than_networks_are_refused(load) -> None:
    with pytest.raises(UsageError, match=r"ensemble=1: the recipe has 2 \[\[ensemble\]\] tables"):
        member_recipes(load("[[ensemble]]\n[[ensemble]]\n"), 1)
