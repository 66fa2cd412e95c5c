"""R-CNN's bounding-box regression on a trained network's features."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from detect.errors import DataError, UsageError, option
from detect.models.box_regression import PAIR_IOU, RIDGE
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_out, open_data
from detect.stages.scoring import one_network

if TYPE_CHECKING:
    from detect.detector.refine import RegionEncoder
    from detect.models.box_regression import BoxRegression
    from detect.models.ridge import Pairs
    from detect.training.regression import RegressionPairs

# Those that are tried on validation data: around R-CNN's, for features of any number (ours).
RIDGES = (1.0, 10.0, 100.0, RIDGE, 1e4, 1e5, 1e6)


class TrainRegressionOptions(o.Options):
    """What `train_regression` is told."""

    data: Path = Field(description="A data set.")
    split: o.Split = None
    proposals: Path = Field(description="Proposals of that split.")
    model: Path = Field(description="A region classifier's run, or a detector of one network.")
    out: Path = Field(description="File to write, ending in .safetensors.")
    network_out: Path | None = Field(
        None,
        description="Write the network as well, with the regression as its second output: run "
        "moves every region by it before NMS. Ends in .safetensors.",
    )
    maps: Literal["4e", "5b"] = Field(
        "5b", description="What it learns from: maps of stride 16 (4e) or 32 (5b)."
    )
    grid: int = Field(
        1, ge=1, le=7, description="Places along a side that the maps are averaged over."
    )
    val_split: o.Text | None = Field(
        None, description=f"Choose the {option('ridge')} on this split."
    )
    val_proposals: Path | None = Field(None, description="Proposals of that split.")
    ridge: float = Field(RIDGE, gt=0, description="Weight of the penalty, lambda.")
    pair_iou: float = Field(
        PAIR_IOU, gt=0, le=1, description="From which a region is paired with an object."
    )
    precision: o.Precision = "auto"
    device: o.Device = "auto"
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class TrainRegressionResult:
    """The file written, and the `pairs` of a region and an object that each class learned from.

    `ridge` it was fitted with, and of each ridge tried on validation data the mean IoU that pairs
    there moved to.
    """

    path: Path
    pairs: Mapping[str, int]
    ridge: float
    tried: Mapping[float, float] = field(default_factory=dict)


@by_keywords
def train_regression(
    options: TrainRegressionOptions, reporter: Reporter = QUIET
) -> TrainRegressionResult:
    """Learn to move the boxes of each class by a ridge regression on the network's features.

    Raises UsageError for an `out` that may not be written and options that do not go together,
    DataError for data, proposals or a model that are wrong and a grid larger than the maps,
    EnvironmentProblem for a machine that cannot.
    """
    from detect.detector.refine import RegionEncoder
    from detect.models.checkpoints import Fitted, load_model, save_fitted, save_model
    from detect.models.device import choose_device
    from detect.models.fitted_head import with_regression
    from detect.models.kinds import BOX_REGRESSION, REGION_CLASSIFIER
    from detect.models.model_files import model_hash

    _check(options)
    for out in _outs(options):
        check_out(out, exist_ok=options.exist_ok, folder=False)
    model = one_network(options.model, "a regression takes")
    network, card = load_model(model, REGION_CLASSIFIER)
    device, features = choose_device(options.device), {"maps": options.maps, "grid": options.grid}
    encoder = RegionEncoder(network, card, device, options.precision, **features)  # type: ignore[arg-type]
    told = (options.data, options.split, options.proposals)
    pairs = _pairs(options, *told, card.classes, encoder, reporter)
    regression, ridge, tried = _fitted(options, pairs, card.classes, encoder, reporter)
    recipe = {**features, "ridge": ridge, "pair_iou": options.pair_iou}
    stored = Fitted(regression, card.classes, model_hash(model), recipe)
    if options.network_out is not None:
        moving = with_regression(network, card, regression, options.maps, options.grid)
        save_model(options.network_out, *moving)
    save_fitted(options.out, BOX_REGRESSION, stored)
    counts = dict(zip(card.classes, regression.pairs.tolist(), strict=True))
    reporter.say(f"pairs: {', '.join(f'{name} {count}' for name, count in counts.items())}")
    return TrainRegressionResult(options.out, counts, ridge, tried)


def _check(options: TrainRegressionOptions) -> None:
    """Raise UsageError for a name that is none, and for options that do not go together."""
    names = ("out", "network_out")
    for name, out in zip(names, _outs(options), strict=False):
        if out.suffix != ".safetensors":
            raise UsageError(f"{option(name, out)}: expected a name ending in .safetensors.")
    if options.network_out in (options.out, options.model):
        raise UsageError(f"{option('network_out', options.network_out)} is another file here.")
    if (options.val_split is None) != (options.val_proposals is None):
        raise UsageError(
            f"{option('val_split')} and {option('val_proposals')} go together: give both or "
            "neither."
        )
    if options.val_split is not None and options.gave("ridge"):
        raise UsageError(
            f"{option('ridge')} and {option('val_split')}: it is chosen on that split. Leave one "
            "out."
        )


def _outs(options: TrainRegressionOptions) -> list[Path]:
    return [out for out in (options.out, options.network_out) if out is not None]


def _fitted(
    options: TrainRegressionOptions,
    pairs: "RegressionPairs",
    classes: tuple[str, ...],
    encoder: "RegionEncoder",
    reporter: Reporter,
) -> tuple["BoxRegression", float, dict[float, float]]:
    """Return the regression, its ridge, and what each ridge gave that was tried."""
    from detect.models.ridge import choose, fit

    def shown(part: "RegressionPairs", label: int) -> "Iterator[Pairs]":
        return iter(reporter.track(part.of(label), part.count(label), classes[label]))

    size = (encoder.dimensions, len(classes))
    if options.val_split is None or options.val_proposals is None:
        (one,) = fit(lambda label: shown(pairs, label), *size, (options.ridge,))
        return one, options.ridge, {}
    told = (options.data, options.val_split, options.val_proposals)
    others = _pairs(options, *told, classes, encoder, reporter)
    every = fit(lambda label: shown(pairs, label), *size, RIDGES)
    best, means = choose(every, lambda label: shown(others, label))
    tried = dict(zip(RIDGES, means.tolist(), strict=True))
    for ridge, mean in tried.items():
        reporter.say(f"ridge {ridge:g}: mean IoU {mean:.4f} on {options.val_split}")
    return every[best], RIDGES[best], tried


def _pairs(
    options: TrainRegressionOptions,
    data: Path,
    split: str | None,
    path: Path,
    classes: tuple[str, ...],
    encoder: "RegionEncoder",
    reporter: Reporter,
) -> "RegressionPairs":
    """Return the pairs of a split; DataError if there are none."""
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes
    from detect.training.regression import collect_pairs

    dataset = open_data(data, split, reporter, skip_bad=options.skip_bad)
    samples = choose_classes(dataset, classes).samples
    pairs = collect_pairs(samples, ProposalFile(path), encoder, options.pair_iou, reporter.track)
    if not len(pairs):
        raise DataError(
            f"split {dataset.split}: no region has an IoU of {options.pair_iou:g} or more with an "
            f"object. Propose more boxes, or lower {option('pair_iou')}."
        )
    return pairs
