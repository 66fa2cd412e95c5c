"""Pictures of ground truth, proposals or detections, one an image."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from detect.errors import DataError, UsageError, option
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.reading import file_digest
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.drawn import begin
from detect.stages.opening import check_out, is_earlier, open_data
from detect.together import commit, is_workplace, workplace

if TYPE_CHECKING:
    from detect.storage.proposals import ProposalFile
    from detect.structures import Dataset, Image, Sample

    Draw = Callable[[Image, Sample], Image]


class VisualizeOptions(o.Options):
    """What `visualize` is told: what to draw, on which images."""

    data: Path = Field(description="A data set.")
    split: o.Split = None
    detections: Path | None = Field(None, description="Draw these (COCO results).")
    proposals: Path | None = Field(None, description="Draw these boxes by source.")
    ground_truth: bool = Field(False, description="Draw the annotations.")
    out: Path = Field(description="Folder for the pictures, a JPEG an image.")
    image: o.Texts = Field((), description="Only this one; repeatable.")
    threshold: float = Field(
        0.5,
        description="Lowest score of the detections drawn; take 0 for those of detect run "
        f"{option('svm')}.",
    )
    iou: float = Field(0.5, gt=0, le=1, description="IoU from which a detection is right.")
    limit: int = Field(
        100, ge=1, description="Proposals drawn an image, the best of each source in turn."
    )
    coverage: bool = Field(
        False,
        description=f"With {option('proposals')}: of every object the best box of each source, "
        "side by side.",
    )
    resume: o.Resume = False
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class VisualizeResult:
    """The `pictures` of all images asked for, in their order; `drawn` in this call."""

    folder: Path
    pictures: tuple[Path, ...]
    drawn: int


@by_keywords
def visualize(options: VisualizeOptions, reporter: Reporter = QUIET) -> VisualizeResult:
    """Draw ground truth, proposals or detections, one picture an image.

    Raises UsageError for options that do not go together and where `out` is taken, DataError for
    data that is wrong or does not belong together.
    """
    _check(options)
    with holding(options.out, reporter):
        return _visualize(options, _free(options), reporter)


def _visualize(options: VisualizeOptions, folder: Path, reporter: Reporter) -> VisualizeResult:
    """Draw into `folder`."""
    from detect.data import read_pixels
    from detect.storage.proposals import ProposalFile
    from detect.visualize import file_name, write_picture

    dataset = open_data(options.data, options.split, reporter, skip_bad=options.skip_bad)
    samples = _choose(dataset, options.image)
    stored = None if options.proposals is None else ProposalFile(options.proposals)
    draw = _draw(options, dataset, stored)
    begin(folder, _what(options, dataset, stored), resume=options.resume)
    names = [f"{file_name(sample.image_id)}.jpg" for sample in samples]
    left = [
        (sample, folder / name)
        for sample, name in zip(samples, names, strict=True)
        if not (options.resume and (folder / name).exists())
    ]
    for sample, path in reporter.track(left, len(left), "Drawing"):
        write_picture(path, draw(read_pixels(sample), sample))
    if is_workplace(folder):
        commit(folder)
    return VisualizeResult(options.out, tuple(options.out / name for name in names), len(left))


def _check(options: VisualizeOptions) -> None:
    """Raise UsageError unless one thing is drawn."""
    drawn = (options.detections is not None, options.proposals is not None, options.ground_truth)
    if sum(drawn) != 1:
        raise UsageError(
            f"give one of {option('detections', 'F')}, {option('proposals', 'P')} and "
            f"{option('ground_truth')}."
        )
    if options.coverage and options.proposals is None:
        raise UsageError(f"{option('coverage')} goes with {option('proposals', 'P')}.")


def _free(options: VisualizeOptions) -> Path:
    """Return the folder to draw in; UsageError where `out` is taken.

    Earlier pictures that are not gone on with stay until the last new one is drawn.
    """
    check_out(options.out, exist_ok=options.exist_ok, resume=options.resume)
    earlier = is_earlier(options.out) and not options.resume
    return workplace(options.out, earlier=earlier, resume=options.resume)


def _choose(dataset: "Dataset", ids: Sequence[str]) -> list["Sample"]:
    """Return the samples with `ids` in their order, all without any; DataError on a stranger."""
    if not ids:
        return list(dataset.samples)
    known = {sample.image_id: sample for sample in dataset.samples}
    for image_id in ids:
        if image_id not in known:
            raise DataError(_unknown(dataset, image_id, list(known)))
    return [known[image_id] for image_id in dict.fromkeys(ids)]


def _unknown(dataset: "Dataset", image_id: str, known: Sequence[str]) -> str:
    where = f"split {dataset.split!r} of {dataset.root}" if dataset.split else str(dataset.root)
    near = difflib.get_close_matches(image_id, known, n=1, cutoff=0)
    hint = f" The nearest id is {near[0]!r}." if near else ""
    return f"{option('image', image_id)}: no such image among the {len(known)} of {where}.{hint}"


def _what(
    options: VisualizeOptions, dataset: "Dataset", stored: "ProposalFile | None"
) -> dict[str, Any]:
    """Return what decides on the pictures that the options ask for."""
    from detect.data import samples_hash

    what: dict[str, Any] = {"of": "ground truth"}
    if options.detections is not None:
        what = {"of": "detections", "file": file_digest(options.detections)}
        what |= {"threshold": options.threshold, "iou": options.iou}
    if stored is not None:
        told = {"coverage": True} if options.coverage else {"limit": options.limit}
        what = {"of": "proposals", "file": stored.recipe, **told}
    return {**what, "data": samples_hash(dataset)}


def _draw(options: VisualizeOptions, dataset: "Dataset", stored: "ProposalFile | None") -> "Draw":
    """Return what draws on an image what the options ask for."""
    if options.detections is not None:
        return _detections(dataset, options.detections, options.threshold, options.iou)
    if stored is None:
        return _ground_truth(dataset)
    return _coverage(dataset, stored) if options.coverage else _proposals(stored, options.limit)


def _ground_truth(dataset: "Dataset") -> "Draw":
    from detect.visualize import draw_ground_truth

    if not dataset.annotated:
        raise DataError(
            f"{dataset.root}: has no annotations, so {option('ground_truth')} has none to draw."
        )
    return lambda image, sample: draw_ground_truth(image, sample.annotations, dataset.classes)


def _proposals(stored: "ProposalFile", limit: int) -> "Draw":
    from detect.visualize import draw_proposals

    def draw(image: "Image", sample: "Sample") -> "Image":
        size = (image.shape[0], image.shape[1])
        return draw_proposals(image, stored.read(sample.image_id, size), limit)

    return draw


def _coverage(dataset: "Dataset", stored: "ProposalFile") -> "Draw":
    from detect.visualize import draw_coverage

    if not dataset.annotated:
        raise DataError(
            f"{dataset.root}: has no annotations, so {option('coverage')} has none to cover."
        )

    def draw(image: "Image", sample: "Sample") -> "Image":
        size = (image.shape[0], image.shape[1])
        return draw_coverage(image, stored.read(sample.image_id, size), sample.annotations)

    return draw


def _detections(dataset: "Dataset", path: Path, threshold: float, iou: float) -> "Draw":
    from detect.storage.detections import read_detections
    from detect.visualize import draw_detections

    found = read_detections(path, dataset)

    def draw(image: "Image", sample: "Sample") -> "Image":
        shown = found[sample.image_id]
        truth = sample.annotations if dataset.annotated else None
        return draw_detections(image, shown, dataset.classes, truth, threshold, iou)

    return draw
