"""GoogLeNet on the regions of an annotated split: one network, or an ensemble."""

from detect.config import RegionClassifierRecipe, member_recipes
from detect.errors import UsageError, option
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.members import NAME as ENSEMBLE
from detect.stages.members import Members
from detect.stages.positives import check_positives
from detect.stages.train_classifier.ensemble import begun_each, train_members
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
    members = (recipe,) if count is None else begun_each(member_recipes(recipe, count))
    # A batch too small for all processes is refused before anything is begun.
    for number, member in enumerate(members, 1):
        training.processes.rows(member.sampling.batch_size)
        if count is not None:
            check_transforms(member, f"network {number} of {option('ensemble', count)}")
    begun = "state.pt" if count is None else ENSEMBLE
    out, folder = training.choose_out("train-classifier", begun)
    there = Members(folder if folder.is_dir() else out).count
    if count is None and options.resume and there:
        raise UsageError(
            f"{option('out', out)} holds an ensemble of {there} networks. To go on with it "
            f"give {option('ensemble', there)}."
        )
    job = open_job(options, recipe, training)
    if count is None:
        networks: tuple[TrainedNetwork, ...] = (train_one(job, recipe, folder),)
    else:
        networks = train_members(job, recipe, members, Members(folder))
    training.finish(folder)
    return TrainClassifierResult(out, tuple(one.moved(folder, out) for one in networks))
