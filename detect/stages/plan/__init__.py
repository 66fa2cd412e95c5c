"""Hours, memory and disk of every stage, before any of them begins."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from detect.config import (
    AnyRecipe,
    MultiBoxRecipe,
    RegionClassifierRecipe,
    SharedRecipe,
    load_any_recipe,
    member_recipes,
)
from detect.costs.stage_costs import StageCost
from detect.costs.table import figures
from detect.errors import DataError, UsageError, option
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import detector_among, with_detector
from detect.stages.opening import check_figures, open_data
from detect.stages.plan.chain import time_all
from detect.stages.plan.detecting import check_detecting, time_detecting
from detect.stages.plan.options import PlanOptions, PlanResult
from detect.stages.plan.work import Timings
from detect.stages.scoring import rounds_of
from detect.stages.transforms import check_transforms

__all__ = ["PlanOptions", "PlanResult", "plan"]


@by_keywords
def plan(options: PlanOptions, reporter: Reporter = QUIET) -> PlanResult:
    """Estimate what the commands of the chain will cost on this machine, by a minute of timings.

    Raises UsageError for options that do not go together, DataError for recipes that are wrong and
    for data that cannot be read or trained on, EnvironmentProblem for a machine that cannot.
    """
    check_figures((*options.config, *options.model), json=options.json)
    if options.model:
        return _detecting(options, reporter)
    if not options.config:
        raise UsageError(
            f"{option('config')} is missing: a recipe to train by. Or give a {option('model')} to "
            "detect with."
        )
    recipes = [(path.name, load_any_recipe(path)) for path in options.config]
    for path, (_, recipe) in zip(options.config, recipes, strict=True):
        check_transforms(recipe, str(path))
    _check(options, [recipe for _, recipe in recipes])
    load = _load()
    with TemporaryDirectory() as folder:
        result = _plan(_open(options, Path(folder), reporter), recipes, load)
    return _written(options, result)


def _detecting(options: PlanOptions, reporter: Reporter) -> PlanResult:
    """Estimate what detecting with networks that are there costs."""
    check_detecting(options)
    detector = detector_among(options.model)
    told = with_detector(options, detector)
    load = _load()
    dataset = open_data(told.data, told.split, reporter, skip_bad=told.skip_bad)
    with TemporaryDirectory() as folder:
        work = Timings(told, dataset, None, Path(folder), reporter)
        return _written(options, _result(work, time_detecting(work, detector), load))


def _check(options: PlanOptions, recipes: Sequence[AnyRecipe]) -> None:
    """Raise UsageError for options that do not go together, DataError for a wrong [[ensemble]]."""
    multiboxes = sum(isinstance(recipe, MultiBoxRecipe) for recipe in recipes)
    region_classifiers = [
        recipe for recipe in recipes if isinstance(recipe, RegionClassifierRecipe)
    ]
    if multiboxes > 1:
        raise UsageError(
            f"two recipes of MultiBox in {option('config')}: give the one that proposes."
        )
    if options.folds and not multiboxes:
        raise UsageError(f"{option('folds')}: no {option('config')} is a recipe of MultiBox.")
    shared = any(isinstance(recipe, SharedRecipe) for recipe in recipes)
    for name in ("ensemble", "keep_scores", "mirror", "rounds"):
        one_will_do = shared and name in ("keep_scores", "rounds")
        if options.gave(name) and not (region_classifiers or one_will_do):
            raise UsageError(
                f"{option(name)}: no {option('config')} is a recipe of a region classifier."
            )
    if options.test_proposals and not options.test_split:
        raise UsageError(
            f"{option('test_proposals')}: say of which split, with {option('test_split')}."
        )
    rounds_of(options)
    for recipe in region_classifiers:
        if options.ensemble:
            member_recipes(recipe, options.ensemble)
        if options.rounds > 1 and recipe.regression.kind == "off":
            raise UsageError(
                f"{option('rounds', options.rounds)}: the network of a recipe without regression "
                "moves no boxes. Leave it out."
            )
    _check_proposing(options)


def _check_proposing(options: PlanOptions) -> None:
    """Raise UsageError for an option of proposing where all regions are stored."""
    if options.proposals and (options.test_proposals or not options.test_split):
        for name in options.gave("preset", "search", "workers"):
            raise UsageError(
                f"{option(name)}: all regions are stored, nothing is proposed. Leave it out."
            )


def _open(options: PlanOptions, folder: Path, reporter: Reporter) -> Timings:
    """Open the splits; DataError for one to train on without annotations."""
    opened = partial(open_data, options.data, reporter=reporter, skip_bad=options.skip_bad)
    dataset = opened(options.split)
    if not dataset.annotated:
        raise DataError(f"{options.data}: no annotations, so nothing to train on; expected some.")
    test = opened(options.test_split) if options.test_split else None
    return Timings(options, dataset, test, folder, reporter)


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _plan(work: Timings, recipes: Sequence[tuple[str, AnyRecipe]], load: float) -> PlanResult:
    # torch comes late: what it takes is no part of the memory of a search.
    if work.told.device not in ("auto", "cpu"):
        _ = work.device
    return _result(work, time_all(work, recipes), load)


def _result(work: Timings, stages: tuple[StageCost, ...], load: float) -> PlanResult:
    from joblib import cpu_count

    from detect.models.crop_time import describe

    return PlanResult(
        images={one.split: len(one) for one in (work.dataset, work.test) if one is not None},
        stages=stages,
        device=describe(work.device),
        load=load,
        cores=cpu_count(),
    )


def _written(options: PlanOptions, result: PlanResult) -> PlanResult:
    """Write all figures to the JSON file that was told, if any."""
    from detect.files import write_json

    if options.json:
        of = {"data": str(options.data), "images": result.images, "device": result.device}
        write_json(options.json, {**of, "load": result.load, **figures(result.stages)})
    return result
