"""What a network begins with besides its weights: mean and std, and whether it takes its inputs.

And what shape has that which moves boxes.
"""

from detect.config.multibox import MultiBoxModelSection
from detect.config.region_classifier import ModelSection, RegionClassifierRecipe
from detect.config.shared import SharedModelSection
from detect.models.box_head import BoxHeadDesign, check_grid
from detect.models.timm_models import check_input, normalisation
from detect.trunks import timm_name

Triple = tuple[float, float, float]


def mean_and_std(
    model: ModelSection | MultiBoxModelSection | SharedModelSection,
) -> tuple[Triple, Triple]:
    """Return the mean and std of a recipe's network, of 0..255 RGB: timm's networks have theirs.

    What the recipe says of them counts first. DataError where the network is one of timm that does
    not take images of its input size, or none; EnvironmentProblem without timm.
    """
    if not timm_name(model.variant):
        return model.mean, model.std
    check_input(model.variant, model.input_size)
    mean, std = normalisation(model.variant)
    said = model.model_fields_set
    return model.mean if "mean" in said else mean, model.std if "std" in said else std


def box_head(recipe: RegionClassifierRecipe) -> BoxHeadDesign | None:
    """Return the shape of what moves boxes, None where nothing does; DataError as check_grid."""
    told = recipe.regression
    if told.kind == "off":
        return None
    design = BoxHeadDesign(told.kind, told.maps, told.grid)
    check_grid(recipe.model.variant, design, recipe.model.input_size)
    return design
