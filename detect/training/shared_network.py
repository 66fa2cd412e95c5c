"""What a training of one trunk begins with: the network, its priors, what deltas are like."""

from collections.abc import Callable

import torch
from torch import Tensor

from detect.config import SharedRecipe
from detect.models.box_coder import BoxCoder
from detect.models.box_head import BoxHeadDesign
from detect.models.pretrained import initialise
from detect.models.priors import fit_shapes, grid_priors, prior_quality
from detect.models.shared import SharedDesign, SharedNetwork, grid_sizes
from detect.structures import FloatArray
from detect.training.box_targets import moving_to, statistics
from detect.training.shared_data import SharedData
from detect.training.shared_regions import RegionDrawer


def build_shared(
    recipe: SharedRecipe, boxes: FloatArray, num_classes: int, show: Callable[[str], None]
) -> SharedNetwork:
    """Return a network with priors fitted to `boxes` (N, 4), fractions, drawn or from `init`.

    Shows how well the priors alone cover the boxes. DataError with fewer boxes than shapes.
    """
    model, grid = recipe.model, recipe.priors
    sizes = grid_sizes(model.variant, model.input_size, model.input_height, grid.levels)
    priors = grid_priors(fit_shapes(boxes, grid.levels, grid.shapes, recipe.seed), sizes)
    quality = prior_quality(priors, boxes)
    show(
        f"{len(priors)} priors alone: mean IoU {quality['mean_iou']:.3f} with the {len(boxes)} "
        f"training boxes, {quality['0.50']:.3f} of them covered at IoU 0.5, {quality['0.70']:.3f} "
        "at 0.7"
    )
    moves = recipe.regression
    design = SharedDesign(
        variant=model.variant,
        width=model.width,
        classes=num_classes,
        input_size=model.input_size,
        input_height=model.input_height,
        slots=len(priors),
        levels=grid.levels,
        shapes=grid.shapes,
        coder=BoxCoder(recipe.objective.encoding, recipe.objective.scale),
        regression=BoxHeadDesign(moves.kind, moves.maps, moves.grid),
    )
    torch.manual_seed(recipe.weights_seed)
    told = (torch.from_numpy(priors), model.mean, model.std, model.dropout)
    network = SharedNetwork(design, *told)
    if recipe.init:
        show(str(initialise(network, recipe.init)))
    return network


def delta_statistics(
    drawer: RegionDrawer, data: SharedData, priors: FloatArray
) -> tuple[Tensor, Tensor]:
    """Return the mean (4,) and deviation (4,) of the deltas to learn from `data`.

    Where the network proposes itself its `priors` (K, 4), which it begins with, stand for its
    boxes. DataError as box_targets.statistics.
    """
    boxes, truths = [], []
    for number, sample in enumerate(data.samples):
        proposed = data.proposed[number] if data.proposed else priors
        own, found = drawer.matched(proposed, sample.annotations)
        boxes.append(own)
        truths.append(moving_to(found, drawer.recipe.regression.iou))
    mean, std = statistics(data.samples, boxes, truths)
    return torch.from_numpy(mean), torch.from_numpy(std)
