"""Recipes: what is read, what is refused and in which words."""

from pathlib import Path

import pytest

from detect.config import (
    MultiBoxRecipe,
    PretrainRecipe,
    RegionClassifierRecipe,
    Section,
    load_recipe,
    to_toml,
)
from detect.errors import DataError, UsageError

MINIMAL = "[optimizer]\nsteps = 10\n"


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL)
    return path


def load(path: Path, *changes: str) -> RegionClassifierRecipe:
    return load_recipe(RegionClassifierRecipe, path, changes)


def test_defaults_are_the_papers(recipe_file: Path) -> None:
    recipe = load(recipe_file)
    assert recipe.model.input_size == 224
    assert recipe.optimizer.momentum == 0.9
    assert recipe.optimizer.auxiliary_weight == 0.3
    assert recipe.optimizer.schedule == "paper"
    assert (recipe.sampling.batch_size, recipe.sampling.foreground_fraction) == (128, 0.25)


def test_changes_reach_nested_keys_in_every_type(recipe_file: Path) -> None:
    recipe = load(
        recipe_file,
        "model.input_size=64",
        "optimizer.schedule=cosine",
        "classes=[apple,banana]",
        "sampling.background_iou=[0.1, 0.5]",
        "augment.mirror=false",
        'init="some file.safetensors"',
    )
    assert recipe.model.input_size == 64
    assert recipe.optimizer.schedule == "cosine"
    assert recipe.classes == ("apple", "banana")
    assert recipe.sampling.background_iou == (0.1, 0.5)
    assert recipe.augment.mirror is False
    assert recipe.init == "some file.safetensors"


def test_toml_round_trip(recipe_file: Path, tmp_path: Path) -> None:
    recipe = load(recipe_file, 'classes=["red \\"cell\\"", "é"]', "optimizer.learning_rate=1e-5")
    again = tmp_path / "again.toml"
    again.write_text(to_toml(recipe), encoding="utf-8")
    assert load(again) == recipe


MORE = """
[[augment.more]]
name = "GaussNoise"
p = 0.3
std_range = [0.05, 0.15]

[[augment.more]]
name = "AdditiveNoise"

[augment.more.noise_params]
ranges = [[0.0, 0.1]]
"""


@pytest.mark.parametrize("kind", [RegionClassifierRecipe, MultiBoxRecipe, PretrainRecipe])
def test_transforms_are_written_where_there_are_some(tmp_path: Path, kind: type[Section]) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL + MORE)
    recipe = load_recipe(kind, path)
    assert MORE in to_toml(recipe)
    path.write_text(to_toml(recipe))
    assert load_recipe(kind, path) == recipe
    without = load_recipe(kind, path, ["augment.more=[]"])
    assert "more" not in to_toml(without)
    assert "more" not in without.model_dump()["augment"]
    changed = load_recipe(kind, path, ['augment.more=[{name = "Blur", p = 0.1}]'])
    assert changed.model_dump()["augment"]["more"] == ({"name": "Blur", "p": 0.1},)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [(".", RegionClassifierRecipe), ("multibox", MultiBoxRecipe), ("pretrain", PretrainRecipe)],
)
def test_every_config_of_the_project_is_valid(folder: str, kind: type[Section]) -> None:
    paths = sorted((Path(__file__).parents[1] / "configs" / folder).glob("*.toml"))
    assert paths
    for path in paths:
        assert path.read_text(encoding="utf-8").startswith("#"), f"{path}: no lab note"
        load_recipe(kind, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[optimizer]\nstep = 3\n", "unknown key optimizer.step. Did you mean optimizer.steps?"),
        ("steps = 3\n" + MINIMAL, "unknown key steps. Did you mean optimizer.steps?"),
        ("[optimzer]\nsteps = 3\n", "unknown key optimzer. Did you mean optimizer?"),
        ("", "optimizer: Field required."),
        ("[optimizer]\nsteps = 0\n", "optimizer.steps: Input should be greater than or equal to 1"),
        ("[optimizer\n", "not valid TOML"),
        (
            MINIMAL + "[sampling]\nbackground_iou = [0.6, 0.2]\n",
            "0 <= low < high <= foreground_iou.",
        ),
        (MINIMAL + "[[augment.more]]\np = 0.3\n", "augment.more.0.name: Field required."),
        (MINIMAL + "[augment]\nmore = 3\n", "augment.more: expected a list, got 3."),
        (MINIMAL + "[augment]\nmroe = []\n", "augment.mroe. Did you mean augment.more?"),
        (
            MINIMAL + "[[augment.more]]\nname = 'Blur'\np = inf\n",
            "augment.more.0.p.float: Input should be a finite number, got inf.",
        ),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        load(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimizer.steps", "expected NAME=VALUE"),
        ("optimizer.stpes=4", "unknown key optimizer.stpes. Did you mean optimizer.steps?"),
        ("optimizer.steps=many", "optimizer.steps: Input should be a valid integer"),
        ("seed.deeper=1", "seed"),
    ],
)
def test_a_wrong_change_is_a_usage_error(recipe_file: Path, change: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load(recipe_file, change)
    assert message in str(error.value)


TIMM = """[model]
variant = "timm/inception_v3.tf_in1k"
[optimizer]
steps = 10
"""


def test_a_network_of_timm_brings_mean_and_std_unless_a_recipe_says_others(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(TIMM)
    text = to_toml(load(path))
    assert 'variant = "timm/inception_v3.tf_in1k"' in text
    assert "mean" not in text
    path.write_text(text)
    assert load(path).model.model_fields_set.isdisjoint({"mean", "std"})
    said = load(path, "model.mean=[1.0, 2.0, 3.0]")
    assert "mean = [1.0, 2.0, 3.0]" in to_toml(said)
    assert "std" not in to_toml(said)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "model.variant=vgg",
            "model.variant: expected paper, bn, torchvision or timm/NAME",
        ),
        (
            "model.variant=timm/",
            "expected paper, bn, torchvision or timm/NAME, got 'timm/'",
        ),
        ("model.variant='timm/../x'", "expected paper, bn, torchvision or timm/NAME"),
        ("model.width=0.5", "model: width is GoogLeNet's: a network of timm has one. Leave it out"),
        (
            "optimizer.auxiliary_weight=0.1",
            "auxiliary_weight is of GoogLeNet's auxiliary classifiers, and "
            "timm/inception_v3.tf_in1k has none. Leave it out",
        ),
        ("optimizer.trunk_rate=0", "optimizer.trunk_rate: Input should be greater than 0"),
        ("optimizer.frozen_stages=-1", "optimizer.frozen_stages: Input should be greater than or"),
    ],
)
def test_what_a_network_cannot_be_is_said(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(TIMM)
    with pytest.raises(UsageError) as caught:
        load(path, change)
    assert message in str(caught.value)


def test_rates_and_freezing_are_written_where_they_change_something(recipe_file: Path) -> None:
    names = ("trunk_rate", "frozen_statistics", "frozen_stages")
    assert not any(name in to_toml(load(recipe_file)) for name in names)
    told = load(recipe_file, "optimizer.trunk_rate=0.1", "optimizer.frozen_stages=2")
    text = to_toml(told)
    assert ("trunk_rate = 0.1" in text, "frozen_stages = 2" in text) == (True, True)
    assert "frozen_statistics" not in text
