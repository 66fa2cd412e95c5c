"""`detect classify`: the classes of images, from 1, 10 or 144 crops and one network or several."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.cli.progress import track
from detect.cli.skipping import usable, warn_skipped
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.detector.image_scorer import ImageScorer
    from detect.regions import FloatArray, Sample

# ILSVRC's number of answers an image.
_ANSWERS = 5


@dataclass(frozen=True)
class Chosen:
    """The options of one call."""

    images: tuple[Path, ...]
    split: str | None
    models: tuple[Path, ...]
    crops: int
    json: Path | None
    batch_size: int | None
    precision: str
    device: str
    skip_bad: bool


@click.command("classify")
@click.argument("images", type=options.PATH, nargs=-1, required=True, metavar="DATA|IMAGE...")
@options.split
@click.option(
    "--model",
    "models",
    type=options.PATH,
    multiple=True,
    required=True,
    metavar="M",
    help="Of detect pretrain: a run folder or .safetensors file; several are averaged.",
)
@click.option(
    "--crops",
    type=click.Choice(("1", "10", "144")),
    default="1",
    show_default=True,
    help="Of each image, their softmax averaged.",
)
@click.option("--json", type=options.PATH, metavar="OUT", help="Write the result as JSON.")
@options.batch_size
@options.precision
@options.device
@options.skip_bad
@options.debug
def command(**given: Any) -> None:
    """Classify images or folders of images; measure the error on a split of DATA.

    With --split, DATA is a folder of classes or ILSVRC12's classification set (see detect
    pretrain), and the result is the table of section 7 of the paper: top-1 and top-5 error of
    one model (the mean over them) and of all averaged, with 1, 10 and 144 crops, as far as
    --crops and --model go. Crops: 1 is the centre of the central square of the image at 8/7 of
    the input's size, 10 its corners and centre with mirror images, 144 the paper's.
    """
    given["crops"] = int(given["crops"])
    chosen = Chosen(**given)
    if chosen.split is not None and len(chosen.images) > 1:
        raise UsageError(f"--split {chosen.split}: goes with one data set, not with images.")
    scorer = _open_models(chosen)
    if chosen.split is None:
        _answer(chosen, scorer)
    else:
        _measure(chosen, scorer)


def _open_models(chosen: Chosen) -> "ImageScorer":
    from detect.detector.image_scorer import ImageScorer
    from detect.models.classifier_file import load_classifier
    from detect.models.device import choose_device

    return ImageScorer(
        [load_classifier(path) for path in chosen.models],
        choose_device(chosen.device),
        crops=chosen.crops,
        batch_size=chosen.batch_size,
        precision=chosen.precision,
    )


def _scores(
    scorer: "ImageScorer", samples: "Sequence[Sample]"
) -> "Iterator[tuple[Sample, FloatArray]]":
    """Yield every image with its softmax (M, crops, C)."""
    from detect.data import read_pixels

    with closing(scorer.stream(map(read_pixels, samples))) as stream:
        yield from zip(samples, track(stream, len(samples), "classifying"), strict=True)


def _answer(chosen: Chosen, scorer: "ImageScorer") -> None:
    """Say the five best classes of every image."""
    from detect.data import open_images
    from detect.files import write_json

    dataset = usable(open_images(chosen.images), skip_bad=chosen.skip_bad)
    answers: dict[str, dict[str, float]] = {}
    for sample, scores in _scores(scorer, dataset.samples):
        mean = scores.mean(axis=(0, 1), dtype=float)
        best = (-mean).argsort(kind="stable")[:_ANSWERS].tolist()
        answers[sample.image_id] = {scorer.classes[place]: float(mean[place]) for place in best}
        shown = ", ".join(f"{name} {score:.3f}" for name, score in answers[sample.image_id].items())
        click.echo(f"{sample.image_id}: {shown}")
    if chosen.json:
        write_json(chosen.json, {"crops": chosen.crops, "images": answers})


def _measure(chosen: Chosen, scorer: "ImageScorer") -> None:
    """Print the table of section 7 on a labelled split."""
    from detect.data.labelled import open_labelled
    from detect.evaluation.multicrop import MulticropTally, shown
    from detect.files import write_json

    data = open_labelled(chosen.images[0], chosen.split, skip_bad=chosen.skip_bad)
    warn_skipped(data.images.skipped)
    data = data.numbered_as(scorer.classes)
    tally = MulticropTally(len(chosen.models), chosen.crops)
    scored = _scores(scorer, data.images.samples)
    for label, (_, scores) in zip(data.labels.tolist(), scored, strict=True):
        tally.add(scores, label)
    click.echo("\n".join(shown(tally.rows())))
    click.echo(f"{len(data)} images of split {chosen.split}")
    if chosen.json:
        write_json(chosen.json, {"images": len(data), "table": list(map(vars, tally.rows()))})
