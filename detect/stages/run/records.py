"""What `run` writes down: its recipe, its environment, what its scores are of."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from detect.config import Section
from detect.ensemble.voting import LOWEST_VOTER
from detect.stages.engines import precision_of
from detect.stages.members import model_name
from detect.stages.run.job import DetectionJob
from detect.storage.scores_card import ScoresCard

if TYPE_CHECKING:
    import torch

    from detect.detector import RegionScorer
    from detect.structures import Dataset


class DetectionRecipe(Section):
    """What decides the detections: config.toml, which `resume` compares.

    No digest of the files: a run that a broken image stopped goes on when it is repaired.
    """

    split: str
    classes: tuple[str, ...]
    models: tuple[str, ...]
    svm: str
    threshold: float
    nms: float
    per_class: int
    precision: str
    keep_scores: str
    kind: str
    decay: str
    sigma: float
    fusion_iou: float
    vote: float | str
    regression: str
    mirror: bool
    rounds: int
    again: int
    engine: str
    proposals: dict[str, Any]


def recipe_of(
    job: DetectionJob, dataset: "Dataset", proposals: dict[str, Any], detector: "RegionScorer"
) -> DetectionRecipe:
    """Return what decides the detections; `precision` is what the one told means on its device."""
    from detect.models.model_files import model_hash

    told = job.told
    return DetectionRecipe(
        split=dataset.split,
        classes=dataset.classes,
        models=tuple(model_hash(path) for path in job.networks),
        svm="no" if told.svm is None else model_hash(told.svm),
        precision=precision_of(job.engine, told.precision, detector.device),
        keep_scores=told.keep_scores or "no",
        regression=detector.moves,
        mirror=told.mirror,
        rounds=job.rounds.count,
        again=job.rounds.again,
        engine=job.engine,
        proposals=proposals,
        **asdict(job.combination),
    )


def card_of(
    job: DetectionJob,
    recipe: DetectionRecipe,
    dataset: "Dataset",
    detector: "RegionScorer",
    digest: str,
) -> ScoresCard | None:
    """Return what the scores to keep are of, None if none are kept; `digest` of the images."""
    if job.told.keep_scores is None:
        return None
    same = ("split", "classes", "precision", "proposals", "mirror", "rounds", "again")
    return ScoresCard(
        category_ids=dataset.category_ids,
        integer_ids=dataset.integer_ids,
        columns=detector.model_classes,
        names=tuple(map(model_name, job.networks)),
        hashes=recipe.models,
        dtype=job.told.keep_scores,
        data=digest,
        deltas=detector.moves,
        deltas_from=_deltas_from(job, detector),
        **{name: getattr(recipe, name) for name in same},
        **asdict(job.combination),
    )


def _deltas_from(job: DetectionJob, detector: "RegionScorer") -> float:
    """Return from which score on a class's deltas of a region are kept: what is selected, or votes.

    0 where each region's are.
    """
    if detector.moves != "classwise":
        return 0.0
    return min(job.combination.threshold, LOWEST_VOTER)


def environment_of(job: DetectionJob, dataset: "Dataset", device: "torch.device") -> dict[str, Any]:
    """Return what environment.json holds."""
    from detect.data import data_hash
    from detect.runs import describe_environment

    digest = data_hash(dataset)
    record = describe_environment(device=str(device), seed=job.told.seed, data_hash=digest)
    return {**record, "models": [model_name(path) for path in job.networks]}
