"""`detect train-svm`: R-CNN's linear SVMs on a trained network's features."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.cli.positives import check_positives, extra_positives, positives_options
from detect.cli.progress import track
from detect.cli.skipping import proposed, warn_skipped
from detect.errors import EnvironmentProblem, UsageError

if TYPE_CHECKING:
    from detect.detector.refine import RegionEncoder
    from detect.models.svm import Fit, LinearSvms, RegionFeatures
    from detect.storage.features import FeatureStore
    from detect.training.svm import MinedImage


@dataclass(frozen=True)
class Chosen:
    """The options of one call."""

    data: Path
    split: str | None
    proposals: Path
    model: Path
    positives_from: str | None
    positives_per_class: int | None
    out: Path
    seed: int
    batch_size: int | None
    precision: str
    device: str
    resume: bool
    exist_ok: bool
    skip_bad: bool


@click.command("train-svm")
@click.argument("data", type=options.PATH)
@options.split
@click.option(
    "--proposals", required=True, type=options.PATH, metavar="P", help="Proposals of that split."
)
@click.option(
    "--model", required=True, type=options.PATH, metavar="M", help="A region classifier's run."
)
@positives_options
@options.out("File to write, ending in .safetensors.")
@options.seed
@options.batch_size
@options.precision
@options.device
@options.resume
@options.exist_ok
@options.skip_bad
@options.debug
def command(**given: Any) -> None:
    """Fit a linear SVM a class to the network's features, for detect run --svm.

    With R-CNN's hard-negative mining (section 2.3, appendix B): positives are the objects,
    negatives regions of IoU below 0.3. Difficult objects and crowds are neither, as in every
    training. The features of all regions wait on the disk, beside --out, until the SVMs are
    fitted; --resume goes on with them. GoogLeNet's paper names no SVMs. Needs the extra "svm".
    """
    from detect.storage.features import FeatureStore

    chosen = Chosen(**given)
    if chosen.out.suffix != ".safetensors":
        raise UsageError(f"--out {chosen.out}: expected a name ending in .safetensors.")
    check_positives(chosen.positives_from, chosen.positives_per_class)
    store = FeatureStore(chosen.out.with_name(f".{chosen.out.name}.features"))
    for path in (chosen.out, store.path):
        options.prepare_out(path, exist_ok=chosen.exist_ok, resume=chosen.resume)
    _train(chosen, store)


def _train(chosen: Chosen, store: "FeatureStore") -> None:
    """Compute the features, mine them, write the SVMs, and say what they were fitted on."""
    from detect.detector.refine import RegionEncoder
    from detect.models.checkpoint import load_model
    from detect.models.device import choose_device, resolve_precision
    from detect.models.model_files import model_hash
    from detect.models.svm import liblinear
    from detect.models.svm_file import StoredSvms, save_svms
    from detect.training.svm import check_negatives, check_positives

    fit, device = liblinear(), choose_device(chosen.device)
    network, card = load_model(chosen.model)
    encoder = RegionEncoder(network, card, device, chosen.precision, chosen.batch_size)
    precision = resolve_precision(device, chosen.precision)
    model, (images, recipe) = model_hash(chosen.model), _open(chosen, card.classes, precision)
    if chosen.resume and chosen.out.is_file():
        _check_finished(chosen.out, model, recipe)
        store.remove()  # A call killed at its very end has left them.
        return
    check_positives(images, card.classes)
    if not chosen.resume:
        store.remove()
    store.begin({"model": model, **recipe})
    left = _missing(images, encoder.dimensions, store)
    chosen.out.unlink(missing_ok=True)  # Older SVMs: --resume would take them for these.
    bad = _add_features(left, encoder, store, chosen.skip_bad)
    images = [image for image in images if image.sample.image_id not in bad]
    check_positives(images, card.classes)
    svms = _mine(images, store, len(card.classes), fit)
    check_negatives(svms.negatives, card.classes)
    save_svms(chosen.out, StoredSvms(svms, card.classes, model, recipe))
    store.remove()
    columns = (svms.positives.tolist(), svms.negatives.tolist())
    counts = [f"{name} {p} + {n}" for name, p, n in zip(card.classes, *columns, strict=True)]
    click.echo(f"objects + hard negatives: {', '.join(counts)}", err=True)
    click.echo(chosen.out)


def _open(
    chosen: Chosen, classes: tuple[str, ...], precision: str
) -> tuple[list["MinedImage"], dict[str, Any]]:
    """Return the images with all that becomes a region, and what decides the SVMs.

    `precision` is the one that --precision means on this machine.
    """
    from detect.data import data_hash, open_dataset
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes
    from detect.training.svm import MinedImage

    dataset = open_dataset(chosen.data, chosen.split, skip_bad=chosen.skip_bad)
    warn_skipped(dataset.skipped)
    dataset = choose_classes(dataset, classes)
    proposals, data = ProposalFile(chosen.proposals), data_hash(dataset)
    if chosen.skip_bad:
        dataset = proposed(dataset, [proposals])
    drawn = (chosen.positives_from, chosen.positives_per_class)
    extra = extra_positives(chosen.data, *drawn, dataset, chosen.seed, chosen.skip_bad)
    images = [MinedImage(sample, proposals) for sample in dataset.samples]
    images += [MinedImage(sample, None) for sample in extra]
    recipe = {
        "split": dataset.split,
        "data": data,
        "proposals": proposals.recipe,
        "positives": [*drawn, chosen.seed] if chosen.positives_from else [],
        "precision": precision,
    }
    return images, recipe


def _check_finished(out: Path, model: str, recipe: dict[str, Any]) -> None:
    """Say that `out` is complete; DataError if it was made by another recipe."""
    from detect.models.svm_file import load_svms
    from detect.storage.recipe import check_same_recipe

    check_same_recipe(out, load_svms(out, model).recipe, "this command's SVMs", recipe)
    click.echo(f"{out}: complete already")


def _missing(
    images: list["MinedImage"], dimensions: int, store: "FeatureStore"
) -> list["MinedImage"]:
    """Return the images whose features are still to compute, and print the disk they take.

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
    click.echo(
        f"features of {regions} regions in {len(images)} images{done}: {size:,.1f} MB in "
        f"{store.path}, until the SVMs are fitted",
        err=True,
    )
    free = shutil.disk_usage(store.path).free
    if free < needed:
        raise EnvironmentProblem(
            f"{store.path}: the features take {needed / 1e6:,.1f} MB more, and this disk has "
            f"{free / 1e6:,.1f} MB left. Free some, or choose an --out on another disk."
        )
    return left


def _add_features(
    left: list["MinedImage"], encoder: "RegionEncoder", store: "FeatureStore", skip_bad: bool
) -> set[str]:
    """Compute the features of the images `left`; return the ids of those left out as bad."""
    from detect.training.svm import compute_features

    bad: dict[str, str] = {}
    compute_features(track(left, len(left), "features"), encoder, store, bad if skip_bad else None)
    warn_skipped(list(bad.values()))
    return set(bad)


def _mine(
    images: Sequence["MinedImage"], store: "FeatureStore", num_classes: int, fit: "Fit"
) -> "LinearSvms":
    """Read the features twice: for the objects, and for the hard negatives."""
    from detect.models.svm import find_positives, train_svms

    def read(what: str) -> Iterator["RegionFeatures"]:
        for image in track(images, len(images), what):
            yield image.features(store, num_classes)

    positives = find_positives(read("objects"))
    return train_svms(read("mining"), positives, num_classes, fit)
