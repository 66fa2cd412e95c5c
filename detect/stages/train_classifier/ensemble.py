"""Networks of one ensemble, trained one after the other; a finished one is not trained again."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from detect.config import RegionClassifierRecipe, to_toml
from detect.errors import UsageError, option
from detect.locks import holding
from detect.runs import RunFolder
from detect.stages.members import Members, member_folders
from detect.stages.train_classifier.job import ClassifierJob, collect_regions, train_one, trained
from detect.stages.train_classifier.options import TrainedNetwork
from detect.stages.training_inputs import check_same


def begun_each(
    members: tuple[RegionClassifierRecipe, ...],
) -> tuple[RegionClassifierRecipe, ...]:
    """Return `members`; those whose `init` is an ensemble begin with its network of their number.

    DataError for an ensemble that is not whole, UsageError for one of fewer networks.
    """
    return tuple(_begun(member, place) for place, member in enumerate(members))


def _begun(member: RegionClassifierRecipe, place: int) -> RegionClassifierRecipe:
    path = Path(member.init)
    networks = member_folders(path) if member.init else (path,)
    if networks == (path,):
        return member
    if place >= len(networks):
        raise UsageError(
            f"{option('init', path)} has {len(networks)} networks, and network {place + 1} of "
            f"{option('ensemble')} is to begin with the one of its number. Give "
            f"{option('ensemble', len(networks))}, or one network: {option('init', networks[0])}."
        )
    return member.model_copy(update={"init": str(networks[place])})


def train_members(
    job: ClassifierJob,
    recipe: RegionClassifierRecipe,
    members: Sequence[RegionClassifierRecipe],
    record: Members,
) -> tuple[TrainedNetwork, ...]:
    """Train the `members` that are not finished yet, and write down each one that is.

    Their folders are held from the beginning: it removes what was begun in them.
    """
    with ExitStack() as held:
        for number in range(1, len(members) + 1) if job.first else ():
            held.enter_context(holding(record.folder(number), job.reporter))
        return _train(job, recipe, members, record)


def _train(
    job: ClassifierJob,
    recipe: RegionClassifierRecipe,
    members: Sequence[RegionClassifierRecipe],
    record: Members,
) -> tuple[TrainedNetwork, ...]:
    finished = _begin(job, recipe, members, record)
    networks = []
    for number, member in enumerate(members, 1):
        folder = record.folder(number)
        if number <= finished:
            if job.first:
                check_same(RunFolder(folder), member, job.given)
            networks.append(trained(job, folder, already=True))
            continue
        job.reporter.say(f"network {number} of {len(members)}")
        network = train_one(job, member, folder)
        networks.append(network)
        if job.first:
            scored = {} if network.map is None else {"map": network.map}
            record.finish({"seed": member.seed, **scored})
    return tuple(networks)


def _begin(
    job: ClassifierJob,
    recipe: RegionClassifierRecipe,
    members: Sequence[RegionClassifierRecipe],
    record: Members,
) -> int:
    """Begin the ensemble, or go on with it; return how many of its networks are finished."""
    resume = job.told.resume
    anew = not (resume and record.count)
    if anew:
        _check_members(job, members)
    if job.first:
        record.begin(len(members), resume=resume)  # first: it says that there is one to go on with
        if anew or not RunFolder(record.path).has_recipe():
            RunFolder(record.path).write_config(to_toml(recipe))
    return job.training.processes.from_first(lambda: record.finished)


def _check_members(job: ClassifierJob, members: Sequence[RegionClassifierRecipe]) -> None:
    """Raise what is wrong with any of `members` before the first one is trained.

    Of what can differ between them: their regions, and the weights that they begin with.
    """
    from detect.training.region_classifier import build_region_classifier

    for recipe in {member.sampling: member for member in members}.values():
        collect_regions(job, recipe)
    for recipe in {(str(member.model), member.init): member for member in members}.values():
        build_region_classifier(recipe, len(job.dataset.classes), lambda _: None)
