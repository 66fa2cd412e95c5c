"""`detect export`: proposals, or detections as a submission to ILSVRC, for other programs."""

from typing import Any

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.export_boxes import ExportOptions, export_boxes


@click.command("export")
@click.argument("file", type=PATH)
@declared(ExportOptions, "file", out={"metavar": "PATH"}, data={"metavar": "DATA"}, split=SPLIT)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Write the proposals or detections FILE in another form.

    Proposals as COCO results (category 1, since they have no class, and each box its source) or as
    an array (N, 5) an image: x1, y1, x2, y2, score. Detections with --data and --split as ILSVRC's
    submission file: image's number in the list, class id, confidence, xmin, ymin, xmax, ymax,
    0-based and inclusive.
    """
    result = export_boxes(told(context, ExportOptions), Terminal())
    detections = "" if result.detections is None else f", {result.detections} detections"
    click.echo(f"{result.images} images{detections}: {result.path}")
