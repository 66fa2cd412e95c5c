"""GoogLeNet on a folder of classes, to start the other networks from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from detect.config import PretrainRecipe
from detect.progress import QUIET, Reporter
from detect.runs import RunFolder
from detect.stages.calling import by_keywords
from detect.stages.opening import warn_skipped
from detect.stages.training import Training, TrainingOptions, together
from detect.stages.training_inputs import TrainingInputs

if TYPE_CHECKING:
    from detect.data.labelled import LabelledImages


class PretrainOptions(TrainingOptions):
    """What `pretrain` is told."""

    out: Path | None = Field(None, description="Run folder. [default: runs/pretrain/NAME]")


@dataclass(frozen=True)
class PretrainResult:
    """Where the best `weights` are, and how often one crop of a validation image errs, 0 to 1.

    None without a validation split, and in all but the first of several processes.
    """

    weights: Path
    top1_error: float | None = None
    top5_error: float | None = None


@by_keywords
def pretrain(options: PretrainOptions, reporter: Reporter = QUIET) -> PretrainResult:
    """Train GoogLeNet to classify images, alone or with the processes that torchrun started.

    Raises UsageError for options that do not go together, DataError for data, recipe or weights
    that are wrong, EnvironmentProblem for a machine that cannot, DetectError where it diverges.
    """
    recipe = options.read_recipe(PretrainRecipe, "batch_size")
    with together(options, reporter) as training:
        return _train(options, recipe, training)


def _train(options: PretrainOptions, recipe: PretrainRecipe, training: Training) -> PretrainResult:
    from detect.training.pretrain import pretrain as train

    # A batch too small for all processes is refused before anything is begun.
    training.processes.rows(recipe.batch_size)
    out, folder = training.choose_out("pretrain")
    data = _open(options, options.split, training.reporter)
    validation = None
    if options.val_split:
        validation = _open(options, options.val_split, training.reporter)
    given = TrainingInputs(data.images, validation.images if validation else None)
    call = training.call(folder, recipe, given)
    figures = train(recipe, data, call, validation=validation)
    training.finish(folder)
    return PretrainResult(RunFolder(out).weights("best"), **figures)


def _open(options: PretrainOptions, split: str, reporter: Reporter) -> "LabelledImages":
    from detect.data.labelled import open_labelled

    data = open_labelled(options.data, split, skip_bad=options.skip_bad)
    warn_skipped(data.images.skipped_marked, reporter)
    reporter.say(f"{split}: {len(data)} images of {len(data.images.classes)} classes")
    return data
