"""R-CNN's bounding-box regression on a trained network's features."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from detect.errors import DataError, UsageError, option
from detect.models.box_regression import PAIR_IOU, RIDGE
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_out, open_data

if TYPE_CHECKING:
    from detect.detector.refine import RegionEncoder
    from detect.training.regression import RegressionPairs


class TrainRegressionOptions(o.Options):
    """What `train_regression` is told."""

    data: Path = Field(description="A data set.")
    split: o.Split = None
    proposals: Path = Field(description="Proposals of that split.")
    model: Path = Field(description="A region classifier's run.")
    out: Path = Field(description="File to write, ending in .safetensors.")
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
    """The file written, and the `pairs` of a region and an object that each class learned from."""

    path: Path
    pairs: Mapping[str, int]


@by_keywords
def train_regression(
    options: TrainRegressionOptions, reporter: Reporter = QUIET
) -> TrainRegressionResult:
    """Learn to move the boxes of each class by a ridge regression on the network's features.

    Raises UsageError for an `out` that may not be written, DataError for data, proposals or a
    model that are wrong, EnvironmentProblem for a machine that cannot.
    """
    from detect.detector.refine import RegionEncoder
    from detect.models.box_regression import fit
    from detect.models.checkpoints import Fitted, load_model, save_fitted
    from detect.models.device import choose_device
    from detect.models.kinds import BOX_REGRESSION, REGION_CLASSIFIER
    from detect.models.model_files import model_hash

    if options.out.suffix != ".safetensors":
        raise UsageError(f"{option('out', options.out)}: expected a name ending in .safetensors.")
    check_out(options.out, exist_ok=options.exist_ok, folder=False)
    network, card = load_model(options.model, REGION_CLASSIFIER)
    encoder = RegionEncoder(network, card, choose_device(options.device), options.precision)
    found = _pairs(options, card.classes, encoder, reporter)
    columns = (found.features, found.boxes, found.truths, found.labels)
    regression = fit(*columns, len(card.classes), options.ridge)
    stored = Fitted(regression, card.classes, model_hash(options.model))
    save_fitted(options.out, BOX_REGRESSION, stored)
    pairs = dict(zip(card.classes, regression.pairs.tolist(), strict=True))
    reporter.say(f"pairs: {', '.join(f'{name} {count}' for name, count in pairs.items())}")
    return TrainRegressionResult(options.out, pairs)


def _pairs(
    options: TrainRegressionOptions,
    classes: tuple[str, ...],
    encoder: "RegionEncoder",
    reporter: Reporter,
) -> "RegressionPairs":
    """Return the pairs of the split; DataError if there are none."""
    from detect.storage.proposals import ProposalFile
    from detect.training.region_data import choose_classes
    from detect.training.regression import collect_pairs

    dataset = open_data(options.data, options.split, reporter, skip_bad=options.skip_bad)
    samples = choose_classes(dataset, classes).samples
    proposals = ProposalFile(options.proposals)
    pairs = collect_pairs(samples, proposals, encoder, options.pair_iou, reporter.track)
    if not len(pairs):
        raise DataError(
            f"split {dataset.split}: no region has an IoU of {options.pair_iou:g} or more with an "
            f"object. Propose more boxes, or lower {option('pair_iou')}."
        )
    return pairs
