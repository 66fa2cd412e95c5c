"""Everything that is wrong or odd about a data set, at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detect.checks.findings import KINDS, Finding, Seen
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.check.judging import check_judged, doubts
from detect.stages.check.options import CheckOptions, CheckResult, SplitSummary
from detect.stages.check.reading import every_image, look_at_all, open_splits
from detect.stages.opening import check_figures, check_out

if TYPE_CHECKING:
    from detect.checks.files import FileFacts
    from detect.structures import Dataset

__all__ = ["CheckOptions", "CheckResult", "SplitSummary", "check"]


@by_keywords
def check(options: CheckOptions, reporter: Reporter = QUIET) -> CheckResult:
    """Tell everything that is wrong or odd about a data set, each kind with its remedy.

    Files, annotations, boxes, classes, splits; with a model or detections the labels that they
    contradict. Nothing is changed. Raises UsageError where `out` is taken, for options that do not
    go together and detections of no one split, DataError where there is no data set, none of its
    splits can be read, or a model is wrong, EnvironmentProblem for a machine that cannot.
    """
    check_figures([options.detections], json=options.json)
    with ExitStack() as held:
        if options.out is not None:
            held.enter_context(holding(options.out, reporter))
            check_out(options.out, exist_ok=options.exist_ok)
        return _write(options, _check(options, reporter))


def _check(options: CheckOptions, reporter: Reporter) -> CheckResult:
    splits, findings = open_splits(options.data, options.split)
    check_judged(options, splits)
    images = every_image(splits)
    facts = look_at_all(images, reporter)
    findings += _of_images(splits, images, facts)
    findings += _of_the_set(options, splits, images, facts)
    findings += doubts(options, splits, images, facts, reporter)
    order = list(KINDS)
    findings.sort(key=lambda one: (order.index(one.kind), -one.oddness))
    return _summary(splits, images, findings)


def _of_images(
    splits: "Mapping[str, Dataset]", images: Sequence[Seen], facts: "Mapping[Path, FileFacts]"
) -> Iterator[Finding]:
    """Yield what is said of one image at a time, and of pairs of them."""
    from detect.checks.boxes import check_boxes
    from detect.checks.duplicates import check_duplicates
    from detect.checks.files import check_file

    for seen in images:
        known = facts[seen.sample.path]
        yield from check_file(seen, known)
        yield from check_boxes(seen, known.size)
    yield from check_duplicates(images, facts)


def _of_the_set(
    options: CheckOptions,
    splits: "Mapping[str, Dataset]",
    images: Sequence[Seen],
    facts: "Mapping[Path, FileFacts]",
) -> Iterator[Finding]:
    """Yield what is said of splits, classes and folders."""
    from detect.checks.duplicates import check_overlaps
    from detect.checks.names import check_counts, check_names
    from detect.checks.splits import check_plain, check_split, check_unlisted
    from detect.data.folder import LAYOUT as PLAIN

    annotated = {name: dataset for name, dataset in splits.items() if dataset.annotated}
    if any(dataset.layout == PLAIN for dataset in splits.values()):
        yield from check_plain(options.data)
    for name in annotated:
        yield from check_split(name, [seen for seen in images if name in seen.splits])
    yield from check_overlaps(
        {name: [sample.path for sample in dataset.samples] for name, dataset in splits.items()}
    )
    if annotated:
        counts = _counts(images, annotated)
        yield from check_names(counts)
        by_split = {
            name: _counter(seen for seen in images if name in seen.splits) for name in annotated
        }
        yield from check_counts(counts, by_split)
    if options.split is None:
        folders = {path.parent for path in facts if path.parent.is_dir()}
        ids = {image_id for dataset in splits.values() for image_id in dataset.listed}
        yield from check_unlisted(folders, facts, ids)


def _counts(images: Sequence[Seen], splits: "Mapping[str, Dataset]") -> dict[str, int]:
    """Return the objects of every class, those of images in several splits once."""
    counted = _counter(iter(images))
    classes = dict.fromkeys(name for dataset in splits.values() for name in dataset.classes)
    return {name: counted[name] for name in classes}


def _counter(images: Iterator[Seen]) -> Counter[str]:
    return Counter(
        seen.classes[label] for seen in images for label in seen.sample.annotations.labels.tolist()
    )


def _summary(
    splits: "Mapping[str, Dataset]", images: Sequence[Seen], findings: Sequence[Finding]
) -> CheckResult:
    errors = [one for one in findings if one.level == "error"]
    bad = {seen for one in errors for seen in one.images}
    summaries, objects = {}, {}
    for name, dataset in splits.items():
        counts = _counter(seen for seen in images if name in seen.splits)
        left_out = len(dataset.listed) - len(dataset) + sum(name in seen.splits for seen in bad)
        summaries[name] = SplitSummary(len(dataset.listed), counts.total(), left_out)
        objects[name] = counts
    classes = dict.fromkeys(name for dataset in splits.values() for name in dataset.classes)
    by_class = {name: {split: objects[split][name] for split in splits} for name in classes}
    unusable = {one for dataset in splits.values() for one in dataset.listed}
    unusable -= {seen.sample.image_id for seen in images}
    count = len({(seen.sample.image_id, seen.sample.path) for seen in images}) + len(unusable)
    return CheckResult(summaries, by_class, count, tuple(findings))


def _write(options: CheckOptions, result: CheckResult) -> CheckResult:
    """Write what the options ask for."""
    from detect.files import write_json
    from detect.stages.check.figures import figures

    if options.json is not None:
        write_json(options.json, figures(options.data, result))
    if options.out is None:
        return result
    from detect.report.checked import write_page
    from detect.together import together

    said = figures(options.data, result)
    with together(options.out) as folder:
        write_json(folder / "check.json", said)
        write_page(
            folder / "index.html",
            options.data,
            said["splits"],
            said["objects"],
            result.by_kind(),
            options.pictures,
        )
    return replace(result, page=options.out / "index.html")
