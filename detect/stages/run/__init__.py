"""Detections in a data set or in images, and pictures of them."""

from contextlib import closing
from typing import TYPE_CHECKING

from detect.config import to_toml
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import detector_among, with_detector
from detect.stages.engines import device_of
from detect.stages.opening import check_out
from detect.stages.run.job import DetectionJob, settle
from detect.stages.run.opening import open_job
from detect.stages.run.options import KeptScores, RunOptions, RunResult
from detect.stages.run.records import card_of, environment_of, recipe_of
from detect.stages.run.regions import read_pairs, regions_of
from detect.stages.run.results import Results
from detect.stages.scoring import compile_if_it_pays

if TYPE_CHECKING:
    import torch

__all__ = ["KeptScores", "RunOptions", "RunResult", "run"]


@by_keywords
def run(options: RunOptions, reporter: Reporter = QUIET) -> RunResult:
    """Detect objects in a split of a data set, in a folder of images, or in images.

    Raises UsageError for options that do not go together, DataError for images, models, stored
    proposals or an earlier run that are wrong, EnvironmentProblem for a machine that cannot.
    """
    detector = detector_among(options.model)
    job = settle(with_detector(options, detector), detector)
    device = device_of(options, job.networks)
    with holding(options.out, reporter):
        check_out(options.out, exist_ok=options.exist_ok, resume=options.resume)
        return _detect(job, device, reporter)


def _detect(job: DetectionJob, device: "torch.device", reporter: Reporter) -> RunResult:
    """Open everything and detect what is left to detect."""
    told = job.told
    dataset, detector = open_job(job, device, reporter)
    regions, source, count = regions_of(told, dataset)
    recipe = recipe_of(job, dataset, source, detector)
    environment = environment_of(job, dataset, device)
    kept = card_of(job, recipe, dataset, detector, environment["data"])
    drawn_from = job.picture_threshold if told.pictures else None
    results = Results(told.out, dataset, drawn_from, kept)
    left = results.begin(to_toml(recipe), environment, resume=told.resume)
    crops = None if count is None else job.crops(count / max(1, len(dataset)), len(left))
    compile_if_it_pays(detector, told.compile, told.svm, crops, reporter)
    with closing(detector.detected(read_pairs(left, regions))) as detected:
        for image, proposals, outputs, found in reporter.track(detected, len(left), "detecting"):
            results.add(image, found, proposals, outputs)
    return results.finish()
