"""Average precision of detections, by the rules of VOC, ILSVRC and COCO."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from detect.errors import UsageError, option
from detect.evaluation.figures import ProtocolScore
from detect.evaluation.protocols import Protocol
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.truth import TruthOptions, check_truth, open_truth, write_figures


class EvaluateOptions(TruthOptions):
    """What `evaluate` is told."""

    detections: Path = Field(description="COCO results JSON, or the folder of detect archive.")
    protocol: Literal[Protocol, "all"] = Field("voc2012", description="Whose rules.")
    iou: float = Field(0.5, gt=0, le=1, description="That makes a match.")
    blacklist: Path | None = Field(None, description="Lines IMAGE CLASS that ilsvrc leaves out.")


@dataclass(frozen=True)
class EvaluateResult:
    """Scores of the detections by each protocol that was asked for."""

    protocols: Mapping[str, ProtocolScore]


@by_keywords
def evaluate(options: EvaluateOptions, reporter: Reporter = QUIET) -> EvaluateResult:
    """Score detections against annotations; the images are not needed.

    Raises UsageError for options that do not go together, DataError for files that are wrong and
    where no object counts.
    """
    if options.blacklist and options.protocol not in ("ilsvrc", "all"):
        raise UsageError(
            f"{option('blacklist')} belongs to {option('protocol', 'ilsvrc')} (or all)."
        )
    check_truth(options, [options.detections, options.blacklist])
    from detect.evaluation import average_precision
    from detect.evaluation.blacklist import read_blacklist
    from detect.evaluation.flat import FlatDetections
    from detect.storage.detections import read_columns

    dataset = open_truth(options, reporter)
    blacklist = read_blacklist(options.blacklist, dataset) if options.blacklist else ()
    detections = FlatDetections(*read_columns(options.detections, dataset))
    scores = average_precision.evaluate(
        dataset, detections, options.protocol, options.iou, blacklist
    )
    write_figures(options, scores)
    return EvaluateResult({name: ProtocolScore.of(entry) for name, entry in scores.items()})
