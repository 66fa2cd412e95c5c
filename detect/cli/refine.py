"""`detect refine`: detections moved by box regression."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import open_data

if TYPE_CHECKING:
    from detect.detector.refine import RegionEncoder
    from detect.models.regression_file import StoredRegression
    from detect.regions import Dataset, Detections


@click.command("refine")
@click.argument("detections", type=options.PATH)
@click.option("--data", type=options.PATH, required=True, metavar="DATA", help="Their data set.")
@options.split
@click.option(
    "--model", required=True, type=options.PATH, metavar="M", help="The network of --regression."
)
@click.option(
    "--regression",
    "path",
    required=True,
    type=options.PATH,
    metavar="R",
    help="From detect train-regression.",
)
@options.out("COCO results to write.")
@click.option(
    "--nms",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="IoU above which the worse of two moved boxes of a class goes.",
)
@options.precision
@options.device
@options.exist_ok
@options.skip_bad
@options.debug
def command(
    detections: Path,
    data: Path,
    split: str | None,
    model: Path,
    path: Path,
    out: Path,
    nms: float,
    precision: str,
    device: str,
    exist_ok: bool,
    skip_bad: bool,
) -> None:
    """Move the boxes of DETECTIONS (COCO results) by what the network sees in them.

    Scores stay. Boxes are cut to the image; of those that then overlap the better one stays.
    """
    options.prepare_out(out, exist_ok=exist_ok)
    from detect.detector.refine import RegionEncoder
    from detect.models.checkpoint import load_model
    from detect.models.device import choose_device
    from detect.models.model_files import model_hash
    from detect.models.regression_file import load_regression
    from detect.storage.detections import read_detections, write_detections

    network, card = load_model(model)
    stored = load_regression(path, model_hash(model))
    encoder = RegionEncoder(network, card, choose_device(device), precision)
    dataset = open_data(data, split, skip_bad=skip_bad)
    found = read_detections(detections, dataset)
    write_detections(out, _refined(dataset, found, encoder, stored, nms), dataset)
    click.echo(f"{len(dataset)} images: {out}")


def _refined(
    dataset: "Dataset",
    found: dict[str, "Detections"],
    encoder: "RegionEncoder",
    stored: "StoredRegression",
    nms: float,
) -> Iterator["Detections"]:
    """Yield the moved detections of one image after another."""
    import numpy as np

    from detect.data import read_pixels
    from detect.detector.refine import refine

    places = {name: place for place, name in enumerate(stored.classes)}
    rows = np.array([places.get(name, -1) for name in dataset.classes], np.int64)
    for sample in track(dataset.samples, len(dataset), "refine"):
        image, one = read_pixels(sample), found[sample.image_id]
        yield refine(image, one, encoder, stored.regression, rows, nms)
