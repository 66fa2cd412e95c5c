"""What `run` opens: images, and the networks that score their regions."""

from dataclasses import replace
from typing import TYPE_CHECKING

from detect.errors import UsageError, option
from detect.progress import Reporter
from detect.stages.engines import open_networks
from detect.stages.opening import open_data, usable
from detect.stages.run.job import DetectionJob
from detect.stages.run.options import RunOptions
from detect.stages.scoring import scoring

if TYPE_CHECKING:
    import torch

    from detect.detector import RegionScorer
    from detect.structures import Dataset


def open_job(
    job: DetectionJob, device: "torch.device", reporter: Reporter
) -> tuple["Dataset", "RegionScorer"]:
    """Return the images, with the models' classes where they have none, and the detector."""
    from detect.detector import RegionScorer

    told = job.told
    dataset = _open_images(told, reporter)
    models = open_networks(told, job.networks, device)
    detector = RegionScorer(
        models,
        device,
        score=scoring(told.svm, job.networks[0], models[0], mirror=told.mirror),
        classes=dataset.classes if dataset.annotated else None,
        batch_size=told.batch_size,
        precision=told.precision,
        regression=told.regression == "on" and told.svm is None,
        combination=job.combination,
        rounds=job.rounds,
    )
    unknown = [name for name in detector.classes if name not in detector.model_classes]
    if unknown:
        names = ", ".join(unknown)
        reporter.warn(f"the model does not know {names}: no detections of these classes.")
    ids = dataset.category_ids if dataset.annotated else range(1, len(detector.classes) + 1)
    return replace(dataset, classes=detector.classes, category_ids=tuple(ids)), detector


def _open_images(told: RunOptions, reporter: Reporter) -> "Dataset":
    """Return the split of one data set, or the images; UsageError for a split of images."""
    from detect.data import open_images

    first, several = told.images[0], len(told.images) > 1
    if told.split is not None and (several or first.is_file()):
        raise UsageError(f"{option('split', told.split)}: goes with one data set, not with images.")
    if not several and (told.split is not None or first.is_dir()):
        return open_data(first, told.split, reporter, skip_bad=told.skip_bad)
    return usable(
        open_images(told.images, skip_bad=told.skip_bad), reporter, skip_bad=told.skip_bad
    )
