"""R-CNN's linear SVMs on a trained network's features."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from detect.errors import DataError, EnvironmentProblem, UsageError, option
from detect.files import refuse_link
from detect.locks import holding_file
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_out, warn_skipped, with_proposals
from detect.stages.positives import (
    PositivesFrom,
    PositivesPerClass,
    check_positives,
    open_positives,
)
from detect.stages.scoring import one_network

if TYPE_CHECKING:
    from detect.detector.refine import RegionEncoder
    from detect.models.checkpoints import Fitted
    from detect.models.svm import Fit, LinearSvms, RegionFeatures
    from detect.storage.features import FeatureStore
    from detect.training.svm import MinedImage


class TrainSvmOptions(o.Options):
    """What `train_svm` is told."""

    data: Path = Field(description="A data set.")
    split: o.Split = None
    proposals: Path = Field(description="Proposals of that split.")
    model: Path = Field(description="A region classifier's run, or a detector of one network.")
    positives_from: PositivesFrom = None
    positives_per_class: PositivesPerClass = None
    out: Path = Field(description="File to write, ending in .safetensors.")
    seed: o.Seed = 0
    batch_size: o.BatchSize = None
    precision: o.Precision = "auto"
    device: o.Device = "auto"
    resume: o.Resume = False
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class TrainSvmResult:
    """The file written, and how many `objects` and `hard_negatives` each class was fitted on.

    `complete` already, where nothing was left to do.
    """

    path: Path
    objects: Mapping[str, int]
    hard_negatives: Mapping[str, int]
    complete: bool = False


@by_keywords
def train_svm(options: TrainSvmOptions, reporter: Reporter = QUIET) -> TrainSvmResult:
    """Fit a linear SVM a class to the network's features, by hard-negative mining.

    Raises UsageError for options that do not go together, DataError for data, proposals or a
    model that are wrong, EnvironmentProblem for a machine that cannot, or lacks scikit-learn.
    """
    from detect.storage.features import FeatureStore

    if options.out.suffix != ".safetensors":
        raise UsageError(f"{option('out', options.out)}: expected a name ending in .safetensors.")
    check_positives(options.positives_from, options.positives_per_class)
    store = FeatureStore(options.out.with_name(f".{options.out.name}.features"))
    with holding_file(options.out, reporter):
        check_out(options.out, exist_ok=options.exist_ok, resume=options.resume, folder=False)
        refuse_link(store.path)
        check_out(store.path, exist_ok=options.exist_ok, resume=options.resume)
        return _train(options, store, reporter)


def _train(options: TrainSvmOptions, store: "FeatureStore", reporter: Reporter) -> TrainSvmResult:
    """Compute the features, mine them, and write the SVMs."""
    from detect.detector.refine import RegionEncoder
    from detect.models.checkpoints import Fitted, load_model, save_fitted
    from detect.models.device import choose_device, resolve_precision
    from detect.models.kinds import LINEAR_SVMS, REGION_CLASSIFIER
    from detect.models.model_files import model_hash
    from detect.models.svm import liblinear
    from detect.training.svm import check_negatives, check_positives

    fit, device = liblinear(), choose_device(options.device)
    path = one_network(options.model, "SVMs take")
    network, card = load_model(path, REGION_CLASSIFIER)
    encoder = RegionEncoder(network, card, device, options.precision, options.batch_size)
    precision, model = resolve_precision(device, options.precision), model_hash(path)
    images, recipe = _open(options, card.classes, precision, reporter)
    fitted_on = (model, encoder.dimensions)
    stored = _finished(options, fitted_on, recipe, store) if options.resume else None
    if stored is not None:
        store.remove()  # A call killed at its very end has left them.
        return _result(options.out, stored, complete=True)
    check_positives(images, card.classes)
    if not options.resume:
        store.remove()
    store.begin({"model": model, **recipe})
    left = _missing(images, encoder.dimensions, store, reporter)
    bad = _add_features(left, encoder, store, options.skip_bad, reporter)
    images = [image for image in images if image.sample.image_id not in bad]
    check_positives(images, card.classes)
    svms = _mine(images, store, len(card.classes), fit, reporter)
    check_negatives(svms.negatives, card.classes)
    stored = Fitted(svms, card.classes, model, recipe)
    save_fitted(options.out, LINEAR_SVMS, stored)
    store.remove()
    result = _result(options.out, stored)
    counts = [f"{name} {n} + {result.hard_negatives[name]}" for name, n in result.objects.items()]
    reporter.say(f"objects + hard negatives: {', '.join(counts)}")
    return result


def _result(path: Path, stored: "Fitted[LinearSvms]", *, complete: bool = False) -> TrainSvmResult:
    objects = dict(zip(stored.classes, stored.parameters.positives.tolist(), strict=True))
    negatives = dict(zip(stored.classes, stored.parameters.negatives.tolist(), strict=True))
    return TrainSvmResult(path, objects, negatives, complete)


def _open(
    options: TrainSvmOptions, classes: tuple[str, ...], precision: str, reporter: Reporter
) -> tuple[list["MinedImage"], dict[str, Any]]:
    """Return the images with all that becomes a region, and what decides the SVMs.

    `precision` is the one that the option means on this machine.
    """
    from detect.data import data_hash, open_dataset
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes
    from detect.training.svm import MinedImage

    dataset = open_dataset(options.data, options.split, skip_bad=options.skip_bad)
    warn_skipped(dataset.skipped_marked, reporter)
    dataset = choose_classes(dataset, classes)
    proposals, data = ProposalFile(options.proposals), data_hash(dataset)
    if options.skip_bad:
        dataset = with_proposals(dataset, [proposals], reporter)
    drawn = (options.positives_from, options.positives_per_class)
    positives = open_positives(options.data, *drawn, dataset, skip_bad=options.skip_bad)
    images = [MinedImage(sample, proposals) for sample in dataset.samples]
    if positives:
        images += [MinedImage(one, None) for one in positives.draw(options.seed, reporter)]
    recipe = {
        "split": dataset.split,
        "data": data,
        "proposals": proposals.recipe,
        "positives": [*drawn, options.seed] if positives else [],
        "precision": precision,
    }
    return images, recipe


def _finished(
    options: TrainSvmOptions,
    fitted_on: tuple[str, int],
    recipe: dict[str, Any],
    store: "FeatureStore",
) -> "Fitted[LinearSvms] | None":
    """Return what is in `out`, None where there is nothing; DataError if of another recipe.

    But where features are left it is of an earlier call, and stays until there is a new one: None.
    """
    from detect.models.checkpoints import load_fitted
    from detect.models.kinds import LINEAR_SVMS
    from detect.storage.recipe import check_same_recipe

    if not options.out.is_file():
        return None
    try:
        stored = load_fitted(options.out, LINEAR_SVMS, *fitted_on)
        check_same_recipe(options.out, stored.recipe, "this command's SVMs", recipe)
    except DataError:
        if store.path.exists():
            return None
        raise
    return stored


def _missing(
    images: list["MinedImage"], dimensions: int, store: "FeatureStore", reporter: Reporter
) -> list["MinedImage"]:
    """Return the images whose features are still to compute, and say the disk they take.

    DataError for an image without proposals, EnvironmentProblem for a disk too small.
    """
    left, regions, needed = [], 0, 0
    for image in images:
        boxes, _ = image.regions()
        regions += len(boxes)
        if not store.has(image.sample.image_id, boxes):
            left.append(image)
            needed += store.size(len(boxes), dimensions)
    size = store.size(regions, dimensions) / 1e6
    done = f"; {len(images) - len(left)} are there already" if len(left) < len(images) else ""
    reporter.say(
        f"features of {regions} regions in {len(images)} images{done}: {size:,.1f} MB in "
        f"{store.path}, until the SVMs are fitted"
    )
    free = shutil.disk_usage(store.path).free
    if free < needed:
        raise EnvironmentProblem(
            f"{store.path}: the features take {needed / 1e6:,.1f} MB more, and this disk has "
            f"{free / 1e6:,.1f} MB left. Free some, or choose an {option('out')} on another disk."
        )
    return left


def _add_features(
    left: list["MinedImage"],
    encoder: "RegionEncoder",
    store: "FeatureStore",
    skip_bad: bool,
    reporter: Reporter,
) -> set[str]:
    """Compute the features of the images `left`; return the ids of those left out as bad."""
    from detect.training.svm import compute_features

    bad: dict[str, str] = {}
    images = reporter.track(left, len(left), "features")
    compute_features(images, encoder, store, bad if skip_bad else None)
    warn_skipped(list(bad.values()), reporter)
    return set(bad)


def _mine(
    images: Sequence["MinedImage"],
    store: "FeatureStore",
    num_classes: int,
    fit: "Fit",
    reporter: Reporter,
) -> "LinearSvms":
    """Read the features twice: for the objects, and for the hard negatives."""
    from detect.models.svm import find_positives, train_svms

    def read(what: str) -> Iterator["RegionFeatures"]:
        for image in reporter.track(images, len(images), what):
            yield image.features(store, num_classes)

    positives = find_positives(read("objects"))
    return train_svms(read("mining"), positives, num_classes, fit)
