"""`--svm`: linear SVMs in place of the softmax, and what goes with them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli import options
from detect.errors import DataError, UsageError

if TYPE_CHECKING:
    from detect.detector.scoring import Score

# Of probabilities (ours), and of SVM scores: R-CNN's demonstration detects from -1, the margin on
# background's side, and draws from 0 (examples/rcnn_demo.m). Its evaluation goes down to -1.5 and
# then keeps the best 30,000 of a class in the whole set (rcnn_test.m of the branch ilsvrc).
_PROBABILITIES = {"threshold": 0.01, "picture_threshold": 0.5}
_SVM_SCORES = {"threshold": -1.0, "picture_threshold": 0.0}

_OPTIONS = (
    click.option(
        "--svm",
        type=options.PATH,
        metavar="FILE",
        help="From detect train-svm: score by these SVMs of the one --model, not by its softmax.",
    ),
    click.option(
        "--threshold",
        type=float,
        help="Lowest score written. [default: 0.01; -1 with --svm]",
    ),
    click.option(
        "--picture-threshold",
        type=float,
        help="Lowest score drawn. [default: 0.5; 0 with --svm]",
    ),
)


def score_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --svm and the thresholds whose defaults it changes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def settle(given: dict[str, Any]) -> None:
    """Fill in the thresholds that were not `given`; UsageError for what does not go together."""
    svm = given["svm"]
    if svm is not None and given["keep_scores"] is not None:
        raise UsageError(
            "--keep-scores and --svm: kept scores are networks' softmax, for detect ensemble. "
            "Leave one out."
        )
    if svm is not None and len(given["models"]) > 1:
        raise UsageError(
            f"--svm and {len(given['models'])} networks: SVMs score the features of the one they "
            "were trained on. Give that --model alone."
        )
    for name, default in (_PROBABILITIES if svm is None else _SVM_SCORES).items():
        value = given[name] = default if given[name] is None else given[name]
        if svm is None and not 0 <= value <= 1:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {value:g}: expected a probability, from 0 to 1.")


def scoring(svm: Path | None, model: Path, classes: tuple[str, ...]) -> "Score":
    """Return what scores crops: the softmax, or the SVMs at `svm` of the network at `model`.

    DataError unless they are that network's, with its `classes`.
    """
    from detect.detector.scoring import softmax, svm_scores
    from detect.models.model_files import model_hash
    from detect.models.svm_file import load_svms

    if svm is None:
        return softmax
    stored = load_svms(svm, model_hash(model))
    if stored.classes != classes:
        raise DataError(
            f"{svm}: SVMs of the classes {', '.join(stored.classes)}; the card of --model has "
            f"{', '.join(classes)}. Give the card that it was trained with."
        )
    return svm_scores(stored.svms)
