"""`detect pretrain`: GoogLeNet on a folder of classes, to start the other networks from."""

from typing import TYPE_CHECKING, Any

import click

from detect.cli import options, training
from detect.cli.given import Given
from detect.cli.skipping import warn_skipped
from detect.config import PretrainRecipe, load_recipe

if TYPE_CHECKING:
    import torch

    from detect.data.labelled import LabelledImages
    from detect.training.distributed import Processes


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
    chosen = training.TrainingOptions(**given)
    changes = chosen.recipe_changes("batch_size")
    recipe = load_recipe(PretrainRecipe, chosen.config, changes)
    with training.together(chosen.device) as (processes, device):
        _train(chosen, recipe, processes, device)


def _train(
    chosen: training.TrainingOptions,
    recipe: PretrainRecipe,
    processes: "Processes",
    device: "torch.device",
) -> None:
    """Open everything, train, and say where the weights are and how often they err."""
    from detect.training.pretrain import pretrain

    # A batch too small for all processes is refused before anything is begun.
    processes.rows(recipe.batch_size)
    out = chosen.choose_out("pretrain", processes)
    data = _open(chosen, chosen.split)
    validation = _open(chosen, chosen.val_split) if chosen.val_split else None
    given = Given(data.images, validation.images if validation else None)
    call = chosen.call(out, recipe, given, device, processes)
    result = pretrain(recipe, data, call, validation=validation)
    errors = [f"top-{k} error {100 * result[f'top{k}_error']:.2f} %" for k in (1, 5) if result]
    scored = f": {', '.join(errors)} on {chosen.val_split} (1 crop)" if result else ""
    click.echo(f"{call.folder.weights('best')}{scored}")


def _open(chosen: training.TrainingOptions, split: str) -> "LabelledImages":
    from detect.data.labelled import open_labelled

    data = open_labelled(chosen.data, split, skip_bad=chosen.skip_bad)
    warn_skipped(data.images.skipped)
    classes = len(data.images.classes)
    click.echo(f"{split}: {len(data)} images of {classes} classes", err=True)
    return data
