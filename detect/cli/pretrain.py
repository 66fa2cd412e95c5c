"""`detect pretrain`: GoogLeNet on a folder of classes, to start the other networks from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options, training
from detect.cli.progress import track
from detect.cli.skipping import warn_skipped
from detect.config import PretrainRecipe, load_recipe

if TYPE_CHECKING:
    import torch

    from detect.data.labelled import LabelledImages
    from detect.training.distributed import Processes


@dataclass(frozen=True)
class Chosen:
    """The options of one call."""

    data: Path
    split: str
    config: Path
    val_split: str | None
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


@click.command("pretrain")
@click.argument("data", type=options.PATH)
@options.out("Run folder. [default: runs/pretrain/NAME]", required=False)
@training.shared_options
def command(**given: Any) -> None:
    """Train GoogLeNet to classify the images of DATA, to start other trainings from.

    DATA is a folder of classes (SPLIT/CLASS/ with images) or ILSVRC12's classification set
    (Data/CLS-LOC/train/WNID/; for val folders WNID/ too, Kaggle's LOC_val_solution.csv, or the
    devkit's *validation_ground_truth.txt and map_clsloc.txt). With --skip-bad every image is
    decoded once before. `detect train-classifier --init RUN` and train-multibox start from the
    result. --resume goes on with an interrupted run in --out and ends with the same weights.

    Several processes, on one machine or more, train one network together under torchrun:

    torchrun --nproc-per-node 2 --no-python detect pretrain DATA ...

    They share every batch (batch_size is that of all) over gloo on CPUs and nccl on GPUs, and
    end with the weights of one process, to float tolerance; but with the variants bn and
    torchvision the statistics of a batch are each process's own, and dropout draws other masks.
    The first one alone writes --out; all need DATA, and --init, under the same path.
    """
    chosen = Chosen(**given)
    given_options = (chosen.changes, chosen.init, chosen.batch_size, chosen.seed)
    changes = training.recipe_changes(*given_options, "batch_size")
    recipe = load_recipe(PretrainRecipe, chosen.config, changes)
    with training.together(chosen.device) as (processes, device):
        _train(chosen, recipe, processes, device)


def _train(
    chosen: Chosen, recipe: PretrainRecipe, processes: "Processes", device: "torch.device"
) -> None:
    """Open everything, train, and say where the weights are and how often they err."""
    from detect.training.pretrain import pretrain

    again = {"resume": chosen.resume, "exist_ok": chosen.exist_ok}
    out = training.choose_out("pretrain", chosen.config, chosen.out, processes, **again)
    data = _open(chosen, chosen.split)
    validation = _open(chosen, chosen.val_split) if chosen.val_split else None
    where = (data.images, device, processes)
    folder = training.begin(out, recipe, *where, resume=chosen.resume)
    result = pretrain(
        recipe,
        data,
        folder,
        device,
        validation=validation,
        resume=chosen.resume,
        threads=chosen.threads,
        processes=processes,
        show=lambda line: click.echo(line, err=True),
        track=track,
    )
    errors = "top-1 error {top1_error:.4f}, top-5 error {top5_error:.4f}"
    scored = f": {errors.format(**result)} on {chosen.val_split} (1 crop)" if result else ""
    click.echo(f"{folder.weights('best')}{scored}")


def _open(chosen: Chosen, split: str) -> "LabelledImages":
    from detect.data.labelled import open_labelled

    data = open_labelled(chosen.data, split, skip_bad=chosen.skip_bad)
    warn_skipped(data.images.skipped)
    classes = len(data.images.classes)
    click.echo(f"{split}: {len(data)} images of {classes} classes", err=True)
    return data
