"""What `train_classifier` does once everything is open: one network, in a run folder."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from detect.config import RegionClassifierRecipe
from detect.errors import DataError, option
from detect.progress import Reporter
from detect.reading import shown
from detect.runs import RunFolder
from detect.stages.opening import open_data
from detect.stages.positives import ExtraPositives, open_positives
from detect.stages.train_classifier.options import TrainClassifierOptions, TrainedNetwork
from detect.stages.training import Training
from detect.stages.training_inputs import TrainingInputs

if TYPE_CHECKING:
    from detect.storage.proposals import ProposalFile
    from detect.structures import Dataset
    from detect.training.region_classifier import BatchMaker, Validation
    from detect.training.region_data import RegionData

# What environment.json says of what makes the batches.
_BATCHES = "batches"


@dataclass(frozen=True)
class ClassifierJob:
    """What all networks of one call share."""

    told: TrainClassifierOptions
    training: Training
    dataset: "Dataset"
    proposals: "ProposalFile"
    positives: ExtraPositives | None
    validation: "Validation | None"

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.training.processes.first

    @property
    def reporter(self) -> Reporter:
        """Who is told how it goes on."""
        return self.training.reporter

    @property
    def given(self) -> TrainingInputs:
        """What a run in one of their folders was given, or is given now."""
        told, validation = self.told, self.validation
        positives = {"split": told.positives_from, "per_class": told.positives_per_class}
        more = {
            "proposals": self.proposals.recipe,
            "val_proposals": validation.proposals.recipe if validation else {},
            "positives": positives if told.positives_from else {},
        }
        return TrainingInputs(self.dataset, validation.dataset if validation else None, more)


def open_job(
    told: TrainClassifierOptions, recipe: RegionClassifierRecipe, training: Training
) -> ClassifierJob:
    """Open the splits, with the recipe's classes, and their proposals."""
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes

    dataset = open_data(told.data, told.split, training.reporter, skip_bad=told.skip_bad)
    dataset = choose_classes(dataset, recipe.classes or dataset.classes)
    validation = _open_validation(told, dataset.classes, training.reporter)
    proposals = ProposalFile(told.proposals)
    which = (told.data, told.positives_from, told.positives_per_class)
    positives = open_positives(*which, dataset, skip_bad=told.skip_bad)
    return ClassifierJob(told, training, dataset, proposals, positives, validation)


def _open_validation(
    told: TrainClassifierOptions, classes: tuple[str, ...], reporter: Reporter
) -> "Validation | None":
    from detect.storage.proposals import ProposalFile
    from detect.training.region_classifier import Validation
    from detect.training.region_data import choose_classes

    if told.val_split is None or told.val_proposals is None:
        return None
    dataset = open_data(told.data, told.val_split, reporter, skip_bad=told.skip_bad)
    return Validation(choose_classes(dataset, classes), ProposalFile(told.val_proposals))


def collect_regions(job: ClassifierJob, recipe: RegionClassifierRecipe) -> "RegionData":
    """Return the regions of the training split that `recipe` draws from."""
    from detect.training.region_data import collect

    dataset, reporter = job.dataset, job.reporter
    extra = job.positives.draw(recipe.seed, reporter) if job.positives else ()
    samples = reporter.track(dataset.samples, len(dataset), "matching proposals")
    regions = collect(dataset, job.proposals, recipe, samples, extra)
    positives = regions.positives(dataset.classes)
    counts = ", ".join(f"{name} {count}" for name, count in positives.items())
    reporter.say(f"positive regions: {counts}; background: {len(regions.background)}")
    return regions


def train_one(job: ClassifierJob, recipe: RegionClassifierRecipe, out: Path) -> TrainedNetwork:
    """Train one network in `out`."""
    from detect.training.region_classifier import train_region_classifier

    regions = collect_regions(job, recipe)
    batches = job.training.processes.from_first(lambda: _batches(job, recipe, RunFolder(out)))
    on_gpu = job.training.device.type == "cuda"
    if on_gpu and recipe.run.batches == "auto" and recipe.augment.more:
        job.reporter.say("batches are made on the CPU, for the transforms of [[augment.more]]")
    given = replace(job.given, more={**job.given.more, _BATCHES: batches})
    call = job.training.call(out, recipe, given)
    train_region_classifier(
        recipe, regions, job.dataset.classes, call, validation=job.validation, batches=batches
    )
    return trained(job, out)


def _batches(job: ClassifierJob, recipe: RegionClassifierRecipe, folder: RunFolder) -> "BatchMaker":
    """Return what makes the batches: what did so far where a training goes on, on any device."""
    from detect.training.region_classifier import choose_batches

    if not (job.told.resume and folder.state.exists()):
        return choose_batches(recipe, job.training.device)
    noted = folder.environment().get(_BATCHES, "opencv")
    if noted in ("opencv", "torch"):
        return cast("BatchMaker", noted)
    raise DataError(
        f"{folder.path / 'environment.json'}: {_BATCHES}: expected opencv or torch, got "
        f"{shown(noted)}. Was it edited by hand? Begin anew in another {option('out')}."
    )


def trained(job: ClassifierJob, out: Path, *, already: bool = False) -> TrainedNetwork:
    """Return the network in `out`, with the figures of its card."""
    from detect.models.model_files import read_card

    weights = RunFolder(out).weights("best")
    metrics = read_card(weights)["metrics"] if job.first and job.validation else {}
    scores = (metrics.get("full_val_map"), metrics.get("full_val_ap", {}))
    return TrainedNetwork(out, weights, *scores, already)
