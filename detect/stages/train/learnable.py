"""Whether every class can be learned: told before anything is trained."""

from typing import TYPE_CHECKING

from detect.errors import DataError
from detect.progress import Reporter

if TYPE_CHECKING:
    from detect.structures import Dataset


def check_learnable(dataset: "Dataset", classes: tuple[str, ...], reporter: Reporter) -> None:
    """Raise DataError unless each of `classes` (empty: all) has an object to learn from.

    Difficult objects and crowds are none. A class whose objects are all so small that no region of
    Selective Search covers one by IoU 0.5 is warned of: it can be learned, and is hardly found.
    """
    import numpy as np

    from detect.checks.boxes import ENOUGH_IOU, SMALLEST_SIDE, most_iou
    from detect.training.region_data import choose_classes
    from detect.training.unlearnable import leave_out, why_none

    chosen = choose_classes(dataset, classes or dataset.classes)
    every = [sample.annotations for sample in chosen.samples]
    labels = np.concatenate([truth.labels for truth in every])
    counts = np.concatenate([~(truth.difficult | truth.crowd) for truth in every])
    reached = np.concatenate([most_iou(truth.boxes) >= ENOUGH_IOU for truth in every])
    number = len(chosen.classes)
    where = f"{dataset.root}: the images to learn from ({dataset.split})"
    there, learned, found = (
        np.bincount(labels[mask], minlength=number).tolist()
        for mask in (labels >= 0, counts, counts & reached)
    )
    if not any(learned):
        raise DataError(f"{where}: {why_none(chosen)}")
    missing = [place for place in range(number) if not learned[place]]
    if missing:
        said = "; ".join(_why(chosen.classes[place], there[place]) for place in missing)
        rest = [name for place, name in enumerate(chosen.classes) if learned[place]]
        raise DataError(
            f"{where}: {said}: nothing can be learned of it. Add images of it, or "
            f"{leave_out(rest)}."
        )
    tiny = [name for place, name in enumerate(chosen.classes) if not found[place]]
    if tiny:
        rest = [name for name in chosen.classes if name not in tiny]
        instead = f", or {leave_out(rest)}" if rest else ""
        reporter.warn(
            f"{', '.join(tiny)}: all objects are so small that no region of Selective Search, "
            f"{SMALLEST_SIDE:g} px a side or more, covers one by IoU {ENOUGH_IOU}: hardly any will "
            f"be found. Use larger images{instead}."
        )


def _why(name: str, objects: int) -> str:
    if not objects:
        return f"{name} has no object there"
    return f"{name} has {objects} there, all of them marked difficult or crowd"
