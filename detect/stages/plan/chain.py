"""The cost of every command of the chain, in its order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from detect.config import (
    AnyRecipe,
    MultiBoxRecipe,
    PretrainRecipe,
    RegionClassifierRecipe,
    SharedRecipe,
    member_recipes,
)
from detect.costs.stage_costs import NetworkTraining, StageCost, run_stage, training_stage
from detect.stages.plan.work import Regions, Timings, regions_of, time_network, time_training
from detect.stages.scoring import rounds_of

SomeRecipe = TypeVar(
    "SomeRecipe", RegionClassifierRecipe, MultiBoxRecipe, PretrainRecipe, SharedRecipe
)
# A recipe and the name of its file.
Named = tuple[str, SomeRecipe]

# In the order of the chain.
_COMMANDS = ("pretrain", "train-multibox", "propose", "train-classifier", "train-shared", "run")


def time_all(work: Timings, recipes: Sequence[tuple[str, AnyRecipe]]) -> tuple[StageCost, ...]:
    """Time a little of every stage, and return the stages in the order of the chain."""
    boxing = [_multibox(work, one) for one in _of(MultiBoxRecipe, recipes)]
    models = [weights for _, weights in boxing]
    regions = [regions_of(work, work.dataset, work.told.proposals, models)]
    if work.test is not None:
        regions.append(regions_of(work, work.test, work.told.test_proposals, models))
    stages = [stage for stage, _ in boxing]
    stages += [one.stage for one in regions if one.stage is not None]
    stages += [_pretraining(work, one) for one in _of(PretrainRecipe, recipes)]
    for one in _of(RegionClassifierRecipe, recipes):
        stages += _region_classifier(work, one, regions)
    for shared in _of(SharedRecipe, recipes):
        stages += _shared(work, shared, regions)
    return tuple(sorted(stages, key=lambda stage: _COMMANDS.index(stage.command)))


def _of(
    kind: type[SomeRecipe], recipes: Sequence[tuple[str, AnyRecipe]]
) -> list[Named[SomeRecipe]]:
    return [(name, recipe) for name, recipe in recipes if isinstance(recipe, kind)]


def _multibox(work: Timings, named: Named[MultiBoxRecipe]) -> tuple[StageCost, Path]:
    """Return the cost of training MultiBox, and the weights of a hardly trained one."""
    name, recipe = named
    step, weights = time_training(work, name, recipe, work.dataset)
    networks = [NetworkTraining(recipe.optimizer.steps, step)] * (work.told.folds or 1)
    return training_stage("train-multibox", name, networks), weights


def _pretraining(work: Timings, named: Named[PretrainRecipe]) -> StageCost:
    name, recipe = named
    step, _ = time_training(work, name, recipe, work.dataset)
    networks = [NetworkTraining(recipe.optimizer.steps, step)]
    concluded = (f"timed on images of {work.dataset.split}, as if of 1,000 classes",)
    return training_stage("pretrain", name, networks, concluded=concluded)


def _region_classifier(
    work: Timings, named: Named[RegionClassifierRecipe], regions: Sequence[Regions]
) -> list[StageCost]:
    """Return the cost of training the networks of a recipe, and of detecting with them."""
    from detect.training.region_data import REGION_BYTES, TRUTH_BYTES, choose_classes

    name, recipe = named
    dataset = choose_classes(work.dataset, recipe.classes or work.dataset.classes)
    count = work.told.ensemble
    members = member_recipes(recipe, count) if count else (recipe,)
    alike = {_alike(member): member for member in members}
    times = {key: time_network(work, name, one, dataset, regions[-1]) for key, one in alike.items()}
    held = REGION_BYTES + (0 if recipe.regression.kind == "off" else TRUTH_BYTES)
    own = [(member.optimizer.steps, *times[_alike(member)]) for member in members]
    return [
        training_stage(
            "train-classifier",
            name,
            [NetworkTraining(steps, step) for steps, step, _ in own],
            held=round(regions[0].per_image * len(dataset) * held),
        ),
        run_stage(
            regions[-1].dataset.split,
            name,
            len(regions[-1].dataset),
            regions[-1].per_image,
            [region for _, _, region in own],
            len(dataset.classes) + 1,
            work.told.keep_scores,
            deltas=recipe.regression.kind,
            mirror=work.told.mirror,
            again=rounds_of(work.told).later(regions[-1].per_image),
        ),
    ]


def _shared(
    work: Timings, named: Named[SharedRecipe], regions: Sequence[Regions]
) -> list[StageCost]:
    """Return the cost of training a detector of one trunk, and of detecting with it."""
    from detect.training.region_data import choose_classes

    name, recipe = named
    dataset, shown = (
        choose_classes(work.dataset, recipe.classes or work.dataset.classes),
        regions[-1],
    )
    step, region = time_network(work, name, recipe, dataset, shown)
    again = rounds_of(work.told).later(shown.per_image)
    columns, kept = len(dataset.classes) + 1, work.told.keep_scores
    told = (shown.dataset.split, name, len(shown.dataset), shown.per_image, [region], columns, kept)
    return [
        training_stage("train-shared", name, [NetworkTraining(recipe.optimizer.steps, step)]),
        run_stage(*told, deltas=recipe.regression.kind, again=again),
    ]


def _alike(recipe: RegionClassifierRecipe) -> tuple[Any, ...]:
    """Return what decides the time of a step and of a region."""
    sizes = (recipe.sampling.batch_size, recipe.crops.image_side)
    model = (recipe.model, recipe.regression)
    return *model, recipe.optimizer.algorithm, recipe.run.precision, *sizes
