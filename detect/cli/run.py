"""`detect run`: detections in a data set or in images, and pictures of them."""

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import methods, options
from detect.cli.members import member_folders
from detect.cli.progress import track
from detect.cli.skipping import open_data, usable, warn
from detect.cli.svm import score_options, scoring, settle
from detect.errors import UsageError
from detect.proposals.settings import PRESETS

if TYPE_CHECKING:
    import torch

    from detect.detector import Detector
    from detect.regions import Dataset

_DEFAULT_PRESET = "rcnn"
DTYPES = ("float32", "float16")
# The parameters that only one of the two sources obeys.
_OF_SEARCH, _OF_MULTIBOX = ("preset", "seed"), ("multibox",)


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The options of one call."""

    images: tuple[Path, ...]
    split: str | None
    models: tuple[Path, ...]
    out: Path
    proposals: Path | None
    method: str
    multibox: tuple[Path, ...]
    preset: str | None
    seed: int
    threshold: float
    nms: float
    per_class: int
    pictures: bool
    picture_threshold: float
    batch_size: int | None
    precision: str
    device: str
    resume: bool
    exist_ok: bool
    skip_bad: bool
    keep_scores: str | None
    svm: Path | None


@click.command("run")
@click.argument("images", type=options.PATH, nargs=-1, required=True, metavar="DATA|IMAGE...")
@options.split
@click.option(
    "--model",
    "models",
    type=options.PATH,
    multiple=True,
    required=True,
    metavar="M",
    help="A run folder, of one network or of --ensemble, or a .safetensors file; several are "
    "averaged.",
)
@options.out("Folder for detections.json and pictures/.")
@click.option("--proposals", type=options.PATH, metavar="P", help="Stored regions of these images.")
@methods.method
@methods.multibox
@click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    help=f"Of the regions searched where no --proposals are given. [default: {_DEFAULT_PRESET}]",
)
@options.seed
@score_options
@click.option(
    "--nms",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="IoU above which the worse of two boxes of a class goes.",
)
@click.option(
    "--per-class",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Most detections of a class in an image.",
)
@click.option(
    "--keep-scores",
    type=click.Choice(DTYPES),
    is_flag=False,
    flag_value=DTYPES[0],
    default=None,
    metavar="[float32|float16]",
    help="Keep every network's scores of every region, for detect ensemble.  [default: off]",
)
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Draw pictures.")
@options.batch_size
@options.precision
@options.device
@options.resume
@options.exist_ok
@options.skip_bad
@options.debug
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Detect objects in a split of DATA, in a folder of images, or in images.

    Writes OUT/detections.json (COCO results) and a picture an image. Without --proposals, regions
    are proposed on the way, as `detect propose` does it. --keep-scores leaves OUT/scores.parquet
    as well, from which `detect ensemble` makes other detections without a network. Scores are
    probabilities; with --svm they are above 0 for the class, whatever their size.
    """
    given["models"] = tuple(model for path in given["models"] for model in member_folders(path))
    settle(given)
    chosen = Chosen(**given)
    if chosen.proposals is not None:
        _refuse_with_proposals(context)
    else:
        methods.check(context, chosen.method, search=_OF_SEARCH, multibox=_OF_MULTIBOX)
    _run(chosen)


def _refuse_with_proposals(context: click.Context) -> None:
    """Raise UsageError for an option that stored proposals make meaningless."""
    for name in ("method", *_OF_SEARCH, *_OF_MULTIBOX):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"--{name} and --proposals: stored proposals are not made again. Leave one out."
            )


def _run(chosen: Chosen) -> None:
    """Open everything, detect what is left to detect, and say where the detections are."""
    from detect.cli.results import Results, made_regions, read_pairs, stored_regions
    from detect.cli.run_records import card_of, environment_of, recipe_of
    from detect.cli.sources import MultiBoxChoice
    from detect.config import to_toml
    from detect.models.device import choose_device

    device = choose_device(chosen.device)
    options.prepare_out(chosen.out, exist_ok=chosen.exist_ok, resume=chosen.resume)
    dataset, detector = _open(chosen, device)
    if chosen.proposals is not None:
        regions, source = stored_regions(chosen.proposals, dataset)
    else:
        preset = chosen.preset or _DEFAULT_PRESET
        choice = MultiBoxChoice(chosen.multibox, chosen.device, chosen.precision)
        regions, source = made_regions(chosen.method, preset, chosen.seed, choice)
    recipe = recipe_of(chosen, dataset, source, device)
    environment = environment_of(chosen, dataset, device)
    kept = card_of(chosen, recipe, dataset, detector, environment["data"])
    drawn_from = chosen.picture_threshold if chosen.pictures else None
    results = Results(chosen.out, dataset, drawn_from, kept)
    left = results.begin(to_toml(recipe), environment, resume=chosen.resume)
    pairs = read_pairs(left, regions)
    with closing(detector.scored(pairs)) as scored:
        for image, proposals, scores in track(scored, len(left), "detecting"):
            results.add(image, detector.selected(proposals, scores), proposals, scores)
    click.echo(results.finish())


def _open(chosen: Chosen, device: "torch.device") -> tuple["Dataset", "Detector"]:
    """Return the images, with the models' classes where they have none, and the detector."""
    from detect.detector import Detector
    from detect.models.checkpoint import load_model

    dataset = _open_images(chosen)
    models = [load_model(path) for path in chosen.models]
    detector = Detector(
        models,
        device,
        score=scoring(chosen.svm, chosen.models[0], models[0][1].classes),
        classes=dataset.classes if dataset.annotated else None,
        batch_size=chosen.batch_size,
        precision=chosen.precision,
        threshold=chosen.threshold,
        nms=chosen.nms,
        per_class=chosen.per_class,
    )
    unknown = [name for name in detector.classes if name not in detector.model_classes]
    if unknown:
        warn(f"the model does not know {', '.join(unknown)}: no detections of these classes.")
    ids = dataset.category_ids if dataset.annotated else range(1, len(detector.classes) + 1)
    named = dataclasses.replace(dataset, classes=detector.classes, category_ids=tuple(ids))
    return named, detector


def _open_images(chosen: Chosen) -> "Dataset":
    """Return the split of one data set, or the images; UsageError for a split of images."""
    from detect.data import open_images

    first = chosen.images[0]
    if chosen.split is not None and (len(chosen.images) > 1 or first.is_file()):
        raise UsageError(f"--split {chosen.split}: goes with one data set, not with images.")
    if len(chosen.images) == 1 and (chosen.split is not None or first.is_dir()):
        return open_data(first, chosen.split, skip_bad=chosen.skip_bad)
    return usable(open_images(chosen.images), skip_bad=chosen.skip_bad)
