"""The classes of images, from 1, 10 or 144 crops and one network or several."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from detect.crops.counts import CropCount
from detect.errors import UsageError, option
from detect.files import write_json
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_figures, usable, warn_skipped

if TYPE_CHECKING:
    from detect.detector.image_scorer import ImageScorer
    from detect.evaluation.multicrop import Row
    from detect.structures import FloatArray, Sample

# ILSVRC's number of answers an image.
_ANSWERS = 5


def _number(value: Any) -> Any:
    """Take digits for a number."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class ClassifyOptions(o.Options):
    """What `classify` is told."""

    images: o.Paths = Field(
        min_length=1, description="Images, folders of them, or a data set with labels."
    )
    split: o.Split = None
    model: o.Paths = Field(
        min_length=1,
        description="Of detect pretrain: a run folder or .safetensors file; several are averaged.",
    )
    crops: Annotated[CropCount, BeforeValidator(_number)] = Field(
        1, description="Of each image, their softmax averaged."
    )
    json: Path | None = Field(None, description="Write the result as JSON.")
    batch_size: o.BatchSize = None
    precision: o.Precision = "auto"
    device: o.Device = "auto"
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class ClassifyResult:
    """What so many `images` show.

    Without a split the `answers`: image id -> the five best classes and their softmax, best
    first. With one the `table` of section 7, errors from 0 to 1.
    """

    images: int
    answers: dict[str, dict[str, float]] = field(default_factory=dict)
    table: tuple["Row", ...] = ()


@by_keywords
def classify(options: ClassifyOptions, reporter: Reporter = QUIET) -> ClassifyResult:
    """Classify images or folders of images; measure the error on a split.

    Raises UsageError for a split of images, DataError for images or models that are wrong,
    EnvironmentProblem for a machine that cannot.
    """
    if options.split is not None and len(options.images) > 1:
        raise UsageError(
            f"{option('split', options.split)}: goes with one data set, not with images."
        )
    check_figures([*options.images, *options.model], json=options.json)
    scorer = _open_models(options)
    if options.split is None:
        return _answer(options, scorer, reporter)
    return _measure(options, scorer, reporter)


def _open_models(options: ClassifyOptions) -> "ImageScorer":
    from detect.detector.image_scorer import ImageScorer
    from detect.models.checkpoints import load_model
    from detect.models.device import choose_device
    from detect.models.kinds import IMAGE_CLASSIFIER

    return ImageScorer(
        [load_model(path, IMAGE_CLASSIFIER) for path in options.model],
        choose_device(options.device),
        crops=options.crops,
        batch_size=options.batch_size,
        precision=options.precision,
    )


def _scores(
    scorer: "ImageScorer", samples: "Sequence[Sample]", reporter: Reporter
) -> "Iterator[tuple[Sample, FloatArray]]":
    """Yield every image with its softmax (M, crops, C)."""
    from detect.data import read_pixels

    with closing(scorer.stream(map(read_pixels, samples))) as stream:
        tracked = reporter.track(stream, len(samples), "classifying")
        yield from zip(samples, tracked, strict=True)


def _answer(options: ClassifyOptions, scorer: "ImageScorer", reporter: Reporter) -> ClassifyResult:
    """Return the five best classes of every image."""
    from detect.data import open_images

    dataset = usable(
        open_images(options.images, skip_bad=options.skip_bad), reporter, skip_bad=options.skip_bad
    )
    answers: dict[str, dict[str, float]] = {}
    for sample, scores in _scores(scorer, dataset.samples, reporter):
        mean = scores.mean(axis=(0, 1), dtype=float)
        best = (-mean).argsort(kind="stable")[:_ANSWERS].tolist()
        answers[sample.image_id] = {scorer.classes[place]: float(mean[place]) for place in best}
    if options.json is not None:
        write_json(options.json, {"crops": options.crops, "images": answers})
    return ClassifyResult(len(answers), answers=answers)


def _measure(options: ClassifyOptions, scorer: "ImageScorer", reporter: Reporter) -> ClassifyResult:
    """Return the table of section 7 on a labelled split."""
    from detect.data.labelled import open_labelled
    from detect.evaluation.multicrop import MulticropTally

    data = open_labelled(options.images[0], options.split, skip_bad=options.skip_bad)
    warn_skipped(data.images.skipped_marked, reporter)
    data = data.numbered_as(scorer.classes)
    tally = MulticropTally(len(options.model), options.crops)
    scored = _scores(scorer, data.images.samples, reporter)
    for label, (_, scores) in zip(data.labels.tolist(), scored, strict=True):
        tally.add(scores, label)
    table = tuple(tally.rows())
    if options.json is not None:
        write_json(options.json, {"images": len(data), "table": list(map(vars, table))})
    return ClassifyResult(len(data), table=table)
