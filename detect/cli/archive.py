"""`detect archive`: detections in all images of a manifest, in one process or on Ray."""

from typing import Any

import click

from detect.cli.declaring import BATCH_SIZE, PATH, SELECTION, declared, told
from detect.cli.progress import Terminal
from detect.stages.archive import ArchiveOptions, ArchiveResult, archive


@click.command("archive")
@click.argument("manifest", type=PATH)
@declared(
    ArchiveOptions,
    "manifest",
    model={"metavar": "M"},
    out={"metavar": "PATH"},
    on={"metavar": "local|ray|HOST:PORT"},
    proposals={"metavar": "P"},
    multibox={"metavar": "M"},
    batch_size=BATCH_SIZE,
    **SELECTION,
)
@click.pass_context
def command(context: click.Context, /, **_: Any) -> None:
    """Detect objects in every image of MANIFEST: Parquet with image_id and path, or a folder.

    Writes a row an image into the Parquet parts of OUT: boxes, labels, scores, and what made
    them. A broken image is recorded and stops nothing. --resume detects in the images that have
    no row yet. At the end the manifest is audited against the output: every image once, or an
    error that says which is missing. `detect eval --map` reads OUT as --detections.
    """
    click.echo(shown(archive(told(context, ArchiveOptions), Terminal())))


def shown(result: ArchiveResult) -> str:
    """Return the audit as a line."""
    return (
        f"{result.path}: {result.images} images listed = {result.detected} detected + "
        f"{result.broken} broken; {result.new} of them now, in {result.parts} parts"
    )
