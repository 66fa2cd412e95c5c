"""What `run` is told, settled: which networks, and the thresholds that go with their scores."""

from dataclasses import dataclass
from pathlib import Path

from detect.ensemble.combination import Combination
from detect.errors import UsageError, option
from detect.stages.members import member_folders
from detect.stages.run.options import RunOptions
from detect.stages.sources import check_method

# Of probabilities (ours), and of SVM scores: R-CNN's demonstration detects from -1, the margin on
# background's side, and draws from 0 (examples/rcnn_demo.m). Its evaluation goes down to -1.5 and
# then keeps the best 30,000 of a class in the whole set (rcnn_test.m of the branch ilsvrc).
_PROBABILITIES = {"threshold": Combination.threshold, "picture_threshold": 0.5}
_SVM_SCORES = {"threshold": -1.0, "picture_threshold": 0.0}

# The options that only one of the two sources obeys.
_OF_SEARCH, _OF_MULTIBOX = ("preset", "seed"), ("multibox",)


@dataclass(frozen=True)
class Job:
    """What was told, the files of all `networks`, and the lowest scores written and drawn."""

    told: RunOptions
    networks: tuple[Path, ...]
    threshold: float
    picture_threshold: float


def settle(options: RunOptions) -> Job:
    """Return the job that `options` describe; UsageError for what does not go together.

    Raises DataError for an ensemble whose training did not end.
    """
    networks = tuple(network for path in options.model for network in member_folders(path))
    if options.svm is not None:
        _check_svm(options, len(networks))
    thresholds = {name: _threshold(options, name) for name in _PROBABILITIES}
    if options.proposals is None:
        check_method(options, options.method, search=_OF_SEARCH, multibox=_OF_MULTIBOX)
    else:
        _refuse_with_proposals(options)
    return Job(options, networks, **thresholds)


def _refuse_with_proposals(options: RunOptions) -> None:
    """Raise UsageError for an option that stored proposals make meaningless."""
    for name in options.gave("method", *_OF_SEARCH, *_OF_MULTIBOX):
        raise UsageError(
            f"{option(name)} and {option('proposals')}: stored proposals are not made again. "
            "Leave one out."
        )


def _check_svm(options: RunOptions, networks: int) -> None:
    """Raise UsageError for what does not go with SVMs."""
    if options.keep_scores is not None:
        raise UsageError(
            f"{option('keep_scores')} and {option('svm')}: kept scores are networks' softmax, for "
            "detect ensemble. Leave one out."
        )
    if networks > 1:
        raise UsageError(
            f"{option('svm')} and {networks} networks: SVMs score the features of the one they "
            f"were trained on. Give that {option('model')} alone."
        )


def _threshold(options: RunOptions, name: str) -> float:
    """Return the threshold `name`: the one given, else the one that goes with the scores."""
    given: float | None = getattr(options, name)
    if options.svm is not None:
        return _SVM_SCORES[name] if given is None else given
    value = _PROBABILITIES[name] if given is None else given
    if not 0 <= value <= 1:
        raise UsageError(f"{option(name, f'{value:g}')}: expected a probability, from 0 to 1.")
    return value
