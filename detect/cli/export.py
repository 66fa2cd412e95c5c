"""`detect export`: proposals, detections, data sets and networks for other programs."""

from typing import Any

import click

from detect.cli.declaring import PATH, SPLIT, declared, told
from detect.cli.progress import Terminal
from detect.stages.export_boxes import ExportOptions, export_boxes


@click.command("export")
@click.argument("file", metavar="GIVEN", type=PATH)
@declared(
    ExportOptions,
    "file",
    out={"metavar": "PATH"},
    data={"metavar": "DATA"},
    split=SPLIT,
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Write proposals, detections, a split of a data set or a model in the form --to.

    Proposals: as coco-results (category 1, since they have no class, and each box its source) or
    npz, an array (N, 5) an image: x1, y1, x2, y2, score. Detections with --data and --split: as
    ilsvrc, its submission file: image's number in the list, class id, confidence, xmin, ymin,
    xmax, ymax, 0-based and inclusive. A data set: as voc, coco or yolo, its images copied; with
    --exist-ok another split goes beside those there. A model, region classifier or MultiBox, with
    its card inside: as onnx, or openvino (NAME.xml and NAME.bin); it is compared with PyTorch's in
    float32 and written only if it is the same. --model of detect run takes the file.
    """
    result = export_boxes(told(context, ExportOptions), Terminal())
    if result.difference is not None:
        largest = f"largest difference from PyTorch in float32 {result.difference:.2g}"
        click.echo(f"{result.path}: {largest} ({result.output})")
        return
    counts = {"detections": result.detections, "objects": result.objects}
    more = "".join(f", {count} {what}" for what, count in counts.items() if count is not None)
    click.echo(f"{result.images} images{more}: {result.path}")
