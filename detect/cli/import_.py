"""`detect import`: boxes of other programs as proposals, a submission, labels as a data set."""

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
    """Turn FILE into proposals, a submission into detections, or labels into a data set.

    Its content tells what FILE is. Boxes for a split of --data: COCO results (image_id, bbox,
    score) or NumPy arrays (.npz: one an image, named by its id, N x 4 best first or N x 5 with the
    score last), cut to their image. A submission is ILSVRC's, as detect export writes it; nothing
    of it is cut. Labels (CVAT for images 1.1, Label Studio's JSON, LabelMe's files or their folder)
    become a COCO data set with the images of --data, whose split is called all.
    """
    result = import_boxes(told(context, ImportOptions), Terminal())
    kind = "boxes" if result.kind == "proposals" else result.kind
    click.echo(f"{result.images} images, {result.boxes} {kind}: {result.path}")
