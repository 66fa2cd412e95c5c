"""`detect import`: boxes of other programs as proposals, an ILSVRC submission as detections."""

from typing import Any

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.import_boxes import ImportOptions, import_boxes


@click.command("import")
@click.argument("file", type=PATH)
@declared(
    ImportOptions,
    "file",
    data={"metavar": "DATA"},
    split=SPLIT,
    out={"metavar": "PATH"},
    source={"metavar": "NAME"},
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Turn FILE into proposals, or a submission into detections, for a split of a data set.

    FILE is COCO results (.json: image_id, bbox, score) or NumPy arrays (.npz: one an image, named
    by its id, N x 4 best first or N x 5 with the score last). Boxes are cut to their image. A
    submission (.txt) is ILSVRC's, as detect export writes it; nothing of it is cut.
    """
    result = import_boxes(told(context, ImportOptions), Terminal())
    kind = "boxes" if result.kind == "proposals" else result.kind
    click.echo(f"{result.images} images, {result.boxes} {kind}: {result.path}")
