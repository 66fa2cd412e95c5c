"""What detecting with networks that are there will cost: as `detect run` does it, or a detector."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detect.costs.stage_costs import StageCost, run_stage
from detect.errors import DataError, UsageError, option
from detect.proposals.settings import PRESETS
from detect.stages.detector_folder import StoredDetector
from detect.stages.engines import check_crops
from detect.stages.plan.options import PlanOptions
from detect.stages.plan.work import Regions, Timings, proposed, stored_regions, time_pairs
from detect.stages.scoring import network_paths, rounds_of
from detect.stages.sources import SEARCH, MultiBoxChoice, Source, make_source

if TYPE_CHECKING:
    from detect.models.region_networks import RegionCard, RegionNetwork

    Model = tuple[RegionNetwork, RegionCard]

# What is of training, or of another split than the one to detect in.
_OF_TRAINING = (
    "config", "test_split", "test_proposals", "ensemble", "folds", "threads", "workers",
)  # fmt: skip


def check_detecting(options: PlanOptions) -> None:
    """Raise UsageError for an option that means nothing where networks are there."""
    for name in options.gave(*_OF_TRAINING):
        raise UsageError(
            f"{option(name)} means nothing with {option('model')}, which is trained: this plans "
            f"detect run on {option('split')}. Leave it out."
        )
    if options.proposals is not None:
        for name in options.gave("preset", "search"):
            raise UsageError(
                f"{option(name)}: all regions are stored, nothing is proposed. Leave it out."
            )


def time_detecting(work: Timings, detector: StoredDetector | None) -> tuple[StageCost, ...]:
    """Time a little of proposing on the way, and of each network, of `detector` if it is one.

    DataError where models are wrong, or there is no region.
    """
    from detect.models.region_networks import load_region_network

    told, dataset = work.told, work.dataset
    models = [load_region_network(path) for path in network_paths(told.model)]
    for path, (_, card) in zip(network_paths(told.model), models, strict=True):
        check_crops(told, path, card)
    if told.proposals is not None:
        regions = stored_regions(dataset, told.proposals)
    else:
        regions = proposed(work, dataset, _source(told, detector), 1)
    if not any(map(len, regions.proposals)):
        raise DataError(f"split {dataset.split}: no box in any of the images timed.")
    running = _run(work, models, regions)
    if regions.stage is None:
        return (running,)
    # Made on the way, and not written.
    return replace(regions.stage, disk=0), running


def _source(told: PlanOptions, detector: StoredDetector | None) -> Source:
    """Return what proposes: the detector's, unless a preset is given."""
    if detector is not None and not told.gave("preset"):
        return detector.source(told.device, told.search if told.gave("search") else None)
    settings = replace(PRESETS[told.preset], search=told.search)
    return make_source(SEARCH, settings, 0, MultiBoxChoice((), told.device, "auto"))


def _run(work: Timings, models: "Sequence[Model]", regions: Regions) -> StageCost:
    told, name = work.told, _name(work.told.model)
    kinds = [card.regression for _, card in models]
    rounds = rounds_of(told)
    if rounds.count > 1 and "off" in kinds:
        raise UsageError(f"{option('rounds', rounds.count)}: these networks move no boxes.")
    work.say(f"regions with {name}")
    return run_stage(
        work.dataset.split,
        name,
        len(work.dataset),
        regions.per_image,
        [time_pairs(work, *model, regions) for model in models],
        len(models[0][1].classes) + 1,
        told.keep_scores,
        deltas="off" if "off" in kinds else kinds[0],
        mirror=told.mirror,
        again=rounds.later(regions.per_image),
    )


def _name(models: Sequence[Path]) -> str:
    return ", ".join(path.resolve().name for path in models)
