"""Detections moved by box regression."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from detect.errors import option
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_out, open_data
from detect.stages.regressions import open_regression
from detect.stages.scoring import one_network

if TYPE_CHECKING:
    from detect.detector.refine import RegionEncoder
    from detect.models.box_regression import BoxRegression
    from detect.models.checkpoints import Fitted
    from detect.structures import Dataset, Detections


class RefineOptions(o.Options):
    """What `refine` is told."""

    detections: Path = Field(description="COCO results, whose boxes are moved.")
    data: Path = Field(description="Their data set.")
    split: o.Split = None
    model: Path = Field(
        description=f"The network of {option('regression')}, or a detector of that one network."
    )
    regression: Path = Field(description="From detect train-regression.")
    out: Path = Field(description="COCO results to write.")
    nms: float = Field(
        0.3,
        ge=0,
        le=1,
        description="IoU above which the worse of two moved boxes of a class goes.",
    )
    precision: o.Precision = "auto"
    device: o.Device = "auto"
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class RefineResult:
    """The moved detections at `path`, of so many `images`."""

    path: Path
    images: int


@by_keywords
def refine(options: RefineOptions, reporter: Reporter = QUIET) -> RefineResult:
    """Move the boxes of detections by what the network sees in them.

    Raises UsageError where `out` is taken and for several networks, DataError for detections, data,
    a network or a regression that are wrong or do not belong together, EnvironmentProblem for a
    machine that cannot.
    """
    check_out(options.out, exist_ok=options.exist_ok, folder=False)
    from detect.models.checkpoints import load_model
    from detect.models.device import choose_device
    from detect.models.kinds import REGION_CLASSIFIER
    from detect.storage.detections import read_detections, write_detections

    network = one_network(options.model, "a regression takes")
    model = load_model(network, REGION_CLASSIFIER)
    how = (choose_device(options.device), options.precision)
    encoder, stored = open_regression(options.regression, network, model, *how)
    dataset = open_data(options.data, options.split, reporter, skip_bad=options.skip_bad)
    found = read_detections(options.detections, dataset)
    refined = _refined(dataset, found, encoder, stored, options.nms)
    write_detections(options.out, reporter.track(refined, len(dataset), "refine"), dataset)
    return RefineResult(options.out, len(dataset))


def _refined(
    dataset: "Dataset",
    found: dict[str, "Detections"],
    encoder: "RegionEncoder",
    stored: "Fitted[BoxRegression]",
    nms: float,
) -> Iterator["Detections"]:
    """Yield the moved detections of one image after another."""
    from detect.data import read_pixels
    from detect.detector.refine import refine as moved

    rows = stored.rows(dataset.classes)
    for sample in dataset.samples:
        yield moved(
            read_pixels(sample), found[sample.image_id], encoder, stored.parameters, rows, nms
        )
