"""`detect train-classifier`: GoogLeNet on the regions of an annotated split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options, training
from detect.cli.given import Given, check_same
from detect.cli.members import Members
from detect.cli.positives import check_positives, extra_positives, positives_options
from detect.cli.progress import track
from detect.cli.skipping import open_data
from detect.config import ClassifierRecipe, load_recipe, member_recipes, to_toml
from detect.errors import UsageError
from detect.files import write_text
from detect.runs import RunFolder

if TYPE_CHECKING:
    import torch

    from detect.regions import Dataset
    from detect.storage.proposals import ProposalFile
    from detect.training.classifier import Validation
    from detect.training.distributed import Processes
    from detect.training.region_data import RegionData


@dataclass(frozen=True, kw_only=True)
class Chosen(training.TrainingOptions):
    """The options of one call."""

    proposals: Path
    val_proposals: Path | None
    positives_from: str | None
    positives_per_class: int | None
    ensemble: int | None


@click.command("train-classifier")
@click.argument("data", type=options.PATH)
@click.option(
    "--proposals", required=True, type=options.PATH, metavar="P", help="Proposals of that split."
)
@click.option("--val-proposals", type=options.PATH, metavar="Q", help="Proposals of that split.")
@positives_options
@options.out("Run folder. [default: runs/train-classifier/NAME]", required=False)
@click.option(
    "--ensemble",
    type=click.IntRange(1),
    metavar="N",
    help="Train N networks, one after the other, into --out/1 ... --out/N.",
)
@training.shared_options
def command(**given: Any) -> None:
    """Train GoogLeNet to tell the objects of DATA from its background.

    --resume goes on with an interrupted run in --out and ends with the same weights. Several
    processes train together under torchrun: see detect pretrain --help.

    The networks of an --ensemble begin with the same weights and differ in the order of their
    batches (seed, seed + 1, ...) and in what the recipe's [[ensemble]] tables change: the first
    table for the first network, and so on. The paper's classification entry did so; how the six
    networks of its detection entry differ is not published, and this is our choice.
    """
    chosen = Chosen(**given)
    if (chosen.val_split is None) != (chosen.val_proposals is None):
        raise UsageError("--val-split and --val-proposals go together: give both or neither.")
    check_positives(chosen.positives_from, chosen.positives_per_class)
    changes = chosen.recipe_changes("sampling.batch_size")
    recipe = load_recipe(ClassifierRecipe, chosen.config, changes)
    with training.together(chosen.device) as (processes, device):
        _train(chosen, recipe, processes, device)


def _train(
    chosen: Chosen, recipe: ClassifierRecipe, processes: "Processes", device: "torch.device"
) -> None:
    """Train one network or an ensemble, and say where the weights are and what they score."""
    single = chosen.ensemble is None
    members = (recipe,) if chosen.ensemble is None else member_recipes(recipe, chosen.ensemble)
    # A batch too small for all processes is refused before anything is begun.
    for member in members:
        processes.rows(member.sampling.batch_size)
    out = chosen.choose_out("train-classifier", processes)
    record = Members(out)
    if single and chosen.resume and record.count:
        raise UsageError(
            f"--out {out} holds an ensemble of {record.count} networks. To go on with it give "
            f"--ensemble {record.count}."
        )
    work = _open_work(chosen, recipe, processes, device)
    if single:
        _train_one(work, recipe, out)
    else:
        _train_members(work, recipe, members, record)


@dataclass(frozen=True)
class _Work:
    """What all networks of one call share."""

    chosen: Chosen
    dataset: "Dataset"
    proposals: "ProposalFile"
    validation: "Validation | None"
    processes: "Processes"
    device: "torch.device"

    @property
    def given(self) -> Given:
        """What a run in one of their folders was given, or is given now."""
        chosen, validation = self.chosen, self.validation
        positives = {"split": chosen.positives_from, "per_class": chosen.positives_per_class}
        more = {
            "proposals": self.proposals.recipe,
            "val_proposals": validation.proposals.recipe if validation else {},
            "positives": positives if chosen.positives_from else {},
        }
        return Given(self.dataset, validation.dataset if validation else None, more)


def _train_members(
    work: _Work, recipe: ClassifierRecipe, members: Sequence[ClassifierRecipe], record: Members
) -> None:
    """Train the `members` that are not finished yet, and write down each one that is."""
    count, resume = len(members), work.chosen.resume
    anew = not (resume and record.count)
    if anew:
        _check_members(work, members)
    if work.processes.first:
        if anew:
            write_text(record.path / "config.toml", to_toml(recipe))
        record.begin(count, resume=resume)
    finished = work.processes.from_first(lambda: record.finished)
    for number, member in enumerate(members, 1):
        folder = record.folder(number)
        if number <= finished:
            if work.processes.first:
                check_same(RunFolder(folder), member, work.given)
            click.echo(f"{folder}: finished already ({number} of {count})")
            continue
        click.echo(f"network {number} of {count}", err=True)
        figures = _train_one(work, member, folder)
        if work.processes.first:
            record.finish({"seed": member.seed, **figures})
    click.echo(f"{record.path}: {count} networks; detect run --model {record.path} averages them.")


def _check_members(work: _Work, members: Sequence[ClassifierRecipe]) -> None:
    """Raise what is wrong with any of `members` before the first one is trained.

    Of what can differ between them: their regions, and the weights that they begin with.
    """
    from detect.training.classifier import build_model

    for recipe in {member.sampling: member for member in members}.values():
        _regions(work, recipe)
    for recipe in {(str(member.model), member.init): member for member in members}.values():
        build_model(recipe, len(work.dataset.classes), lambda _: None)


def _train_one(work: _Work, recipe: ClassifierRecipe, out: Path) -> dict[str, float]:
    """Train one network in `out`, print where its weights are, and return its mAP if it has one."""
    from detect.training.classifier import train_classifier

    chosen, dataset = work.chosen, work.dataset
    regions = _regions(work, recipe)
    call = chosen.call(out, recipe, work.given, work.device, work.processes)
    result = train_classifier(recipe, regions, dataset.classes, call, validation=work.validation)
    percent = 100 * result.get("map", 0.0)
    scored = f": mAP {percent:.2f} % on {chosen.val_split} (voc2012)" if result else ""
    click.echo(f"{call.folder.weights('best')}{scored}")
    return {"map": result["map"]} if result else {}


def _open_work(
    chosen: Chosen, recipe: ClassifierRecipe, processes: "Processes", device: "torch.device"
) -> _Work:
    """Open the splits, with the recipe's classes, and their proposals."""
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes

    dataset = open_data(chosen.data, chosen.split, skip_bad=chosen.skip_bad)
    dataset = choose_classes(dataset, recipe.classes or dataset.classes)
    validation = _open_validation(chosen, dataset.classes)
    return _Work(chosen, dataset, ProposalFile(chosen.proposals), validation, processes, device)


def _regions(work: _Work, recipe: ClassifierRecipe) -> "RegionData":
    """Return the regions of the training split that `recipe` draws from."""
    from detect.training.region_data import collect

    chosen, dataset = work.chosen, work.dataset
    which = (chosen.data, chosen.positives_from, chosen.positives_per_class)
    extra = extra_positives(*which, dataset, recipe.seed, chosen.skip_bad)
    samples = track(dataset.samples, len(dataset), "matching proposals")
    regions = collect(dataset, work.proposals, recipe, samples, extra)
    positives = regions.positives(dataset.classes)
    counts = ", ".join(f"{name} {count}" for name, count in positives.items())
    click.echo(f"positive regions: {counts}; background: {len(regions.background)}", err=True)
    return regions


def _open_validation(chosen: Chosen, classes: tuple[str, ...]) -> "Validation | None":
    from detect.storage.proposals import ProposalFile
    from detect.training.classifier import Validation
    from detect.training.region_data import choose_classes

    if chosen.val_split is None or chosen.val_proposals is None:
        return None
    dataset = open_data(chosen.data, chosen.val_split, skip_bad=chosen.skip_bad)
    return Validation(choose_classes(dataset, classes), ProposalFile(chosen.val_proposals))
