"""`detect train-classifier`: GoogLeNet on the regions of an annotated split."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import warn_skipped
from detect.config import ClassifierRecipe, load_recipe, to_toml
from detect.errors import UsageError

if TYPE_CHECKING:
    import torch

    from detect.regions import Dataset
    from detect.runs import RunFolder
    from detect.training.classifier import Validation
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
@click.option("--split", required=True, metavar="NAME|FILE", help="The split to train on.")
@click.option(
    "--proposals", required=True, type=options.PATH, metavar="P", help="Proposals of that split."
)
@click.option(
    "--config", required=True, type=options.PATH, metavar="C", help="The recipe, a TOML file."
)
@click.option("--val-split", metavar="NAME|FILE", help="The split to validate on.")
@click.option("--val-proposals", type=options.PATH, metavar="Q", help="Proposals of that split.")
@click.option(
    "--set", "changes", multiple=True, metavar="A.B=3", help="Change a value of the recipe."
)
@click.option(
    "--init", metavar="FILE|imagenet", help="Begin from weights: a run, torchvision's, or a fetch."
)
@click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    metavar="N|auto",
    help="Regions a step; auto: the recipe's, in pieces when memory runs out.",
)
@options.out("Run folder. [default: runs/train-classifier/NAME]", required=False)
@options.resume
@options.exist_ok
@options.skip_bad
@options.device
@click.option("--seed", type=int, help="Of every random choice. [default: the recipe's]")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Threads that cut crops ahead; more where a GPU waits for them.",
)
@options.debug
def command(**given: Any) -> None:
    """Train GoogLeNet to tell the objects of DATA from its background.

    --resume goes on with an interrupted run in --out and ends with the same weights.
    """
    chosen = Chosen(**given)
    if (chosen.val_split is None) != (chosen.val_proposals is None):
        raise UsageError("--val-split and --val-proposals go together: give both or neither.")
    if chosen.resume and chosen.out is None:
        raise UsageError("--resume needs --out, the folder of the interrupted run.")
    recipe = load_recipe(ClassifierRecipe, chosen.config, _changes(chosen))
    _train(chosen, recipe)


def _changes(chosen: Chosen) -> tuple[str, ...]:
    """Return --set and the options that stand for values of the recipe."""
    changes = list(chosen.changes)
    if chosen.init is not None:
        changes.append(f"init='{chosen.init}'")
    if chosen.batch_size != "auto":
        if not chosen.batch_size.isdecimal() or int(chosen.batch_size) < 2:
            raise UsageError(
                f"--batch-size {chosen.batch_size}: expected auto or a number from 2 up."
            )
        changes.append(f"sampling.batch_size={chosen.batch_size}")
    if chosen.seed is not None:
        changes.append(f"seed={chosen.seed}")
    return tuple(changes)


def _train(chosen: Chosen, recipe: ClassifierRecipe) -> None:
    """Open everything, train, and say where the weights are and what they score."""
    from detect.models.device import choose_device
    from detect.training.classifier import train_classifier

    device = choose_device(chosen.device)
    out = _out(chosen)
    dataset, regions = _open(chosen, recipe)
    validation = _open_validation(chosen, dataset.classes)
    folder = _start(out, chosen, recipe, dataset, device)
    result = train_classifier(
        recipe,
        regions,
        dataset.classes,
        folder,
        device,
        validation=validation,
        resume=chosen.resume,
        threads=chosen.threads,
        show=lambda line: click.echo(line, err=True),
        track=track,
    )
    scored = f": mAP {result['map']:.4f} on {chosen.val_split} (voc2012)" if result else ""
    click.echo(f"{folder.weights('best')}{scored}")


def _out(chosen: Chosen) -> Path:
    from detect.runs import next_run_folder

    out = chosen.out or next_run_folder("train-classifier", chosen.config.stem)
    options.prepare_out(out, exist_ok=chosen.exist_ok, resume=chosen.resume)
    return out


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


def _start(
    out: Path, chosen: Chosen, recipe: ClassifierRecipe, dataset: "Dataset", device: "torch.device"
) -> "RunFolder":
    """Begin the run folder, or check that the interrupted run in it was told the same."""
    from detect.data import data_hash
    from detect.runs import RunFolder, describe_environment

    folder, config = RunFolder(out), to_toml(recipe)
    if chosen.resume and folder.state.exists():
        folder.check_same(config)
        return folder
    digest = data_hash(dataset)
    folder.start(config, describe_environment(str(device), recipe.seed, digest))
    return folder
