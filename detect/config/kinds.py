"""Which network a recipe is of: recipes do not say it, their keys do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect.config.multibox import MultiBoxRecipe
from detect.config.pretrain import PretrainRecipe
from detect.config.recipes import key_names, load_recipe, read_toml
from detect.config.region_classifier import RegionClassifierRecipe
from detect.config.shared import SharedRecipe
from detect.errors import DataError

AnyRecipe = RegionClassifierRecipe | PretrainRecipe | MultiBoxRecipe | SharedRecipe

# Of kinds that know as many keys, the first.
_KINDS: tuple[type[AnyRecipe], ...] = (
    RegionClassifierRecipe,
    PretrainRecipe,
    MultiBoxRecipe,
    SharedRecipe,
)
_SHOWN = 3


def load_any_recipe(path: Path) -> AnyRecipe:
    """Read the TOML file `path` as the kind of recipe that knows the most of its keys.

    What only `optimizer` and `model` tables say could be of any kind: a region classifier's then,
    with `batch_size` a pre-training's. Raises DataError for a file that no kind knows a key of,
    and as load_recipe.
    """
    keys = set(_keys(read_toml(path)))
    known = {kind: len(keys & set(key_names(kind))) for kind in _KINDS}
    best = max(_KINDS, key=lambda kind: known[kind])
    if not known[best]:
        shown = ", ".join(sorted(keys)[:_SHOWN]) or "nothing"
        raise DataError(
            f"{path}: not a recipe of a region classifier, a pre-training, MultiBox or a detector "
            f"of one trunk: expected tables such as [model] and [optimizer], got {shown}."
        )
    return load_recipe(best, path)


def _keys(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every value."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name
