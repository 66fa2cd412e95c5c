"""Whether a recipe's network, and what it begins with, is there, before any data is read."""

from pathlib import Path

from detect.config import AnyRecipe, RegionClassifierRecipe
from detect.trunks import IMAGENET, timm_name


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


def check_init(init: str) -> None:
    """Raise DataError where there is no model at `init`, with which a network is to begin.

    State dicts of other programs, "imagenet" and ensembles, of which each network takes its own,
    are looked at when they are read.
    """
    from detect.stages.detector_folder import is_detector
    from detect.stages.members import NAME

    path = Path(init)
    several = is_detector(path) or (path / NAME).is_file()
    if init and init != IMAGENET and path.suffix not in (".pth", ".pt") and not several:
        from detect.models.model_files import find_weights

        find_weights(path)
