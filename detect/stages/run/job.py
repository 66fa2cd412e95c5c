"""What `run` is told, settled: which networks, and the thresholds that go with their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import Rounds
from detect.errors import UsageError, option
from detect.stages.detector_folder import StoredDetector
from detect.stages.engines import check_engines, engine_of
from detect.stages.run.options import RunOptions
from detect.stages.scoring import check_alone, check_compile, lowest, network_paths, rounds_of
from detect.stages.selection import combination_of
from detect.stages.sources import check_method

# The options that only one of the two sources obeys.
_OF_SEARCH, _OF_MULTIBOX = ("preset", "search", "seed"), ("multibox",)


@dataclass(frozen=True)
class DetectionJob:
    """What was told, the files of all `networks`, how to select, and the lowest score drawn.

    That is one for all classes, or one for each by its name. `rounds`: how often regions are looked
    at.
    """

    told: RunOptions
    networks: tuple[Path, ...]
    combination: Combination
    picture_threshold: float | Mapping[str, float]
    rounds: Rounds

    @property
    def engine(self) -> str:
        """What computes the networks."""
        return " and ".join(
            dict.fromkeys(engine_of(path, self.told.engine) for path in self.networks)
        )

    def crops(self, regions: float, images: int) -> int:
        """Return how many crops go through each network, of so many `images` of `regions` each."""
        looks = 2 if self.told.mirror else 1
        return round(looks * images * (regions + self.rounds.later(regions)))


def settle(options: RunOptions, detector: StoredDetector | None = None) -> DetectionJob:
    """Return the job that `options` describe; UsageError for what does not go together.

    A `detector` says from which scores its classes are drawn, unless the options do.

    Raises DataError for an ensemble whose training did not end.
    """
    networks = network_paths(options.model)
    check_compile(options.compile, options.svm)
    check_engines(options, networks)
    if options.svm is not None:
        _check_svm(options, networks)
    threshold = lowest("threshold", options.threshold, options.svm)
    drawn_from: float | Mapping[str, float] = lowest(
        "picture_threshold", options.picture_threshold, options.svm
    )
    if detector is not None and options.picture_threshold is None and options.svm is None:
        drawn_from = detector.card.thresholds
    if options.proposals is None:
        check_method(options, options.method, search=_OF_SEARCH, multibox=_OF_MULTIBOX)
    else:
        _refuse_with_proposals(options)
    combination = combination_of(options, threshold, probabilities=options.svm is None)
    return DetectionJob(options, networks, combination, drawn_from, rounds_of(options))


def _refuse_with_proposals(options: RunOptions) -> None:
    """Raise UsageError for an option that stored proposals make meaningless."""
    for name in options.gave("method", *_OF_SEARCH, *_OF_MULTIBOX):
        raise UsageError(
            f"{option(name)} and {option('proposals')}: stored proposals are not made again. "
            "Leave one out."
        )


def _check_svm(options: RunOptions, networks: Sequence[Path]) -> None:
    """Raise UsageError for what does not go with SVMs."""
    if options.keep_scores is not None:
        raise UsageError(
            f"{option('keep_scores')} and {option('svm')}: kept scores are networks' softmax, for "
            "detect ensemble. Leave one out."
        )
    if options.gave("regression") and options.regression == "on":
        raise UsageError(
            f"{option('regression', 'on')} and {option('svm')}: networks move boxes beside their "
            "own scores alone. Leave one out."
        )
    check_alone(networks, "svm", "SVMs score the features of the one they were")
