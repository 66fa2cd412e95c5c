"""Whether a recipe's network is there and takes its inputs, before any data is read."""

from detect.config import AnyRecipe, RegionClassifierRecipe
from detect.trunks import timm_name


def check_trunk(recipe: AnyRecipe) -> None:
    """Raise what is wrong with the network of timm that `recipe` names, if it names one.

    EnvironmentProblem without timm, DataError for a network that timm does not have, that has no
    maps or does not take the recipe's input size, or whose maps are smaller than the grid that
    boxes are moved by.
    """
    if timm_name(recipe.model.variant):
        from detect.training.initial import mean_and_std

        mean_and_std(recipe.model)
    if isinstance(recipe, RegionClassifierRecipe) and recipe.regression.kind != "off":
        from detect.training.initial import box_head

        box_head(recipe)
