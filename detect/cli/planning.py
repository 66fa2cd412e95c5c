"""What `detect plan` does once its options are read: times a little of every stage."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import click
from joblib import cpu_count

from detect.cli.methods import BOTH, SEARCH
from detect.cli.skipping import open_data
from detect.cli.sources import MultiBoxChoice, make_source
from detect.config import (
    AnyRecipe,
    ClassifierRecipe,
    MultiBoxRecipe,
    PretrainRecipe,
    member_recipes,
)
from detect.data import read_pixels
from detect.errors import DataError
from detect.planning.shown import busy_lines, figures, lines
from detect.planning.stages import Stage, Training, propose_stage, run_stage, training_stage
from detect.proposals.estimate import IMAGES_TIMED, measure, spread
from detect.proposals.settings import PRESETS
from detect.regions import Dataset, Proposals
from detect.storage.proposals import ProposalFile

if TYPE_CHECKING:
    import torch

    from detect.cli.plan import Chosen
    from detect.detector.timing import RegionTime
    from detect.training.timing import StepTime

Recipe = TypeVar("Recipe", ClassifierRecipe, MultiBoxRecipe, PretrainRecipe)

# In the order of the chain.
_COMMANDS = ("pretrain", "train-multibox", "propose", "train-classifier", "run")
# Stored proposals that are read to know how many an image has.
_IMAGES_READ = 64


@dataclass(frozen=True)
class Plan:
    """What there is to print and to write."""

    lines: list[str]
    figures: dict[str, Any]


@dataclass(frozen=True)
class _Work:
    """What every timing needs: the options, the split to train on, a folder for what is made."""

    chosen: "Chosen"
    dataset: Dataset
    folder: Path

    @property
    def device(self) -> "torch.device":
        from detect.models.device import choose_device

        return choose_device(self.chosen.device)

    def train(self, name: str, recipe: AnyRecipe, dataset: Dataset) -> tuple["StepTime", Path]:
        """Time a few steps of `recipe`; return also the weights of the hardly trained network."""
        from detect.runs import RunFolder
        from detect.training.call import Call
        from detect.training.rehearsal import rehearse

        _say(f"steps of {name}")
        folder = RunFolder(self.folder / f"run-{len(list(self.folder.iterdir()))}")
        call = Call(
            folder, self.device, threads=self.chosen.threads, show=partial(click.echo, err=True)
        )
        return rehearse(recipe, dataset, call), folder.weights("last")


@dataclass(frozen=True)
class _Regions:
    """Proposals of a few images of a split, how many an image has, what proposing costs."""

    dataset: Dataset
    proposals: tuple[Proposals, ...]
    per_image: float
    stage: Stage | None


def make(chosen: "Chosen", recipes: Sequence[tuple[str, AnyRecipe]]) -> Plan:
    """Time a little of every stage and return what all of them will cost.

    Raises DataError for a data set that cannot be read or trained on, the errors of the stages.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    dataset = _open(chosen, chosen.split)
    if not dataset.annotated:
        raise DataError(f"{chosen.data}: no annotations, so nothing to train on; expected some.")
    test = _open(chosen, chosen.test_split) if chosen.test_split else None
    with TemporaryDirectory() as folder:
        work = _Work(chosen, dataset, Path(folder))
        # torch comes late: what it takes is no part of the memory of a search.
        if chosen.device not in ("auto", "cpu"):
            _ = work.device
        stages = _time_all(work, test, recipes)
        return _shown(work, test, stages, load)


def _open(chosen: "Chosen", split: str) -> Dataset:
    dataset = open_data(chosen.data, split, skip_bad=chosen.skip_bad)
    return dataset


def _time_all(
    work: _Work, test: Dataset | None, recipes: Sequence[tuple[str, AnyRecipe]]
) -> list[Stage]:
    """Return the stages in the order of the chain."""
    boxing = [_multibox(work, *one) for one in _of(MultiBoxRecipe, recipes)]
    models = [weights for _, weights in boxing]
    regions = [_regions(work, work.dataset, work.chosen.proposals, models)]
    if test is not None:
        regions.append(_regions(work, test, work.chosen.test_proposals, models))
    stages = [stage for stage, _ in boxing]
    stages += [one.stage for one in regions if one.stage is not None]
    stages += [_pretraining(work, *one) for one in _of(PretrainRecipe, recipes)]
    for one in _of(ClassifierRecipe, recipes):
        stages += _classifier(work, *one, regions)
    return sorted(stages, key=lambda stage: _COMMANDS.index(stage.command))


def _of(kind: type[Recipe], recipes: Sequence[tuple[str, AnyRecipe]]) -> list[tuple[str, Recipe]]:
    return [(name, recipe) for name, recipe in recipes if isinstance(recipe, kind)]


