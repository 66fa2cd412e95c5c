"""Recipes: what decides the content of a stored file. Two recipes never mix."""

from pathlib import Path
from typing import Any

from detect.errors import DataError, option

StoredRecipe = dict[str, Any]


def differing(recipe: StoredRecipe, other: StoredRecipe) -> str:
    """Say where two recipes differ: "parameters.seed 0 and 1; data 3f… and 9c…"."""
    one, two = flat(recipe), flat(other)
    keys = sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))
    for method in [key for key in keys if key.rpartition(".")[2] == "method"]:
        beside = method.removesuffix("method")  # Its parameters are others then anyway.
        keys = [key for key in keys if key == method or not key.startswith(beside)]
    return "; ".join(f"{key} {one.get(key)} and {two.get(key)}" for key in keys)


def check_same_recipe(
    path: Path, recipe: StoredRecipe, other_path: Path | str, other: StoredRecipe
) -> None:
    """Raise DataError, naming both and how they differ, unless the recipes are equal."""
    if recipe != other:
        raise DataError(
            f"{path} and {other_path} were made by different recipes: {differing(recipe, other)}. "
            f"They never mix: keep each recipe in its own {option('out')}."
        )


def flat(recipe: StoredRecipe, prefix: str = "") -> StoredRecipe:
    """Flatten {"a": {"b": 1}} to {"a.b": 1}."""
    values: StoredRecipe = {}
    for key, value in recipe.items():
        nested = isinstance(value, dict)
        values |= flat(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return values
