"""`detect visualize`: pictures of ground truth, proposals or detections."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import open_data
from detect.errors import DataError, UsageError
from detect.regions import Dataset, Image, Sample

Draw = Callable[[Image, Sample], Image]


@click.command("visualize")
@click.option("--data", type=options.PATH, required=True, metavar="DATA", help="A data set.")
@options.split
@click.option("--detections", type=options.PATH, metavar="F", help="Draw these (COCO results).")
@click.option("--proposals", type=options.PATH, metavar="P", help="Draw these boxes by source.")
@click.option("--ground-truth", is_flag=True, help="Draw the annotations.")
@options.out("Folder for the pictures, a JPEG an image.")
@click.option("--image", "ids", multiple=True, metavar="ID", help="Only this one; repeatable.")
@click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="Lowest score of the detections drawn; take 0 for those of detect run --svm.",
)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="IoU from which a detection is right.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Proposals drawn an image, the best of each source in turn.",
)
@click.option(
    "--coverage",
    is_flag=True,
    help="With --proposals: of every object the best box of each source, side by side.",
)
@options.resume
@options.exist_ok
@options.skip_bad
@options.debug
def command(
    data: Path,
    split: str | None,
    detections: Path | None,
    proposals: Path | None,
    ground_truth: bool,
    out: Path,
    ids: Sequence[str],
    threshold: float,
    iou: float,
    limit: int,
    coverage: bool,
    resume: bool,
    exist_ok: bool,
    skip_bad: bool,
) -> None:
    """Draw ground truth, proposals or detections, one picture an image.

    With ground truth at hand, right (solid green), wrong (dash-dotted orange), duplicate (dotted
    purple) and missed (dashed yellow) are told apart.
    """
    if sum((detections is not None, proposals is not None, ground_truth)) != 1:
        raise UsageError("give one of --detections F, --proposals P and --ground-truth.")
    if coverage and proposals is None:
        raise UsageError("--coverage goes with --proposals P.")
    options.prepare_out(out, exist_ok=exist_ok, resume=resume)

    dataset = open_data(data, split, skip_bad=skip_bad)
    samples = choose(dataset, ids)
    if detections is not None:
        draw = _detections(dataset, detections, threshold, iou)
    elif proposals is not None:
        draw = _coverage(dataset, proposals) if coverage else _proposals(proposals, limit)
    else:
        draw = _ground_truth(dataset)
    left = [sample for sample in samples if not (resume and picture_path(out, sample).exists())]
    _write_all(left, draw, out)
    click.echo(f"{len(samples)} picture{'s' if len(samples) != 1 else ''} in {out}")


def choose(dataset: Dataset, ids: Sequence[str]) -> list[Sample]:
    """Return the samples with `ids` in their order, all without any; DataError on a stranger."""
    if not ids:
        return list(dataset.samples)
    known = {sample.image_id: sample for sample in dataset.samples}
    for image_id in ids:
        if image_id not in known:
            raise DataError(_unknown(dataset, image_id, list(known)))
    return [known[image_id] for image_id in dict.fromkeys(ids)]


def _unknown(dataset: Dataset, image_id: str, known: Sequence[str]) -> str:
    where = f"split {dataset.split!r} of {dataset.root}" if dataset.split else str(dataset.root)
    near = difflib.get_close_matches(image_id, known, n=1, cutoff=0)
    hint = f" The nearest id is {near[0]!r}." if near else ""
    return f"--image {image_id}: no such image among the {len(known)} of {where}.{hint}"


def _ground_truth(dataset: Dataset) -> Draw:
    from detect.visualize import draw_ground_truth

    if not dataset.annotated:
        raise DataError(f"{dataset.root}: has no annotations, so --ground-truth has none to draw.")
    return lambda image, sample: draw_ground_truth(image, sample.annotations, dataset.classes)


def _proposals(path: Path, limit: int) -> Draw:
    from detect.storage.proposals import ProposalFile
    from detect.visualize import draw_proposals

    stored = ProposalFile(path)

    def draw(image: Image, sample: Sample) -> Image:
        size = (image.shape[0], image.shape[1])
        return draw_proposals(image, stored.read(sample.image_id, size), limit)

    return draw


def _coverage(dataset: Dataset, path: Path) -> Draw:
    from detect.storage.proposals import ProposalFile
    from detect.visualize import draw_coverage

    if not dataset.annotated:
        raise DataError(f"{dataset.root}: has no annotations, so --coverage has none to cover.")
    stored = ProposalFile(path)

    def draw(image: Image, sample: Sample) -> Image:
        size = (image.shape[0], image.shape[1])
        return draw_coverage(image, stored.read(sample.image_id, size), sample.annotations)

    return draw


def _detections(dataset: Dataset, path: Path, threshold: float, iou: float) -> Draw:
    from detect.storage.detections import read_detections
    from detect.visualize import draw_detections

    found = read_detections(path, dataset)

    def draw(image: Image, sample: Sample) -> Image:
        shown = found[sample.image_id]
        truth = sample.annotations if dataset.annotated else None
        return draw_detections(image, shown, dataset.classes, truth, threshold, iou)

    return draw


def picture_path(out: Path, sample: Sample) -> Path:
    """Return where the picture of `sample` goes."""
    from detect.visualize import file_name

    return out / f"{file_name(sample.image_id)}.jpg"


def _write_all(samples: Sequence[Sample], draw: Draw, out: Path) -> None:
    from detect.data import read_pixels
    from detect.visualize import write_picture

    for sample in track(samples, len(samples), "Drawing"):
        write_picture(picture_path(out, sample), draw(read_pixels(sample), sample))
