"""`detect export`: proposals, or detections as a submission to ILSVRC, for other programs."""

from pathlib import Path

import click

from detect.cli import options
from detect.errors import UsageError

SUBMISSION = ".txt"


@click.command("export")
@click.argument("file", type=options.PATH)
@options.out(
    "File to write. Of proposals: COCO results if it ends in .json, NumPy arrays if in .npz. "
    "Of detections: a submission to ILSVRC if it ends in .txt."
)
@click.option("--data", type=options.PATH, metavar="DATA", help="The detections' data set (.txt).")
@options.split
@options.exist_ok
@options.skip_bad
@options.debug
def command(
    file: Path, out: Path, data: Path | None, split: str | None, exist_ok: bool, skip_bad: bool
) -> None:
    """Write the proposals or detections FILE in another form.

    Proposals as COCO results (category 1, since they have no class, and each box its source) or as
    an array (N, 5) an image: x1, y1, x2, y2, score. Detections with --data and --split as ILSVRC's
    submission file: image's number in the list, class id, confidence, xmin, ymin, xmax, ymax,
    0-based and inclusive.
    """
    if out.suffix not in (".json", ".npz", SUBMISSION):
        raise UsageError(
            f"--out {out}: expected a name ending in .json (COCO results) or .npz for proposals, "
            "in .txt (ILSVRC's submission file) for detections."
        )
    if out.suffix != SUBMISSION and (data or split or skip_bad):
        raise UsageError("--data, --split and --skip-bad are for detections, with --out FILE.txt.")
    if out.suffix == SUBMISSION and data is None:
        raise UsageError(f"--out {out}: a submission needs --data and --split of its detections.")
    options.prepare_out(out, exist_ok=exist_ok)
    if data is None:
        _proposals(file, out)
    else:
        _detections(file, out, data, split, skip_bad)


def _proposals(file: Path, out: Path) -> None:
    from detect.cli.progress import track
    from detect.storage.exchange import are_numbers, write_coco, write_npz
    from detect.storage.proposals import ProposalFile

    stored = ProposalFile(file)
    rows = track(stored, len(stored), "export")
    if out.suffix == ".json":
        write_coco(out, rows, integer_ids=are_numbers(stored.image_ids))
    else:
        write_npz(out, rows)
    click.echo(f"{len(stored)} images: {out}")


def _detections(file: Path, out: Path, data: Path, split: str | None, skip_bad: bool) -> None:
    from detect.cli.skipping import open_data
    from detect.storage.detections import read_detections
    from detect.storage.submission import write_submission

    dataset = open_data(data, split, skip_bad=skip_bad)
    found = read_detections(file, dataset)
    count = write_submission(out, found.values(), dataset)
    click.echo(f"{len(dataset)} images, {count} detections: {out}")
