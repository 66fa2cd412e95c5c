"""`detect classify`: the classes of images, from 1, 10 or 144 crops and one network or several."""

from collections.abc import Iterator
from typing import Any

import click

from detect.cli.declaring import BATCH_SIZE, PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.classify import ClassifyOptions, ClassifyResult, classify


@click.command("classify")
@click.argument("images", type=PATH, nargs=-1, required=True, metavar="DATA|IMAGE...")
@declared(
    ClassifyOptions,
    "images",
    split=SPLIT,
    model={"metavar": "M"},
    json={"metavar": "OUT"},
    batch_size=BATCH_SIZE,
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Classify images or folders of images; measure the error on a split of DATA.

    With --split, DATA is a folder of classes or ILSVRC12's classification set (see detect
    pretrain), and the result is the table of section 7 of the paper: top-1 and top-5 error of
    one model (the mean over them) and of all averaged, with 1, 10 and 144 crops, as far as
    --crops and --model go. Crops: 1 is the centre of the central square of the image at 8/7 of
    the input's size, 10 its corners and centre with mirror images, 144 the paper's.
    """
    options = told(context, ClassifyOptions)
    click.echo("\n".join(_lines(options, classify(options, Terminal()))))


def _lines(options: ClassifyOptions, result: ClassifyResult) -> Iterator[str]:
    for image_id, answers in result.answers.items():
        shown = ", ".join(f"{name} {score:.3f}" for name, score in answers.items())
        yield f"{image_id}: {shown}"
    if result.table:
        from detect.evaluation.multicrop import shown as table_lines

        yield from table_lines(result.table)
        yield f"{result.images} images of split {options.split}"
