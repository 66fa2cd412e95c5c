"""Proposals, detections, data sets and networks for other programs."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from detect.errors import UsageError, option
from detect.locks import holding
from detect.models.exported.forms import Form
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.export_models import export_model
from detect.stages.opening import check_out, open_data
from detect.together import together

if TYPE_CHECKING:
    from detect.storage.given import Kind

Target = Literal["coco-results", "npz", "ilsvrc", "voc", "coco", "yolo", "onnx", "openvino"]
# What is given -> how it is called, what it goes to.
_TARGETS: dict[str, tuple[str, tuple[Target, ...]]] = {
    "proposals": ("a file of proposals", ("coco-results", "npz")),
    "results": ("a file of detections", ("ilsvrc",)),
    "data set": ("a data set", ("voc", "coco", "yolo")),
    "model": ("a model", ("onnx", "openvino")),
}
_EXPECTED = "Expected proposals, detections (COCO results) or a data set."
# Before there was `to`, the ending of `out` told.
_FORMERLY: dict[str, Target] = {".json": "coco-results", ".npz": "npz", ".txt": "ilsvrc"}


class ExportOptions(o.Options):
    """What `export_boxes` is told."""

    file: Path = Field(
        description="Proposals, detections (COCO results, or the folder of detect archive), a data "
        "set or, a run folder or a .safetensors file, a model."
    )
    to: Target | None = Field(
        None,
        description="coco-results or npz: of proposals. ilsvrc: a submission, of detections. voc, "
        "coco or yolo: of a data set. onnx or openvino: of a model.",
    )
    out: Path = Field(
        description="File to write, of a model NAME.onnx or NAME.xml; of a data set its folder, "
        "which may have others."
    )
    data: Path | None = Field(None, description="The detections' data set.")
    split: o.Split = None
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class ExportResult:
    """What is at `path` now: of how many images, and how many `detections` or `objects`.

    None of these for what has none of them. Of a model the largest `difference` from PyTorch's in
    float32, which is that of `output`.
    """

    path: Path
    images: int | None = None
    detections: int | None = None
    objects: int | None = None
    difference: float | None = None
    output: str = ""


@by_keywords
def export_boxes(options: ExportOptions, reporter: Reporter = QUIET) -> ExportResult:
    """Write proposals, detections, a split of a data set or a model for another program.

    Raises UsageError for options that do not go together and where `out` is taken, DataError for
    files and data that are wrong or do not belong together, EnvironmentProblem where a package is
    missing, DetectError for a network that is another one when it is exported.
    """
    from detect.storage.archive import is_archive
    from detect.storage.given import kind_of

    if options.to is None:
        raise UsageError(_no_target(options))
    if options.to in ("onnx", "openvino"):
        return _model(options, options.to, reporter)
    archive = is_archive(options.file)
    kind = "results" if archive else kind_of(options.file, _EXPECTED)
    _check(options, options.to, kind)
    if kind == "data set":
        with holding(options.out, reporter):
            check_out(options.out, exist_ok=options.exist_ok)
            return _data_set(options, options.to, reporter)
    check_out(options.out, exist_ok=options.exist_ok, folder=False)
    if kind == "proposals":
        return _proposals(options.file, options.to, options.out, reporter)
    return _detections(options, options.data or Path(), reporter)


def _no_target(options: ExportOptions) -> str:
    """Return what to type, in place of the ending of `out` alone."""
    known = ", ".join(target for _, targets in _TARGETS.values() for target in targets)
    former = _FORMERLY.get(options.out.suffix)
    now = f" What {option('out', options.out)} ends in no longer tells: add {option('to', former)}."
    return f"{option('to')} is missing: one of {known}.{now if former else ''}"


def _check(options: ExportOptions, to: Target, kind: "Kind") -> None:
    """Raise UsageError for a form that what is given has not, and options that go with another."""
    called, targets = _TARGETS.get(kind, (kind, ()))
    if to not in targets:
        others = f"which goes to {' or '.join(targets)}." if targets else f"not known. {_EXPECTED}"
        raise UsageError(f"{option('to', to)}: {options.file} is {called}, {others}")
    if kind == "results":
        if options.data is None:
            raise UsageError(
                f"{option('to', to)}: a submission needs {option('data')} and {option('split')} "
                "of its detections."
            )
        return
    if options.data:
        raise UsageError(
            f"{option('data')} is for detections, with {option('to', 'ilsvrc')}. Leave it out."
        )
    if kind == "proposals" and (options.split or options.skip_bad):
        raise UsageError(
            f"{option('split')} and {option('skip_bad')} are for detections and data sets, not "
            "for proposals. Leave them out."
        )


def _model(options: ExportOptions, to: Form, reporter: Reporter) -> ExportResult:
    for name in options.gave("data", "split", "skip_bad"):
        raise UsageError(f"{option(name)} means nothing for a model. Leave it out.")
    from detect.models.exported.files import check_name, paths_of

    check_name(options.out, to)
    for path in paths_of(options.out, to):
        check_out(path, exist_ok=options.exist_ok, folder=False)
    difference = export_model(options.file, to, options.out, reporter)
    return ExportResult(options.out, difference=difference.value, output=difference.name)


def _proposals(file: Path, to: Target, out: Path, reporter: Reporter) -> ExportResult:
    from detect.storage.exchange import are_numbers, write_coco, write_npz
    from detect.storage.proposals import ProposalFile

    stored = ProposalFile(file)
    stored.check_finished()
    rows = reporter.track(stored, len(stored), "export")
    if to == "coco-results":
        write_coco(out, rows, integer_ids=are_numbers(stored.image_ids))
    else:
        write_npz(out, rows)
    return ExportResult(out, len(stored))


def _detections(options: ExportOptions, data: Path, reporter: Reporter) -> ExportResult:
    from detect.storage.detections import read_detections
    from detect.storage.submission import write_submission

    dataset = open_data(data, options.split, reporter, skip_bad=options.skip_bad)
    found = read_detections(options.file, dataset)
    count = write_submission(options.out, found.values(), dataset)
    return ExportResult(options.out, len(dataset), count)


def _data_set(options: ExportOptions, to: Target, reporter: Reporter) -> ExportResult:
    """Write one split of a data set beside what else is in its folder."""
    from detect.storage.written_sets import WRITERS

    dataset = open_data(options.file, options.split, reporter, skip_bad=options.skip_bad)
    if not dataset.annotated:
        raise UsageError(f"{option('to', to)}: {options.file} has images without annotations.")
    with together(options.out) as folder:
        samples = reporter.track(dataset.samples, len(dataset), "copying images")
        written, left_out = WRITERS[to](folder, dataset, samples, options.out)
    if left_out:
        what = "crowd regions" if to == "voc" else "crowd regions and difficult objects"
        reporter.warn(f"{left_out} {what} left out: {to} has no place for them.")
    return ExportResult(options.out, len(dataset), objects=written)