def _multibox(work: _Work, name: str, recipe: MultiBoxRecipe) -> tuple[Stage, Path]:
    """Return the cost of training MultiBox, and the weights of a hardly trained one."""
    step, weights = work.train(name, recipe, work.dataset)
    networks = [Training(recipe.optimizer.steps, step)] * (work.chosen.folds or 1)
    return training_stage("train-multibox", name, networks), weights


def _pretraining(work: _Work, name: str, recipe: PretrainRecipe) -> Stage:
    step, _ = work.train(name, recipe, work.dataset)
    networks = [Training(recipe.optimizer.steps, step)]
    concluded = (f"timed on images of {work.dataset.split}, as if of 1,000 classes",)
    return training_stage("pretrain", name, networks, concluded=concluded)


def _regions(
    work: _Work, dataset: Dataset, stored: Path | None, models: Sequence[Path]
) -> _Regions:
    """Return regions of `dataset`: read from `stored`, or proposed and timed."""
    if stored is not None:
        file = ProposalFile(stored)
        found = [file.read(s.image_id, s.size) for s in spread(dataset.samples, _IMAGES_READ)]
        per_image = sum(map(len, found)) / len(found)
        step = -(-len(found) // IMAGES_TIMED)
        return _Regions(dataset, tuple(found[::step]), per_image, None)
    _say(f"proposals for {dataset.split}")
    chosen = work.chosen
    choice = MultiBoxChoice(models, chosen.device, "auto")
    source = make_source(BOTH if models else SEARCH, PRESETS[chosen.preset], 0, choice)
    estimate = measure(source.propose, dataset.samples)
    workers = source.workers(chosen.workers)
    count = len(dataset)
    stage = propose_stage(dataset.split, count, estimate, workers, multibox=bool(models))
    return _Regions(dataset, estimate.proposals, estimate.boxes_per_image, stage)


def _classifier(
    work: _Work, name: str, recipe: ClassifierRecipe, regions: Sequence[_Regions]
) -> list[Stage]:
    """Return the cost of training the networks of `recipe`, and of detecting with them."""
    from detect.training.region_data import REGION_BYTES, choose_classes

    dataset = choose_classes(work.dataset, recipe.classes or work.dataset.classes)
    count = work.chosen.ensemble
    members = member_recipes(recipe, count) if count else (recipe,)
    alike = {_alike(member): member for member in members}
    times = {key: _network(work, name, one, dataset, regions[-1]) for key, one in alike.items()}
    own = [(member.optimizer.steps, *times[_alike(member)]) for member in members]
    return [
        training_stage(
            "train-classifier",
            name,
            [Training(steps, step) for steps, step, _ in own],
            held=round(regions[0].per_image * len(dataset) * REGION_BYTES),
        ),
        run_stage(
            regions[-1].dataset.split,
            name,
            len(regions[-1].dataset),
            regions[-1].per_image,
            [region for _, _, region in own],
            len(dataset.classes) + 1,
            work.chosen.keep_scores,
        ),
    ]


def _alike(recipe: ClassifierRecipe) -> tuple[Any, ...]:
    """Return what decides the time of a step and of a region."""
    sizes = (recipe.sampling.batch_size, recipe.crops.image_side)
    return recipe.model, recipe.optimizer.algorithm, recipe.run.precision, *sizes


def _network(
    work: _Work, name: str, recipe: ClassifierRecipe, dataset: Dataset, regions: _Regions
) -> tuple["StepTime", "RegionTime"]:
    from detect.detector.timing import time_regions
    from detect.models.checkpoint import load_model

    step, weights = work.train(name, recipe, dataset)
    _say(f"regions with {name}")
    if not any(map(len, regions.proposals)):
        raise DataError(
            f"split {regions.dataset.split}: no box in any of the images timed, such as "
            f"{regions.proposals[0].image_id}. Choose other proposals or another --preset."
        )
    samples = {sample.image_id: sample for sample in regions.dataset.samples}
    pairs = [(read_pixels(samples[one.image_id]), one) for one in regions.proposals]
    model, card = load_model(weights)
    return step, time_regions(model, card, work.device, recipe.run.precision, pairs)


def _shown(work: _Work, test: Dataset | None, stages: Sequence[Stage], load: float) -> Plan:
    """Return the plan under the names of what it is of."""
    from detect.models.timing import describe

    device = describe(work.device)
    splits = {one.split: len(one) for one in (work.dataset, test) if one is not None}
    images = ", ".join(f"{count:,} of {split}" for split, count in splits.items())
    head = [
        f"{work.chosen.data}: images: {images}",
        f"Estimates, from timings taken just now on this machine ({device}).",
        *busy_lines(load, cpu_count()),
    ]
    of = {"data": str(work.chosen.data), "images": splits, "device": device, "load": load}
    return Plan([*head, "", *lines(stages)], {**of, **figures(stages)})


def _say(what: str) -> None:
    click.echo(f"timing {what} ...", err=True)
