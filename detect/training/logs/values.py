"""The values of a recipe, one by one."""

from collections.abc import Mapping
from typing import Any


def flat(recipe: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return the values of `recipe` by their dotted names: "optimizer.steps"."""
    found: dict[str, Any] = {}
    for name, value in recipe.items():
        dotted = f"{before}{name}"
        found |= flat(value, f"{dotted}.") if isinstance(value, Mapping) else {dotted: value}
    return found
