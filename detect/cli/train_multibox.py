"""`detect train-multibox`: a network that proposes boxes, whatever their class."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options, training
from detect.cli.given import Given
from detect.cli.skipping import open_data, warn
from detect.config import MultiBoxRecipe, load_recipe
from detect.errors import DataError, UsageError

if TYPE_CHECKING:
    import torch

    from detect.regions import Dataset
    from detect.training.distributed import Processes


@dataclass(frozen=True, kw_only=True)
class Chosen(training.TrainingOptions):
    """The options of one call."""

    fold: str


@click.command("train-multibox")
@click.argument("data", type=options.PATH)
@click.option(
    "--leave-out",
    "fold",
    default="",
    metavar="I/N",
    help="Train without this fold of the images, to propose for them unseen.",
)
@options.out("Run folder. [default: runs/train-multibox/NAME]", required=False)
@training.shared_options
def command(**given: Any) -> None:
    """Train MultiBox to propose the objects of DATA, whatever their class.

    With --leave-out 1/2 and 2/2 two networks together propose for every image of the split
    without having seen it: `detect propose --multibox A --multibox B`. --resume goes on with an
    interrupted run in --out and ends with the same weights. Several processes train together
    under torchrun: see detect pretrain --help.
    """
    chosen = Chosen(**given)
    _check_fold(chosen.fold)
    changes = chosen.recipe_changes("batch_size")
    recipe = load_recipe(MultiBoxRecipe, chosen.config, changes)
    with training.together(chosen.device) as (processes, device):
        _train(chosen, recipe, processes, device)


def _check_fold(fold: str) -> None:
    """Raise UsageError unless `fold` is empty or I/N."""
    from detect.data.folds import parse_fold

    try:
        if fold:
            parse_fold(fold)
    except ValueError as error:
        raise UsageError(f"--leave-out: {error}.") from None


def _train(
    chosen: Chosen, recipe: MultiBoxRecipe, processes: "Processes", device: "torch.device"
) -> None:
    """Open everything, train, and say where the weights are and what they cover."""
    from detect.training.multibox import train_multibox
    from detect.training.window_data import collect_windows

    # A batch too small for all processes is refused before anything is begun.
    processes.rows(recipe.batch_size)
    out = chosen.choose_out("train-multibox", processes)
    dataset = _open(chosen, chosen.split, chosen.fold)
    validation = _open(chosen, chosen.val_split) if chosen.val_split else None
    data = collect_windows(dataset)
    given = Given(dataset, validation, {"leave_out": chosen.fold})
    call = chosen.call(out, recipe, given, device, processes)
    result = train_multibox(recipe, data, call, fold=chosen.fold, validation=validation)
    scored = f": {_shown(result)} on {chosen.val_split}" if result else ""
    click.echo(f"{call.folder.weights('best')}{scored}")


def _shown(figures: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in figures.items())


def _open(chosen: Chosen, split: str, fold: str = "") -> "Dataset":
    """Return the split without the images of `fold`; DataError if none is left."""
    from dataclasses import replace

    from detect.data.folds import in_fold

    dataset = open_data(chosen.data, split, skip_bad=chosen.skip_bad)
    if not fold:
        return dataset
    kept = tuple(one for one in dataset.samples if not in_fold(one.image_id, fold))
    if len(kept) in (0, len(dataset)):
        raise DataError(
            f"--leave-out {fold}: {len(dataset) - len(kept)} of the {len(dataset)} images of split "
            f"{dataset.split!r} are in that fold. Use fewer folds, or more images."
        )
    warn(f"left out fold {fold}: {len(dataset) - len(kept)} of {len(dataset)} images.")
    return replace(dataset, samples=kept)
