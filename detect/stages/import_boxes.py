"""Boxes of other programs as proposals, a submission as detections, labels as a data set."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from detect.errors import DataError, UsageError, option
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.reading import NAME_BYTES, file_digest, is_name
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_out, open_data
from detect.together import together

if TYPE_CHECKING:
    from detect.storage.exchange import External
    from detect.storage.given import Kind
    from detect.structures import Dataset, Proposals

_EXPECTED = (
    "Expected COCO results, NumPy arrays (.npz), a submission to ILSVRC, or labels of CVAT, Label "
    "Studio or LabelMe."
)


class ImportOptions(o.Options):
    """What `import_boxes` is told."""

    file: Path = Field(
        description="COCO results, NumPy arrays (.npz), ILSVRC's submission, or labels: CVAT's "
        "XML, Label Studio's JSON, LabelMe's files or their folder. Its content tells which."
    )
    data: Path | None = Field(
        None,
        description="The boxes' data set. The labels' images. [default of labels: their folder]",
    )
    split: o.Split = None
    out: Path = Field(
        description="Of proposals: folder for the parts, or one file ending in .parquet. Of a "
        "submission: COCO results, ending in .json. Of labels: folder for a COCO data set."
    )
    source: str | None = Field(None, description="What made the boxes. [default: imported]")
    coordinates: Literal["xyxy", "xywh", "voc", "rcnn"] | None = Field(
        None,
        description="Of an npz: xyxy (half-open px from 0), xywh, voc (xyxy, 1-based inclusive) "
        "or rcnn (yxyx, 1-based inclusive, as R-CNN's .mat files). [default: xyxy]",
    )
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class ImportResult:
    """The `boxes` of `images` that are at `path` now, and what they are.

    Of proposals also how many boxes were `dropped`, for they lie outside their image, and how
    many images are `without` a box.
    """

    path: Path
    kind: Literal["proposals", "detections", "objects"]
    images: int
    boxes: int
    dropped: int = 0
    without: int = 0


@by_keywords
def import_boxes(options: ImportOptions, reporter: Reporter = QUIET) -> ImportResult:
    """Turn boxes into proposals, a submission into detections, labels into a COCO data set.

    Raises UsageError for options that do not go together and where `out` is taken, DataError for
    files and data that are wrong or do not belong together.
    """
    from detect.storage.given import LABELS, kind_of

    kind = kind_of(options.file, _EXPECTED)
    if kind in LABELS:
        return _labels(options, kind, reporter)
    _check(options, kind)
    # A single file is there at once or not at all; a folder's parts are another's until the end.
    in_parts = kind != "submission" and options.out.suffix != ".parquet"
    with holding(options.out, reporter) if in_parts else nullcontext():
        check_out(options.out, exist_ok=options.exist_ok, folder=in_parts)
        return _import(options, kind, reporter)


def _labels(options: ImportOptions, kind: "Kind", reporter: Reporter) -> ImportResult:
    from detect.stages.import_labels import import_labels

    for name in options.gave("split", "source", "coordinates"):
        raise UsageError(
            f"{option(name)} means nothing for labels of {kind}, which become a data set of the "
            "split all. Leave it out."
        )
    out, skip_bad = options.out, options.skip_bad
    with holding(out, reporter):
        check_out(out, exist_ok=options.exist_ok)
        given = (options.file, kind, options.data, out)
        dataset, objects = import_labels(*given, skip_bad=skip_bad, reporter=reporter)
    return ImportResult(out, "objects", len(dataset), objects)


def _import(options: ImportOptions, kind: "Kind", reporter: Reporter) -> ImportResult:
    data = options.data
    if data is None:
        raise UsageError(f"{option('data')} is missing: the data set that the boxes are of.")
    dataset = open_data(data, options.split, reporter, skip_bad=options.skip_bad)
    if kind == "submission":
        return _detections(options.file, options.out, dataset)
    result = _proposals(options, kind, dataset)
    if result.dropped:
        reporter.warn(f"{result.dropped} boxes lie outside their image: left out.")
    if result.without:
        reporter.warn(f"{result.without} of {result.images} images have no box.")
    return result


def _check(options: ImportOptions, kind: "Kind") -> None:
    """Raise UsageError on options that the kind of the file has no use for, DataError for ours."""
    if kind in ("proposals", "data set"):
        what = "proposals of detect already" if kind == "proposals" else "a folder"
        raise DataError(f"{options.file}: {what}. {_EXPECTED}")
    if options.source is not None and not is_name(options.source):
        raise UsageError(
            f"{option('source', f'{options.source:.60}')}: expected a name of 1 to {NAME_BYTES} "
            "bytes."
        )
    if options.coordinates and kind == "results":
        raise UsageError(
            f"{option('coordinates')} is for .npz files: COCO's boxes are x, y, width, height."
        )
    if kind != "submission":
        return
    if options.source or options.coordinates:
        raise UsageError(
            f"{option('source')} and {option('coordinates')} are for proposals, not for a "
            "submission."
        )
    if options.out.suffix != ".json":
        raise UsageError(
            f"{option('out', options.out)}: a submission becomes detections: expected a name "
            "ending in .json."
        )


def _detections(file: Path, out: Path, dataset: "Dataset") -> ImportResult:
    """Turn the submission `file` into COCO results."""
    from detect.storage.detections import writing_detections
    from detect.storage.submission import read_submission

    boxes = 0
    with writing_detections(out, dataset) as writer:
        for found in read_submission(file, dataset):
            writer.write(found)
            boxes += len(found)
    return ImportResult(out, "detections", len(dataset), boxes)


def _proposals(options: ImportOptions, kind: "Kind", dataset: "Dataset") -> ImportResult:
    from detect.data import data_hash
    from detect.storage.proposals import part_files, write_proposals

    coordinates = options.coordinates or "xyxy"
    external = _read(options.file, kind, options.source, coordinates)
    _check_pixels(external, options.file)
    recipe = {
        "method": "import",
        "parameters": {"source": options.source, "coordinates": coordinates},
        "file": file_digest(options.file),
        "data": data_hash(dataset),
        "images": len(dataset),
    }
    images = boxes = dropped = without = 0

    def counted() -> Iterator["Proposals"]:
        nonlocal images, boxes, dropped, without
        for one, left_out in _in_order(dataset, external, options.file):
            images, boxes = images + 1, boxes + len(one)
            dropped, without = dropped + left_out, without + (not len(one))
            yield one

    if options.out.suffix == ".parquet":
        write_proposals(options.out, counted(), recipe)
    else:
        with together(options.out, part_files(options.out)) as folder:
            write_proposals(folder, counted(), recipe)
    return ImportResult(options.out, "proposals", images, boxes, dropped, without)


def _read(
    file: Path, kind: "Kind", source: str | None, coordinates: str
) -> Mapping[str, "External"]:
    from detect.storage.exchange import DEFAULT_SOURCE, read_coco, read_npz

    if kind == "results":
        return read_coco(file, source)
    return dict(read_npz(file, source or DEFAULT_SOURCE, coordinates))


def _check_pixels(external: Mapping[str, "External"], file: Path) -> None:
    """Raise DataError where the boxes of every image are fractions of it."""
    from detect.data.truth import are_fractions

    boxes = (external[image_id].boxes for image_id in external)
    filled = (found for found in boxes if len(found))
    first = next(filled, None)
    if first is not None and are_fractions(first) and all(map(are_fractions, filled)):
        raise DataError(
            f"{file}: all numbers of all boxes are from 0 to 1: fractions of the images' sides, it "
            "seems; expected pixels. Multiply x by the image's width, y by its height."
        )


def _in_order(
    dataset: "Dataset", external: Mapping[str, "External"], file: Path
) -> Iterator[tuple["Proposals", int]]:
    """Yield the proposals of every image of the split, and how many boxes lie outside of it."""
    from detect.data import image_size
    from detect.storage.exchange import EMPTY, to_proposals

    _check_known(dataset, external, file)
    for sample in dataset.samples:
        found = external.get(sample.image_id, EMPTY)
        yield to_proposals(sample.image_id, image_size(sample), found)


def _check_known(dataset: "Dataset", external: Mapping[str, "External"], file: Path) -> None:
    from detect.data.image_files import meant_id

    known = {sample.image_id for sample in dataset.samples}
    unknown = [image_id for image_id in external if image_id not in known]
    if unknown:
        meant = meant_id(unknown[0], known)
        remedy = (
            f"Ids there are as {meant!r}: write that for it."
            if meant
            else (f"Give the {option('data')} and {option('split')} these boxes were made for.")
        )
        raise DataError(
            f"{file}: {len(unknown)} of {len(external)} images are not in split "
            f"{dataset.split or 'of the folder'} of {dataset.root}, the first {unknown[0]}. "
            f"{remedy}"
        )
