"""GoogLeNet on the regions of an annotated split: one network, or an ensemble."""

from detect.config import RegionClassifierRecipe, member_recipes
from detect.errors import UsageError, option
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.members import Members
from detect.stages.positives import check_positives
from detect.stages.train_classifier.ensemble import train_members
from detect.stages.train_classifier.job import open_job, train_one
from detect.stages.train_classifier.options import (
    TrainClassifierOptions,
    TrainClassifierResult,
    TrainedNetwork,
)
from detect.stages.training import Training, together
from detect.stages.transforms import check_transforms

__all__ = ["TrainClassifierOptions", "TrainClassifierResult", "TrainedNetwork", "train_classifier"]


@by_keywords
def train_classifier(
    options: TrainClassifierOptions, reporter: Reporter = QUIET
) -> TrainClassifierResult:
    """Train one network or an ensemble, alone or with the processes that torchrun started.

    Raises UsageError for options that do not go together, DataError for data, proposals, recipe
    or weights that are wrong, EnvironmentProblem for a machine that cannot, DetectError where the
    training diverges.
    """
    if (options.val_split is None) != (options.val_proposals is None):
        raise UsageError(
            f"{option('val_split')} and {option('val_proposals')} go together: give both or "
            "neither."
        )
    check_positives(options.positives_from, options.positives_per_class)
    recipe = options.read_recipe(RegionClassifierRecipe, "sampling.batch_size")
    with together(options, reporter) as training:
        return _train(options, recipe, training)


def _train(
    options: TrainClassifierOptions, recipe: RegionClassifierRecipe, training: Training
) -> TrainClassifierResult:
    count = options.ensemble
    members = (recipe,) if count is None else member_recipes(recipe, count)
    # A batch too small for all processes is refused before anything is begun.
    for number, member in enumerate(members, 1):
        training.processes.rows(member.sampling.batch_size)
        if count is not None:
            check_transforms(member, f"network {number} of {option('ensemble', count)}")
    out = training.choose_out("train-classifier")
    record = Members(out)
    if count is None and options.resume and record.count:
        raise UsageError(
            f"{option('out', out)} holds an ensemble of {record.count} networks. To go on with it "
            f"give {option('ensemble', record.count)}."
        )
    job = open_job(options, recipe, training)
    if count is None:
        return TrainClassifierResult(out, (train_one(job, recipe, out),))
    return TrainClassifierResult(out, train_members(job, recipe, members, record))
