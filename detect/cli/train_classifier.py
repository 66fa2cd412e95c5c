"""`detect train-classifier`: GoogLeNet on the regions of an annotated split."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detect.cli import options
from detect.cli.progress import track
from detect.config import ClassifierRecipe, load_recipe, to_toml
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.training.classifier import Validation


@click.command("train-classifier")
@click.argument("data", type=options.PATH)
@click.option("--split", required=True, metavar="NAME|FILE", help="The split to train on.")
@click.option("--proposals", required=True, type=options.PATH, help="Proposals of that split.")
@click.option("--config", required=True, type=options.PATH, help="The recipe, a TOML file.")
@click.option("--val-split", metavar="NAME|FILE", help="The split to validate on.")
@click.option("--val-proposals", type=options.PATH, help="Proposals of --val-split.")
@click.option(
    "--set", "changes", multiple=True, metavar="A.B=3", help="Change a value of the recipe."
)
@click.option("--init", help="Begin from weights: a run, a weight file, or imagenet.")
@click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    help="Regions a step; auto: the recipe's, in pieces when memory runs out.",
)
@options.out("Run folder. [default: runs/train-classifier/NAME]", required=False)
@options.resume
@options.exist_ok
@options.skip_bad
@options.device
@click.option("--seed", type=int, help="Of every random choice. [default: the recipe's]")
@options.workers
@options.debug
def command(
    data: Path,
    split: str,
    proposals: Path,
    config: Path,
    val_split: str | None,
    val_proposals: Path | None,
    changes: tuple[str, ...],
    init: str | None,
    batch_size: str,
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    skip_bad: bool,
    device: str,
    seed: int | None,
    workers: int | None,
) -> None:
    """Train GoogLeNet to tell the objects of DATA from its background.

    --resume goes on with an interrupted run in --out and ends with the same weights.
    """
    if (val_split is None) != (val_proposals is None):
        raise UsageError("--val-split and --val-proposals go together: give both or neither.")
    if resume and out is None:
        raise UsageError("--resume needs --out, the folder of the interrupted run.")
    changes = (*changes, *_as_changes(init, batch_size, seed))
    recipe = load_recipe(ClassifierRecipe, config, changes)
    _train(
        recipe, data, (split, proposals), (val_split, val_proposals),
        _folder(out, config, exist_ok=exist_ok, resume=resume), resume, skip_bad, device, workers,
    )  # fmt: skip


def _as_changes(init: str | None, batch_size: str, seed: int | None) -> list[str]:
    """Return the options that stand for values of the recipe as --set changes."""
    changes = [] if init is None else [f'init="{init}"']
    if batch_size != "auto":
        if not batch_size.isdecimal() or int(batch_size) < 2:
            raise UsageError(f"--batch-size {batch_size}: expected auto or a number from 2 up.")
        changes.append(f"sampling.batch_size={batch_size}")
    return changes if seed is None else [*changes, f"seed={seed}"]


def _folder(out: Path | None, config: Path, *, exist_ok: bool, resume: bool) -> Path:
    from detect.runs import next_run_folder

    folder = out or next_run_folder("train-classifier", config.stem)
    options.prepare_out(folder, exist_ok=exist_ok, resume=resume)
    return folder


def _train(
    recipe: ClassifierRecipe,
    root: Path,
    training: tuple[str, Path],
    validating: tuple[str | None, Path | None],
    out: Path,
    resume: bool,
    skip_bad: bool,
    device: str,
    workers: int | None,
) -> None:
    """Open everything, train, and say where the weights are and what they score."""
    from detect.data import data_hash, open_dataset
    from detect.models.device import choose_device
    from detect.runs import RunFolder, describe_environment
    from detect.storage.proposals import ProposalFile
    from detect.training.classifier import train_classifier
    from detect.training.region_data import choose_classes, collect

    place = choose_device(device)
    dataset = open_dataset(root, training[0], skip_bad=skip_bad)
    _warn_skipped(dataset.skipped)
    dataset = choose_classes(dataset, recipe.classes or dataset.classes)
    regions = collect(
        dataset,
        ProposalFile(training[1]),
        recipe,
        lambda samples: track(samples, len(dataset), "matching proposals"),
    )
    validation = _validation(root, validating, dataset.classes, skip_bad)
    folder = RunFolder(out)
    seed, digest = recipe.seed, data_hash(dataset)
    environment = describe_environment(device=str(place), seed=seed, data_hash=digest)
    if resume and folder.state.exists():
        folder.check_same(to_toml(recipe))
    else:
        folder.start(to_toml(recipe), environment)
    _say_counts(regions.positives(dataset.classes), len(regions.background))
    result = train_classifier(
        recipe,
        regions,
        dataset.classes,
        folder,
        place,
        validation=validation,
        resume=resume,
        workers=workers or 1,
        show=lambda line: click.echo(line, err=True),
        track=track,
    )
    scored = f": mAP {result['map']:.4f} on {validating[0]} (voc2012)" if result else ""
    click.echo(f"{folder.weights('best')}{scored}")


def _validation(
    root: Path,
    validating: tuple[str | None, Path | None],
    classes: Sequence[str],
    skip_bad: bool,
) -> "Validation | None":
    from detect.data import open_dataset
    from detect.storage.proposals import ProposalFile
    from detect.training.classifier import Validation
    from detect.training.region_data import choose_classes

    split, proposals = validating
    if split is None or proposals is None:
        return None
    dataset = open_dataset(root, split, skip_bad=skip_bad)
    _warn_skipped(dataset.skipped)
    return Validation(choose_classes(dataset, classes), ProposalFile(proposals))


def _warn_skipped(skipped: Sequence[str]) -> None:
    for line in skipped:
        click.echo(f"Warning: left out: {line}", err=True)


def _say_counts(positives: dict[str, int], background: int) -> None:
    counts = ", ".join(f"{name} {count}" for name, count in positives.items())
    click.echo(f"positive regions: {counts}; background: {background}", err=True)
