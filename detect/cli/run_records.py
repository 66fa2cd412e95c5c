"""What `detect run` writes down: its recipe, its environment, what its scores are of."""

from typing import TYPE_CHECKING, Any

from detect.cli.members import model_name
from detect.cli.results import DetectionRecipe
from detect.data import data_hash
from detect.models.device import resolve_precision
from detect.models.model_files import model_hash
from detect.runs import describe_environment
from detect.storage.scores import ScoresCard

if TYPE_CHECKING:
    import torch

    from detect.cli.run import Chosen
    from detect.detector import Detector
    from detect.regions import Dataset


def recipe_of(
    chosen: "Chosen", dataset: "Dataset", proposals: dict[str, Any], device: "torch.device"
) -> DetectionRecipe:
    """Return what decides the detections; the precision is what --precision means on `device`."""
    return DetectionRecipe(
        split=dataset.split,
        classes=dataset.classes,
        models=tuple(model_hash(path) for path in chosen.models),
        svm="no" if chosen.svm is None else model_hash(chosen.svm),
        threshold=chosen.threshold,
        nms=chosen.nms,
        per_class=chosen.per_class,
        precision=resolve_precision(device, chosen.precision),
        keep_scores=chosen.keep_scores or "no",
        proposals=proposals,
    )


def card_of(
    chosen: "Chosen",
    recipe: DetectionRecipe,
    dataset: "Dataset",
    detector: "Detector",
    digest: str,
) -> ScoresCard | None:
    """Return what the scores to keep are of, None if none are kept."""
    if chosen.keep_scores is None:
        return None
    same = ("split", "classes", "precision", "proposals", "threshold", "nms", "per_class")
    return ScoresCard(
        category_ids=dataset.category_ids,
        integer_ids=dataset.integer_ids,
        columns=detector.model_classes,
        names=tuple(map(model_name, chosen.models)),
        hashes=recipe.models,
        dtype=chosen.keep_scores,
        data=digest,
        **{name: getattr(recipe, name) for name in same},
    )


def environment_of(chosen: "Chosen", dataset: "Dataset", device: "torch.device") -> dict[str, Any]:
    """Return what environment.json holds."""
    digest = data_hash(dataset)
    record = describe_environment(device=str(device), seed=chosen.seed, data_hash=digest)
    return {**record, "models": [model_name(path) for path in chosen.models]}
