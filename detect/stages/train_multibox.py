"""A network that proposes boxes, whatever their class."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from detect.config import MultiBoxRecipe
from detect.errors import DataError, option
from detect.progress import QUIET, Reporter
from detect.runs import RunFolder
from detect.stages.calling import by_keywords
from detect.stages.opening import open_data
from detect.stages.training import Training, TrainingOptions, together
from detect.stages.training_inputs import TrainingInputs

if TYPE_CHECKING:
    from detect.structures import Dataset


def _fold(value: Any) -> Any:
    """Take "I/N", or nothing for None; ValueError for anything else."""
    if value:
        from detect.data.folds import parse_fold

        parse_fold(str(value))
    return value or None


class TrainMultiboxOptions(TrainingOptions):
    """What `train_multibox` is told."""

    leave_out: Annotated[str | None, BeforeValidator(_fold)] = Field(
        None,
        description="Train without this fold of the images, to propose for them unseen.",
    )
    out: Path | None = Field(None, description="Run folder. [default: runs/train-multibox/NAME]")


@dataclass(frozen=True)
class TrainMultiboxResult:
    """Where the best `weights` are, and what their proposals cover of the validation split.

    `average_recall` is Hosang's, `coverage_50` and `coverage_70` the shares of objects covered at
    IoU 0.5 and 0.7. None without a validation split, and in all but the first of several
    processes.
    """

    weights: Path
    average_recall: float | None = None
    coverage_50: float | None = None
    coverage_70: float | None = None


@by_keywords
def train_multibox(
    options: TrainMultiboxOptions, reporter: Reporter = QUIET
) -> TrainMultiboxResult:
    """Train MultiBox to propose objects, alone or with the processes that torchrun started.

    Raises UsageError for options that do not go together, DataError for data, recipe or weights
    that are wrong, EnvironmentProblem for a machine that cannot, DetectError where it diverges.
    """
    recipe = options.read_recipe(MultiBoxRecipe, "batch_size")
    with together(options, reporter) as training:
        return _train(options, recipe, training)


def _train(
    options: TrainMultiboxOptions, recipe: MultiBoxRecipe, training: Training
) -> TrainMultiboxResult:
    from detect.training.multibox import train_multibox as train
    from detect.training.window_data import collect_windows

    # A batch too small for all processes is refused before anything is begun.
    training.processes.rows(recipe.batch_size)
    out, folder = training.choose_out("train-multibox")
    fold = options.leave_out or ""
    dataset = _without_fold(_open(options, options.split, training), fold, training)
    validation = _open(options, options.val_split, training) if options.val_split else None
    data = collect_windows(dataset)
    given = TrainingInputs(dataset, validation, {"leave_out": fold})
    call = training.call(folder, recipe, given)
    figures = train(recipe, data, call, fold=fold, validation=validation)
    training.finish(folder)
    return TrainMultiboxResult(RunFolder(out).weights("best"), **figures)


def _open(options: TrainMultiboxOptions, split: str, training: Training) -> "Dataset":
    return open_data(options.data, split, training.reporter, skip_bad=options.skip_bad)


def _without_fold(dataset: "Dataset", fold: str, training: Training) -> "Dataset":
    """Return the split without the images of `fold`; DataError if none or all are left."""
    from detect.data.folds import in_fold

    if not fold:
        return dataset
    kept = tuple(one for one in dataset.samples if not in_fold(one.image_id, fold))
    left_out = f"{len(dataset) - len(kept)} of"
    if len(kept) in (0, len(dataset)):
        raise DataError(
            f"{option('leave_out', fold)}: {left_out} the {len(dataset)} images of split "
            f"{dataset.split!r} are in that fold. Use fewer folds, or more images."
        )
    training.reporter.say(f"left out fold {fold}: {left_out} {len(dataset)} images.")
    return replace(dataset, samples=kept)
