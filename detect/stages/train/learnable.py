"""Whether classes can be learned, networks begun, choices made: told before any training."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from detect.errors import DataError, UsageError, option
from detect.progress import Reporter
from detect.stages.train.recipes import key

if TYPE_CHECKING:
    from detect.config import MultiBoxRecipe
    from detect.stages.train.making import Making
    from detect.structures import Dataset, FloatArray


def check_learnable(dataset: "Dataset", classes: tuple[str, ...], reporter: Reporter) -> None:
    """Raise DataError unless each of `classes` (empty: all) has an object to learn from.

    Difficult objects and crowds are none. A class whose objects are all so small that no region of
    Selective Search covers one by IoU 0.5 is warned of: it can be learned, and is hardly found.
    """
    import numpy as np

    from detect.checks.boxes import ENOUGH_IOU, SMALLEST_SIDE, most_iou
    from detect.training.learnable import leave_out, why_none
    from detect.training.region_data import choose_classes

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


def check_choosable(chosen: "Dataset", classes: Sequence[str]) -> None:
    """Raise DataError where choices cannot be made of `classes` on the images held out."""
    from detect.data.halves import class_counts

    unknown = [name for name in classes if name not in chosen.classes]
    if unknown:
        raise DataError(
            f"{chosen.root}: the images to choose on ({chosen.split}) have no class "
            f"{', '.join(unknown)}, which is learned: its detections could not be told there. Add "
            f"it to their list of classes, or name others with {option('val_split')}."
        )
    learned = [chosen.classes.index(name) for name in classes]
    if not chosen.annotated or not class_counts(chosen, difficult=False)[:, learned].any():
        raise DataError(
            f"{chosen.root}: no object in the images to choose on ({chosen.split}), so that all "
            f"detectors are alike there. Name others with {option('val_split')}, or label more."
        )


def check_priors(making: "Making") -> None:
    """Raise DataError where what proposes learns from fewer different boxes than it has priors.

    MultiBox from the images without a fold; a network of one trunk from all those not held out,
    and MultiBox, which it begins with, from no others.
    """
    import numpy as np

    from detect.config import SharedRecipe
    from detect.stages.train.making import FOLDS

    recipe, learned = making.recipe(1), making.splits.learned
    every = learned if making.one_trunk else making.splits.everything
    _check_folds(every, making.multibox_recipe(1), FOLDS)
    if isinstance(recipe, SharedRecipe):
        boxes = _boxes(making)
        different = len(np.unique(boxes[:, 2:] - boxes[:, :2], axis=0))
        if different < (needed := recipe.priors.levels * recipe.priors.shapes):
            raise DataError(
                f"{learned.root}: the boxes of the {len(learned)} images to learn from have "
                f"{different} different shapes: too few for {needed} priors. Label more images, or "
                f"{option('set', 'priors.shapes=N')} with a smaller N."
            )


def _check_folds(dataset: "Dataset", recipe: "MultiBoxRecipe", folds: Sequence[str]) -> None:
    """Raise DataError where a fold leaves MultiBox too few boxes."""
    import numpy as np

    from detect.data.folds import in_fold
    from detect.training.window_data import collect_windows

    priors = recipe.priors
    head, shapes = recipe.model.head, priors.levels * priors.shapes
    needed, name = (priors.count, "count") if head == "fc" else (shapes, "shapes")
    for fold in folds:
        kept = tuple(one for one in dataset.samples if not in_fold(one.image_id, fold))
        boxes = collect_windows(replace(dataset, samples=kept)).fractions()
        shown = boxes if head == "fc" else boxes[:, 2:] - boxes[:, :2]
        different = len(np.unique(shown, axis=0))
        if different < needed:
            raise DataError(
                f"{dataset.root}: MultiBox learns from {len(kept)} of the {len(dataset)} images at "
                f"a time, whose boxes have {different} different "
                f"{'places' if head == 'fc' else 'shapes'}: too few for {needed} priors. Label "
                f"more images, or {option('set', f'multibox.priors.{name}=N')} with a smaller N."
            )


def check_beginnings(making: "Making") -> None:
    """Raise DataError where what a first fit is told to begin with (`set`) does not fit.

    UsageError where a network of one trunk is to begin with a MultiBox that is built otherwise.
    """
    from detect.training.multibox import build_multibox
    from detect.training.window_data import collect_windows

    told = making.told
    if "init" in map(key, told.of_networks):
        _begin_classifier(making)
    elif making.one_trunk:
        _check_same_trunk(making)
    if "init" in map(key, told.of_multibox):
        boxes = collect_windows(making.splits.everything).fractions()
        build_multibox(making.multibox_recipe(1), boxes, lambda _: None)


def _begin_classifier(making: "Making") -> None:
    from detect.config import SharedRecipe
    from detect.training.region_classifier import build_region_classifier
    from detect.training.shared_network import build_shared

    recipe, learned = making.recipe(1), making.splits.learned
    classes = len(making.classes or learned.classes)
    if isinstance(recipe, SharedRecipe):
        build_shared(recipe, _boxes(making), classes, lambda _: None)
    else:
        build_region_classifier(recipe, classes, lambda _: None)


def _check_same_trunk(making: "Making") -> None:
    own, other = making.recipe(1).model, making.multibox_recipe(1).model
    for name in ("variant", "width"):
        mine, its = getattr(own, name), getattr(other, name)
        if mine != its:
            raise UsageError(
                f"{option('set', f'model.{name}={mine}')}: MultiBox's, whose trunk this network "
                f"begins with, is {its}. Give {option('set', f'multibox.model.{name}={mine}')} as "
                f"well, or {option('set', 'init=')} to begin with random weights."
            )


def _boxes(making: "Making") -> "FloatArray":
    """Return the boxes that a network of one trunk fits its priors to, fractions."""
    from detect.training.region_data import choose_classes
    from detect.training.shared_data import SharedData, fractional

    learned = making.splits.learned
    chosen = choose_classes(learned, making.classes or learned.classes)
    return SharedData(fractional(chosen.samples)).boxes()


def _why(name: str, objects: int) -> str:
    if not objects:
        return f"{name} has no object there"
    return f"{name} has {objects} there, all of them marked difficult or crowd"
