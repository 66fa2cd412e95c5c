"""`detect train-classifier`: GoogLeNet on the regions of an annotated split."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options, training
from detect.cli.progress import track
from detect.cli.skipping import warn_skipped
from detect.config import ClassifierRecipe, load_recipe
from detect.errors import UsageError

if TYPE_CHECKING:
    import torch

    from detect.regions import Dataset
    from detect.training.classifier import Validation
    from detect.training.distributed import Processes
    from detect.training.region_data import RegionData


@dataclass(frozen=True)
class Chosen:
    """The options of one call."""

    data: Path
    split: str
    proposals: Path
    config: Path
    val_split: str | None
    val_proposals: Path | None
    changes: tuple[str, ...]
    init: str | None
    batch_size: str
    out: Path | None
    resume: bool
    exist_ok: bool
    skip_bad: bool
    device: str
    seed: int | None
    threads: int


@click.command("train-classifier")
@click.argument("data", type=options.PATH)
@click.option(
    "--proposals", required=True, type=options.PATH, metavar="P", help="Proposals of that split."
)
@click.option("--val-proposals", type=options.PATH, metavar="Q", help="Proposals of that split.")
@options.out("Run folder. [default: runs/train-classifier/NAME]", required=False)
@training.shared_options
def command(**given: Any) -> None:
    """Train GoogLeNet to tell the objects of DATA from its background.

    --resume goes on with an interrupted run in --out and ends with the same weights. Several
    processes train together under torchrun: see detect pretrain --help.
    """
    chosen = Chosen(**given)
    if (chosen.val_split is None) != (chosen.val_proposals is None):
        raise UsageError("--val-split and --val-proposals go together: give both or neither.")
    given_options = (chosen.changes, chosen.init, chosen.batch_size, chosen.seed)
    changes = training.recipe_changes(*given_options, "sampling.batch_size")
    recipe = load_recipe(ClassifierRecipe, chosen.config, changes)
    with training.together(chosen.device) as (processes, device):
        _train(chosen, recipe, processes, device)


def _train(
    chosen: Chosen, recipe: ClassifierRecipe, processes: "Processes", device: "torch.device"
) -> None:
    """Open everything, train, and say where the weights are and what they score."""
    from detect.training.classifier import train_classifier

    again = {"resume": chosen.resume, "exist_ok": chosen.exist_ok}
    out = training.choose_out("train-classifier", chosen.config, chosen.out, processes, **again)
    dataset, regions = _open(chosen, recipe)
    validation = _open_validation(chosen, dataset.classes)
    where = (dataset, device, processes)
    folder = training.begin(out, recipe, *where, resume=chosen.resume)
    result = train_classifier(
        recipe,
        regions,
        dataset.classes,
        folder,
        device,
        validation=validation,
        resume=chosen.resume,
        threads=chosen.threads,
        processes=processes,
        show=lambda line: click.echo(line, err=True),
        track=track,
    )
    scored = f": mAP {result['map']:.4f} on {chosen.val_split} (voc2012)" if result else ""
    click.echo(f"{folder.weights('best')}{scored}")


def _open(chosen: Chosen, recipe: ClassifierRecipe) -> tuple["Dataset", "RegionData"]:
    """Return the training split with the recipe's classes, and its regions."""
    from detect.data import open_dataset
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes, collect

    dataset = open_dataset(chosen.data, chosen.split, skip_bad=chosen.skip_bad)
    warn_skipped(dataset.skipped)
    dataset = choose_classes(dataset, recipe.classes or dataset.classes)
    samples = track(dataset.samples, len(dataset), "matching proposals")
    regions = collect(dataset, ProposalFile(chosen.proposals), recipe, samples)
    positives = regions.positives(dataset.classes)
    counts = ", ".join(f"{name} {count}" for name, count in positives.items())
    click.echo(f"positive regions: {counts}; background: {len(regions.background)}", err=True)
    return dataset, regions


def _open_validation(chosen: Chosen, classes: tuple[str, ...]) -> "Validation | None":
    from detect.data import open_dataset
    from detect.storage.proposals import ProposalFile
    from detect.training.classifier import Validation
    from detect.training.region_data import choose_classes

    if chosen.val_split is None or chosen.val_proposals is None:
        return None
    dataset = open_dataset(chosen.data, chosen.val_split, skip_bad=chosen.skip_bad)
    warn_skipped(dataset.skipped)
    return Validation(choose_classes(dataset, classes), ProposalFile(chosen.val_proposals))
