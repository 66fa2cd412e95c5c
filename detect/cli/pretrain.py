"""`detect pretrain`: GoogLeNet on a folder of classes, to start the other networks from."""

from typing import Any

import click

from detect.cli.declaring import PATH, TRAINING, declared, told
from detect.cli.progress import Terminal
from detect.cli.speaking import first_alone
from detect.stages.pretrain import PretrainOptions, PretrainResult, pretrain


@click.command("pretrain")
@click.argument("data", type=PATH)
@declared(PretrainOptions, "data", **TRAINING)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
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
    options = told(context, PretrainOptions)
    with first_alone():
        click.echo(_line(pretrain(options, Terminal()), options.val_split))


def _line(result: PretrainResult, split: str | None) -> str:
    if result.top1_error is None or result.top5_error is None:
        return str(result.weights)
    errors = f"top-1 error {100 * result.top1_error:.2f} %, top-5 error "
    return f"{result.weights}: {errors}{100 * result.top5_error:.2f} % on {split} (1 crop)"
