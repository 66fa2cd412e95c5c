"""A detector of one trunk: proposing, classifying and moving boxes from the maps of an image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from detect.config import SharedRecipe
from detect.errors import UsageError, option
from detect.progress import QUIET, Reporter
from detect.runs import RunFolder
from detect.stages.calling import by_keywords
from detect.stages.opening import open_data
from detect.stages.sources import OWN
from detect.stages.training import Training, TrainingOptions, together
from detect.stages.training_inputs import TrainingInputs

if TYPE_CHECKING:
    from detect.storage.proposals import ProposalFile
    from detect.structures import Dataset


class TrainSharedOptions(TrainingOptions):
    """What `train_shared` is told."""

    proposals: Path | None = Field(
        None, description="Proposals of that split. [default: the network's own]"
    )
    val_proposals: Path | None = Field(
        None, description="Proposals of that split. [default: the network's own]"
    )
    out: Path | None = Field(None, description="Run folder. [default: runs/train-shared/NAME]")


@dataclass(frozen=True)
class TrainSharedResult:
    """Where the best `weights` are, and what they score on the validation split.

    `map` is voc2012's of the whole split, 0 to 1, `ap` that of each class that it has. None and
    empty without a validation split, and in all but the first of several processes.
    """

    weights: Path
    map: float | None = None
    ap: Mapping[str, float] = field(default_factory=dict)


@by_keywords
def train_shared(options: TrainSharedOptions, reporter: Reporter = QUIET) -> TrainSharedResult:
    """Train a detector of one trunk, alone or with the processes that torchrun started.

    Raises UsageError for options that do not go together, DataError for data, proposals, recipe or
    weights that are wrong, EnvironmentProblem for a machine that cannot, DetectError where it
    diverges.
    """
    recipe = options.read_recipe(SharedRecipe, "batch_size")
    if options.val_proposals is not None and options.val_split is None:
        raise UsageError(
            f"{option('val_proposals')}: say of which split, with {option('val_split')}."
        )
    with together(options, reporter) as training:
        return _train(options, recipe, training)


def _train(
    options: TrainSharedOptions, recipe: SharedRecipe, training: Training
) -> TrainSharedResult:
    from detect.training.region_data import choose_classes
    from detect.training.shared import train_shared as train
    from detect.training.shared_data import collect_shared

    # A batch too small for all processes is refused before anything is begun.
    training.processes.rows(recipe.batch_size)
    out, folder = training.choose_out("train-shared")
    dataset = _open(options, options.split, training)
    dataset = choose_classes(dataset, recipe.classes or dataset.classes)
    validation = None
    if options.val_split is not None:
        validation = choose_classes(_open(options, options.val_split, training), dataset.classes)
    proposals, own = _proposals(options.proposals), _proposals(options.val_proposals)
    samples = training.reporter.track(dataset.samples, len(dataset), "reading annotations")
    data = collect_shared(dataset, proposals, samples)
    more = {"proposals": _noted(proposals), "val_proposals": _noted(own) if validation else {}}
    call = training.call(folder, recipe, TrainingInputs(dataset, validation, more))
    scored_on = None if validation is None else (validation, own)
    train(recipe, data, dataset.classes, call, validation=scored_on)
    training.finish(folder)
    return _result(RunFolder(out).weights("best"), training, scored=validation is not None)


def _open(options: TrainSharedOptions, split: str, training: Training) -> "Dataset":
    return open_data(options.data, split, training.reporter, skip_bad=options.skip_bad)


def _proposals(path: Path | None) -> "ProposalFile | None":
    from detect.storage.proposals import ProposalFile

    return None if path is None else ProposalFile(path)


def _noted(proposals: "ProposalFile | None") -> dict[str, Any]:
    """Return what environment.json says of `proposals`: how they were made."""
    return {"method": OWN} if proposals is None else dict(proposals.recipe)


def _result(weights: Path, training: Training, *, scored: bool) -> TrainSharedResult:
    from detect.models.model_files import read_card

    metrics = read_card(weights)["metrics"] if scored and training.processes.first else {}
    return TrainSharedResult(weights, metrics.get("full_val_map"), metrics.get("full_val_ap", {}))
