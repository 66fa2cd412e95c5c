"""Labels against what a detector says: detections that are there, or made on the way."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detect.checks.findings import Finding, Seen
from detect.errors import DataError, UsageError, option
from detect.progress import Reporter
from detect.stages.check.options import CheckOptions

if TYPE_CHECKING:
    from detect.checks.files import FileFacts
    from detect.structures import Dataset, Detections


def check_judged(options: CheckOptions, splits: "Mapping[str, Dataset]") -> None:
    """Raise UsageError for detections of no one split, or where nothing detects.

    DataError where there are no labels, and for detections or networks that cannot be read: before
    all images are looked at, which may take long.
    """
    given = options.gave("detections", "model")
    if len(given) > 1:
        raise UsageError(
            f"{option('detections')} and {option('model')}: these detections are there, or are "
            "made by that model. Leave one out."
        )
    if given and len(splits) > 1:
        raise UsageError(
            f"{option(given[0])}: say of which split, one that was not trained on, with "
            f"{option('split')}; there: {', '.join(splits)}."
        )
    if given and not any(dataset.annotated for dataset in splits.values()):
        raise DataError(f"{options.data}: no annotations, so no labels to doubt; expected some.")
    for name in () if given else options.gave("confident"):
        raise UsageError(
            f"{option(name)} means nothing without {option('model')} or {option('detections')}."
        )
    for name in () if options.model else options.gave("device"):
        raise UsageError(f"{option(name)} means nothing without {option('model')}.")
    if options.detections is not None:
        _stored(options.detections, splits)
    elif options.model:
        _check_networks(options.model)


def _check_networks(models: Sequence[Path]) -> None:
    from detect.models.checkpoints import kind_among
    from detect.models.kinds import REGION_CLASSIFIER, SHARED
    from detect.models.model_files import is_exported, read_card
    from detect.stages.detector_folder import detector_among
    from detect.stages.scoring import network_paths

    detector_among(models)
    for path in network_paths(models):
        if not is_exported(path):
            read_card(path, kind_among(path, (REGION_CLASSIFIER, SHARED)).name)


def doubts(
    options: CheckOptions,
    splits: "Mapping[str, Dataset]",
    images: Sequence[Seen],
    facts: "Mapping[Path, FileFacts]",
    reporter: Reporter,
) -> Iterator[Finding]:
    """Yield what detections say against labels, if there are detections or a model."""
    if options.detections is not None:
        yield from _against(options.detections, options.confident, splits, images)
    elif options.model:
        yield from _by_model(options, splits, images, facts, reporter)


def _by_model(
    options: CheckOptions,
    splits: "Mapping[str, Dataset]",
    images: Sequence[Seen],
    facts: "Mapping[Path, FileFacts]",
    reporter: Reporter,
) -> Iterator[Finding]:
    """Let the model detect in the images that can be used, and compare these alone."""
    from detect.data import open_dataset
    from detect.stages.run.aside import detected_aside

    (name,) = splits
    used = open_dataset(options.data, options.split, skip_bad=True)
    ids = {one.image_id for one in used.samples if not facts[one.path].problem}
    split = options.split or name or None
    told = {"device": options.device, "skip_bad": True}
    with detected_aside(options.data, split, options.model, reporter, **told) as found:
        left = [seen for seen in images if seen.sample.image_id in ids]
        yield from _against(found, options.confident, splits, left)


def _against(
    path: Path, confident: float, splits: "Mapping[str, Dataset]", images: Sequence[Seen]
) -> Iterator[Finding]:
    from detect.checks.labels import check_labels

    found = _stored(path, splits)
    for seen in images:
        yield from check_labels(seen, found[seen.sample.image_id], confident)


def _stored(path: Path, splits: "Mapping[str, Dataset]") -> "Mapping[str, Detections]":
    """Return the detections of the split at `path`, a file or a folder of `run`."""
    from detect.storage.detections import read_detections

    (dataset,) = splits.values()
    return read_detections(path / "detections.json" if path.is_dir() else path, dataset)
