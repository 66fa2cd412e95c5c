"""Whether the transforms that recipes add can be made, before anything else is."""

from detect.config import AnyRecipe
from detect.errors import DataError, DetectError


def check_transforms(recipe: AnyRecipe, where: str, problem: type[DetectError] = DataError) -> None:
    """Raise `problem`, beginning with `where`, for a wrong table [[augment.more]] of `recipe`."""
    if not recipe.augment.more:
        return  # nothing to import for
    from detect.training.sampling import make_augmenter

    try:
        make_augmenter(recipe)
    except DataError as error:
        raise problem(f"{where}: {error.marked}") from None
