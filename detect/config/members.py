"""The recipes of an ensemble's networks, from one recipe.

Six of the seven networks of GoogLeNet's classification entry have one topology and one
initialisation and differ in sampling and order, the seventh is wider (arXiv 1409.4842, section
7). How the six of its detection entry differ is not published. Ours: the same way, the order by
the seed, the sampling by the recipe's [[ensemble]] tables.
"""

from typing import Any

from pydantic import ValidationError

from detect.config.recipes import first_problem
from detect.config.region_classifier import RegionClassifierRecipe
from detect.errors import DataError, UsageError, option

# Networks that know other classes cannot be averaged.
_SHARED = "classes"


def member_recipes(
    recipe: RegionClassifierRecipe, count: int
) -> tuple[RegionClassifierRecipe, ...]:
    """Return the recipes of `count` networks.

    Network i, from 0, draws its batches by the recipe's seed + i; all begin with the weights that
    the recipe's own seed (or `initial_seed`) draws. Then the i-th table of `ensemble` changes
    what it says, these two as well. The first network without a table is the recipe's own.
    Raises UsageError for more tables than networks, DataError for a table that is wrong.
    """
    if len(recipe.ensemble) > count:
        raise UsageError(
            f"{option('ensemble', count)}: the recipe has {len(recipe.ensemble)} [[ensemble]] "
            f"tables, one a network. Give {option('ensemble', len(recipe.ensemble))} or more, or "
            "take tables out."
        )
    values = recipe.model_dump(mode="json", exclude={"ensemble"})
    tables = (*recipe.ensemble, *({},) * (count - len(recipe.ensemble)))
    return tuple(
        _changed({**values, "seed": recipe.seed + number}, table, recipe.weights_seed, number + 1)
        for number, table in enumerate(tables)
    )


def _changed(
    values: dict[str, Any], table: dict[str, Any], initial: int, number: int
) -> RegionClassifierRecipe:
    """Return the recipe of network `number`; DataError where its `table` is wrong."""
    where = f"[[ensemble]] table {number} of the recipe"
    for key in (_SHARED, "ensemble"):
        if key in table:
            raise DataError(f"{where}: {key} is the same for all networks: set it in the recipe.")
    merged = {"initial_seed": initial, **_merged(values, table)}
    if merged["initial_seed"] == merged["seed"]:
        del merged["initial_seed"]  # The recipe of that network alone.
    try:
        return RegionClassifierRecipe.model_validate(merged)
    except ValidationError as error:
        raise DataError(f"{where}: {first_problem(RegionClassifierRecipe, error)}") from None


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with those of `changes` in their place, tables within tables."""
    merged = dict(values)
    for key, value in changes.items():
        own = merged.get(key)
        if isinstance(own, dict) and isinstance(value, dict):
            merged[key] = _merged(own, value)
        else:
            merged[key] = value
    return merged
