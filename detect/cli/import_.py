"""`detect import`: boxes of other programs as proposals, an ILSVRC submission as detections."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.cli.skipping import open_data
from detect.errors import DataError, UsageError

if TYPE_CHECKING:
    from detect.regions import Dataset, Proposals
    from detect.storage.exchange import External

COORDINATES = ("xyxy", "xywh", "voc", "rcnn")
SUBMISSION = ".txt"
_EXPECTED = "Expected COCO results (.json), .npz, or a submission to ILSVRC (.txt)."


@click.command("import")
@click.argument("file", type=options.PATH)
@click.option("--data", type=options.PATH, required=True, metavar="DATA", help="A data set.")
@options.split
@options.out(
    "Of proposals: folder for the parts, or one file ending in .parquet. Of a submission: COCO "
    "results, ending in .json."
)
@click.option("--source", metavar="NAME", help="What made the boxes. [default: imported]")
@click.option(
    "--coordinates",
    type=click.Choice(COORDINATES),
    help="Of an npz: xyxy (half-open px from 0), xywh, voc (xyxy, 1-based inclusive) or rcnn "
    "(yxyx, 1-based inclusive, as R-CNN's .mat files). [default: xyxy]",
)
@options.exist_ok
@options.skip_bad
@options.debug
def command(
    file: Path,
    data: Path,
    split: str | None,
    out: Path,
    source: str | None,
    coordinates: str | None,
    exist_ok: bool,
    skip_bad: bool,
) -> None:
    """Turn FILE into proposals, or a submission into detections, for a split of a data set.

    FILE is COCO results (.json: image_id, bbox, score) or NumPy arrays (.npz: one an image, named
    by its id, N x 4 best first or N x 5 with the score last). Boxes are cut to their image. A
    submission (.txt) is ILSVRC's, as detect export writes it; nothing of it is cut.
    """
    options.prepare_out(out, exist_ok=exist_ok)
    _check(file, out, source, coordinates)
    from detect.data import data_hash
    from detect.storage.proposals import clear_parts, write_proposals

    dataset = open_data(data, split, skip_bad=skip_bad)
    if file.suffix == SUBMISSION:
        _detections(file, out, dataset)
        return
    external = _read(file, source, coordinates or "xyxy")
    recipe = {
        "method": "import",
        "parameters": {"source": source, "coordinates": coordinates or "xyxy"},
        "file": _digest(file),
        "data": data_hash(dataset),
        "images": len(dataset),
    }
    if exist_ok:
        clear_parts(out)
    counts = _Counts()
    write_proposals(out, _proposals(dataset, external, file, counts), recipe)
    counts.say(out)


def _check(file: Path, out: Path, source: str | None, coordinates: str | None) -> None:
    """Raise UsageError on options that the kind of `file` has no use for."""
    if coordinates and file.suffix == ".json":
        raise UsageError("--coordinates is for .npz files: COCO's boxes are x, y, width, height.")
    if file.suffix != SUBMISSION:
        return
    if source or coordinates:
        raise UsageError("--source and --coordinates are for proposals, not for a submission.")
    if out.suffix != ".json":
        raise UsageError(
            f"--out {out}: a submission becomes detections: expected a name ending in .json."
        )


def _detections(file: Path, out: Path, dataset: "Dataset") -> None:
    """Turn the submission `file` into COCO results."""
    from detect.storage.detections import writing_detections
    from detect.storage.submission import read_submission

    _check_file(file)
    count = 0
    with writing_detections(out, dataset) as writer:
        for found in read_submission(file, dataset):
            writer.write(found)
            count += len(found)
    click.echo(f"{len(dataset)} images, {count} detections: {out}")


def _check_file(file: Path) -> None:
    if not file.is_file():
        raise DataError(f"{file}: no such file. {_EXPECTED}")


def _digest(file: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of the bytes of `file`."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


class _Counts:
    """What was imported and what was not."""

    def __init__(self) -> None:
        self.images = self.boxes = self.dropped = self.without = 0

    def add(self, proposals: "Proposals", dropped: int) -> None:
        """Count one image."""
        self.images, self.boxes = self.images + 1, self.boxes + len(proposals)
        self.dropped, self.without = self.dropped + dropped, self.without + (not len(proposals))

    def say(self, out: Path) -> None:
        """Print the sums."""
        if self.dropped:
            click.echo(
                f"Warning: {self.dropped} boxes lie outside their image: left out.", err=True
            )
        if self.without:
            click.echo(f"Warning: {self.without} of {self.images} images have no box.", err=True)
        click.echo(f"{self.images} images, {self.boxes} boxes: {out}")


def _read(file: Path, source: str | None, coordinates: str) -> Mapping[str, "External"]:
    from detect.storage.exchange import DEFAULT_SOURCE, read_coco, read_npz

    _check_file(file)
    if file.suffix == ".json":
        return read_coco(file, source)
    if file.suffix == ".npz":
        return dict(read_npz(file, source or DEFAULT_SOURCE, coordinates))
    raise DataError(f"{file}: unknown format. {_EXPECTED}")


def _proposals(
    dataset: "Dataset", external: Mapping[str, "External"], file: Path, counts: _Counts
) -> Iterator["Proposals"]:
    """Yield an image of the split after another, in its order; those without boxes are empty."""
    from detect.images import read_size
    from detect.storage.exchange import EMPTY, to_proposals

    _check_known(dataset, external, file)
    for sample in dataset.samples:
        size = sample.size if sample.size != (0, 0) else read_size(sample.path)
        found: Any = external.get(sample.image_id, EMPTY)
        proposals, dropped = to_proposals(sample.image_id, size, found)
        counts.add(proposals, dropped)
        yield proposals


def _check_known(dataset: "Dataset", external: Mapping[str, "External"], file: Path) -> None:
    known = {sample.image_id for sample in dataset.samples}
    unknown = [image_id for image_id in external if image_id not in known]
    if unknown:
        raise DataError(
            f"{file}: {len(unknown)} of {len(external)} images are not in split "
            f"{dataset.split or 'of the folder'} of {dataset.root}, the first {unknown[0]}. "
            "Give the --data and --split these boxes were made for."
        )
