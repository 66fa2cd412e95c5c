"""What scores regions, as the options of a stage choose it: networks, or SVMs on one's features."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import Rounds
from detect.errors import DataError, EnvironmentProblem, UsageError, option
from detect.progress import Reporter
from detect.stages import options as o
from detect.stages.members import member_folders

if TYPE_CHECKING:
    from detect.detector import RegionScorer
    from detect.detector.scoring import Score
    from detect.models.cards import RegionClassifierCard
    from detect.models.region_classifier import RegionClassifier

    Model = tuple[RegionClassifier, RegionClassifierCard]

Models = Annotated[
    o.Paths,
    Field(
        min_length=1,
        description=f"A run folder, of one network or of {option('ensemble')}, a detector of "
        "detect train, or a .safetensors file; several networks are averaged.",
    ),
]
Svm = Annotated[
    Path | None,
    Field(
        description=f"From detect train-svm: score by these SVMs of the one {option('model')}, "
        "not by its softmax.",
    ),
]
Mirror = Annotated[
    bool,
    Field(
        description="Average the scores of every region, and how it moves, with those of its "
        "mirrored crop: twice the work of the networks."
    ),
]
RoundCount = Annotated[
    int,
    Field(
        ge=1,
        description="Crop the best regions again where the networks moved them, score and move "
        "them, so often in all; all rounds are selected from.",
    ),
]
Again = Annotated[
    int, Field(ge=1, description=f"Regions of an image in every later one of {option('rounds')}.")
]

# Of probabilities (ours), and of SVM scores: R-CNN's demonstration detects from -1, the margin on
# background's side, and draws from 0 (examples/rcnn_demo.m). Its evaluation goes down to -1.5 and
# then keeps the best 30,000 of a class in the whole set (rcnn_test.m of the branch ilsvrc).
_PROBABILITIES = {"threshold": Combination.threshold, "picture_threshold": 0.5}
_SVM_SCORES = {"threshold": -1.0, "picture_threshold": 0.0}


def network_paths(models: Sequence[Path]) -> tuple[Path, ...]:
    """Return the run folder or file of every network; DataError for an unfinished ensemble."""
    return tuple(network for path in models for network in member_folders(path))


def one_network(model: Path, what: str) -> Path:
    """Return the network that `model` is or has alone; UsageError for several: `what` needs one."""
    networks = member_folders(model)
    if len(networks) > 1:
        raise UsageError(
            f"{option('model', model)}: {len(networks)} networks, and {what} the features of one. "
            f"Name it: {option('model', networks[0])}."
        )
    return networks[0]


def check_alone(networks: Sequence[Path], what: str, needs: str) -> None:
    """Raise UsageError for more than one network with the option `what`, which `needs` one's."""
    if len(networks) > 1:
        raise UsageError(
            f"{option(what)} and {len(networks)} networks: {needs} trained on. Give that "
            f"{option('model')} alone."
        )


def check_compile(choice: str, svm: Path | None) -> None:
    """Raise UsageError where networks shall be compiled of which SVMs take the features."""
    if choice == "on" and svm is not None:
        raise UsageError(
            f"{option('compile', 'on')} and {option('svm')}: only a network with its own last "
            "layer is compiled. Leave one out."
        )


def rounds_of(options: o.Options) -> Rounds:
    """Return the rounds told; UsageError for what does not go together."""
    count, again = (getattr(options, name) for name in ("rounds", "again"))
    if count == 1:
        for name in options.gave("again"):
            raise UsageError(
                f"{option(name)} means nothing without {option('rounds')}: leave it out."
            )
        return Rounds()
    for name, told in (("svm", None), ("regression", "on")):
        if (given := getattr(options, name, told)) != told:
            raise UsageError(
                f"{option('rounds', count)} and {option(name, given)}: what is cropped again are "
                "regions that the networks moved. Leave one out."
            )
    return Rounds(count, again)


def lowest(name: str, given: float | None, svm: Path | None) -> float:
    """Return the threshold `name`: the one given, else the one that goes with the scores.

    UsageError for a probability that is none.
    """
    if svm is not None:
        return _SVM_SCORES[name] if given is None else given
    value = _PROBABILITIES[name] if given is None else given
    if not 0 <= value <= 1:
        raise UsageError(f"{option(name, f'{value:g}')}: expected a probability, from 0 to 1.")
    return value


def compile_if_it_pays(
    scorer: "RegionScorer", choice: str, svm: Path | None, crops: int | None, reporter: Reporter
) -> None:
    """Compile the networks of `scorer` if `choice` means to, for so many `crops` (None: unknown).

    Never with an `svm`. Where it cannot be done here, auto goes on without and says so;
    EnvironmentProblem if on.
    """
    from detect.models.compiled import pays

    if svm is not None or not pays(choice, scorer.device, crops):
        return
    try:
        scorer.compile()
    except EnvironmentProblem as error:
        if choice == "on":
            raise
        reporter.say(f"{error} Going on without.")


def scoring(svm: Path | None, path: Path, model: "Model", *, mirror: bool) -> "Score":
    """Return what scores crops: the softmax, or the SVMs at `svm` of the network at `model`.

    With `mirror` averaged with the mirrored ones. DataError unless the SVMs are that network's,
    with its `classes`.
    """
    from detect.detector.scoring import mirrored, softmax

    score = softmax if svm is None else _svm_scores(svm, path, model)
    return mirrored(score) if mirror else score


def _svm_scores(svm: Path, path: Path, model: "Model") -> "Score":
    from detect.detector.scoring import svm_scores
    from detect.models.checkpoints import load_fitted
    from detect.models.kinds import LINEAR_SVMS
    from detect.models.model_files import model_hash

    network, card = model
    stored = load_fitted(svm, LINEAR_SVMS, model_hash(path), network.network.fc.in_features)
    if stored.classes != card.classes:
        raise DataError(
            f"{svm}: SVMs of the classes {', '.join(stored.classes)}; the card of "
            f"{option('model')} has {', '.join(card.classes)}. Give the card that it was "
            "trained with."
        )
    return svm_scores(stored.parameters)
