"""`detect export`: proposals for other programs."""

from pathlib import Path

import click

from detect.cli import options
from detect.errors import UsageError


@click.command("export")
@click.argument("proposals", type=options.PATH)
@options.out("File to write: COCO results if it ends in .json, NumPy arrays if in .npz.")
@options.exist_ok
@options.debug
def command(proposals: Path, out: Path, exist_ok: bool) -> None:
    """Write PROPOSALS as COCO results or as an array (N, 5) an image: x1, y1, x2, y2, score.

    COCO results get category 1, since proposals have no class, and each box its source.
    """
    if out.suffix not in (".json", ".npz"):
        raise UsageError(f"--out {out}: expected a name ending in .json (COCO results) or .npz.")
    options.prepare_out(out, exist_ok=exist_ok)
    from detect.cli.progress import track
    from detect.storage.exchange import are_numbers, write_coco, write_npz
    from detect.storage.proposals import ProposalFile

    stored = ProposalFile(proposals)
    rows = track(stored, len(stored), "export")
    if out.suffix == ".json":
        write_coco(out, rows, integer_ids=are_numbers(stored.image_ids))
    else:
        write_npz(out, rows)
    click.echo(f"{len(stored)} images: {out}")
