"""A page that shows an R-CNN at work on some images, from the scores that a run kept."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detect.errors import DataError, UsageError, option
from detect.progress import QUIET, Reporter
from detect.proposals.settings import SearchSettings
from detect.stages.calling import by_keywords
from detect.stages.ensemble.recombining import check_same_data
from detect.stages.explain.options import ExplainOptions, ExplainResult
from detect.stages.members import member_folders
from detect.stages.opening import check_out, holding_out, open_data
from detect.stages.sources import BOTH, SEARCH, recorded_settings

if TYPE_CHECKING:
    from detect.storage.scores import RegionScores, ScoresFile
    from detect.storage.scores_card import ScoresCard
    from detect.structures import Dataset

__all__ = ["ExplainOptions", "ExplainResult", "explain"]

_CROP = {"size": 224, "context": 16.0, "mode": "warp", "mean": [124, 116, 104], "known": False}


@by_keywords
def explain(options: ExplainOptions, reporter: Reporter = QUIET) -> ExplainResult:
    """Show chosen images of a run from superpixels to detections, in one HTML file.

    Raises UsageError where `out` is taken and for images and superpixels that there are not,
    DataError for data, scores and a model that are wrong or do not belong together.
    """
    from detect.storage.scores import ScoresFile

    scores = ScoresFile(options.run)
    folder = scores.path.parent
    with holding_out(options.out, "explain", folder.resolve().name, reporter) as out:
        if out.resolve() == folder.resolve():
            raise UsageError(f"{option('out', out)}: the run itself is there. Choose another.")
        check_out(out, exist_ok=options.exist_ok)
        return _explain(options, scores, out, reporter)


def _explain(
    options: ExplainOptions, scores: "ScoresFile", out: Path, reporter: Reporter
) -> ExplainResult:
    from detect.files import write_text
    from detect.report.explained.image import Naming, packed_image
    from detect.report.explained.page import page_of
    from detect.together import together

    dataset = open_data(options.data, options.split, reporter, skip_bad=options.skip_bad)
    if not dataset.annotated:
        known = scores.card
        dataset = replace(dataset, classes=known.classes, category_ids=known.category_ids)
    check_same_data(scores, dataset, reporter)
    search, crop = _search(options, scores.card, reporter), _crop(options.model)
    chosen = _chosen(options, scores, dataset)
    rows = _rows(scores, {dataset.samples[place].image_id for place in chosen})
    sources = tuple(dict.fromkeys(name for row in rows.values() for name in row.sources.tolist()))
    naming = Naming.of(scores.card, dataset.classes, sources)
    images = []
    for place in reporter.track(list(chosen), len(chosen), "packing images"):
        sample = dataset.samples[place]
        row = rows[sample.image_id]
        images.append(packed_image(sample, chosen[place], row, scores.card, naming, search))
    about = _about(scores, dataset, naming.classes, sources, crop)
    with together(out) as folder:
        write_text(folder / "index.html", page_of(about, images))
    page = out / "index.html"
    named = {dataset.samples[place].image_id: why for place, why in chosen.items()}
    return ExplainResult(page, page.stat().st_size, named)


def _chosen(options: ExplainOptions, scores: "ScoresFile", dataset: "Dataset") -> dict[int, str]:
    """Return the places in `dataset` of the images to show, in its order, and why."""
    known = scores.sizes()
    places = {s.image_id: n for n, s in enumerate(dataset.samples) if s.image_id in known}
    if options.image:
        if unknown := [name for name in options.image if name not in places]:
            there = ", ".join(list(places)[:5])
            raise UsageError(
                f"{option('image', unknown[0])}: no image of split {dataset.split} with scores; "
                f"there are {there}{', ...' if len(places) > 5 else ''}."
            )
        return {place: "" for place in sorted(places[name] for name in options.image)}
    if not dataset.annotated:
        return {next(iter(places.values())): ""}
    return _by_detections(scores, dataset, set(places.values()))


def _by_detections(scores: "ScoresFile", dataset: "Dataset", there: set[int]) -> dict[int, str]:
    """Choose by the run's own detections, among the images that have scores."""
    from detect.evaluation.flat import FlatDetections
    from detect.report.explained.choosing import choose_images
    from detect.storage.detections import read_columns

    path = scores.path.parent / "detections.json"
    if not path.is_file():
        raise DataError(
            f"{path}: no such detections, which choose the images. Name some with "
            f"{option('image')}."
        )
    found = choose_images(dataset, FlatDetections(*read_columns(path, dataset)))
    kept = {place: why for place, why in found.items() if place in there}
    return kept or {min(there): ""}


def _rows(scores: "ScoresFile", wanted: set[str]) -> dict[str, "RegionScores"]:
    return {row.image_id: row for row in scores if row.image_id in wanted}


def _search(
    options: ExplainOptions, card: "ScoresCard", reporter: Reporter
) -> SearchSettings | None:
    """Return what makes the superpixels of the page; None where the regions are of another kind."""
    recipe = card.proposals
    try:
        parameters = recipe["parameters"]
        settings = recorded_settings(parameters[SEARCH] if recipe["method"] == BOTH else parameters)
    except (KeyError, TypeError, ValueError):
        if given := options.gave("colour_space", "k"):
            raise UsageError(
                f"{option(given[0])}: the regions of this run are not of Selective Search, so that "
                "no superpixels are shown. Leave it out."
            ) from None
        reporter.say("No superpixels: the regions are not of Selective Search.")
        return None
    spaces = (options.colour_space or settings.colour_spaces[0],)
    return replace(settings, colour_spaces=spaces, ks=(options.k or settings.ks[0],))


def _crop(model: Path | None) -> dict[str, Any]:
    """Return how a network's crops are cut: R-CNN's way where none is given."""
    if model is None:
        return _CROP
    from detect.models.cards import RegionClassifierCard
    from detect.models.model_files import KIND_KEY, read_card
    from detect.models.tensor_files import HASH_KEY

    network = member_folders(model)[0]
    values = read_card(network, "region-classifier")
    told = {name: values[name] for name in values.keys() - {KIND_KEY, HASH_KEY}}
    card = RegionClassifierCard.from_json(told, str(network))
    return {
        "size": card.input_size,
        "context": card.context,
        "mode": card.crop_mode,
        "mean": [round(level) for level in card.mean],
        "known": True,
    }


def _about(
    scores: "ScoresFile",
    dataset: "Dataset",
    classes: tuple[str, ...],
    sources: tuple[str, ...],
    crop: dict[str, Any],
) -> dict[str, Any]:
    card = scores.card
    return {
        "title": f"{scores.path.parent.resolve().name}: explained",
        "run": scores.path.parent.resolve().name,
        "split": dataset.split,
        "annotated": dataset.annotated,
        "classes": classes,
        "sources": sources,
        "names": card.names,
        "rounds": card.rounds,
        "crop": crop,
        "settings": {
            "kind": card.kind,
            "threshold": card.threshold,
            "nms": card.nms,
            "perClass": card.per_class,
            "decay": card.decay,
            "sigma": card.sigma,
            "fusionIou": card.fusion_iou,
            "vote": card.vote,
        },
    }
