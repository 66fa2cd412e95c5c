"""Other detections from kept scores, and what each network brings."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from detect.ensemble import Combination
from detect.ensemble.curve import EnsembleCurve, choose_subsets, ensemble_curve
from detect.errors import UsageError, option
from detect.files import write_json
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import is_detector
from detect.stages.ensemble.options import EnsembleOptions, EnsembleResult, as_list
from detect.stages.ensemble.recombining import Recombined, check_same_data
from detect.stages.members import member_folders, model_name
from detect.stages.opening import check_figures, check_out, open_data
from detect.stages.selection import NAMES, check_given

if TYPE_CHECKING:
    from detect.storage.scores import ScoresFile
    from detect.structures import Dataset

__all__ = ["EnsembleOptions", "EnsembleResult", "ensemble"]

_HEAVIEST = 1e9  # sums of more would be no numbers
_RESULTS = ("detections.json", "config.toml", "environment.json")
_OF_ALL = (
    "these scores are of several rounds, whose later regions lie where all networks moved them, "
    "counted the same: other weights or fewer networks would have looked elsewhere."
)
_OF_DATA = ("split", "protocol", "iou", "seed", "json", "skip_bad")


@by_keywords
def ensemble(options: EnsembleOptions, reporter: Reporter = QUIET) -> EnsembleResult:
    """Make detections from the scores that a run kept, without running a network.

    A detector in place of them detects in the data first. Raises UsageError for options that do not
    go together, DataError for scores that are damaged and for data that is not what they are of,
    and for a detector as `run` does.
    """
    _check(options)
    if is_detector(options.scores):
        return _of_detector(options, reporter)
    for name in options.gave("device"):
        raise UsageError(f"{option(name)} means nothing where scores are kept. Leave it out.")
    return _of_scores(options, reporter)


def _of_detector(options: EnsembleOptions, reporter: Reporter) -> EnsembleResult:
    """Let the detector detect in the data, and go on with its scores."""
    from detect.stages.run.aside import detected_aside

    if options.data is None:
        raise UsageError(
            f"{options.scores} is a detector, which keeps no scores: give {option('data')} to "
            f"detect in, or what detect run {option('keep_scores')} left."
        )
    names = [model_name(path) for path in member_folders(options.scores)]
    _weights(options, len(_networks(options, names)))
    check_out(options.out, exist_ok=options.exist_ok)
    of = (options.data, options.split, (options.scores,), reporter)
    with detected_aside(
        *of, keep_scores="float32", device=options.device, skip_bad=options.skip_bad
    ) as found:
        return _of_scores(options.changed(scores=found), reporter)


def _of_scores(options: EnsembleOptions, reporter: Reporter) -> EnsembleResult:
    from detect.storage.scores import ScoresFile

    scores = ScoresFile(options.scores)
    results = [scores.path, options.out, *(options.out / name for name in _RESULTS)]
    check_figures(results, json=options.json)
    networks = _networks(options, scores.card.names)
    weights = _weights(options, len(networks))
    combination = _combination(options, scores)
    moves = _moves(options, scores, combination)
    if scores.card.rounds > 1 and _chooses(options, scores):
        reporter.warn(_OF_ALL)
    recombined = Recombined(scores, combination, networks, weights, moves)
    out = options.out
    if out.resolve() == scores.path.parent.resolve():
        raise UsageError(
            f"{option('out', out)}: the run's own detections are there. Choose another."
        )
    with holding(out, reporter):
        check_out(out, exist_ok=options.exist_ok)
        return _recombine(options, recombined, reporter)


def _recombine(
    options: EnsembleOptions, recombined: Recombined, reporter: Reporter
) -> EnsembleResult:
    scores, dataset = recombined.scores, None
    if options.data is not None:
        dataset = open_data(options.data, options.split, reporter, skip_bad=options.skip_bad)
        check_same_data(scores, dataset, reporter)
    counts = recombined.write(options.out)
    curve = None if dataset is None else _curve(options, recombined, dataset, reporter)
    path = options.out / "detections.json"
    return EnsembleResult(path, *counts, recombined.networks, scores.card.names, curve)


def _check(options: EnsembleOptions) -> None:
    """Raise UsageError for an option that means nothing beside the others."""
    for name in options.gave(*_OF_DATA) if options.data is None else ():
        raise UsageError(f"{option(name)} means nothing without {option('data')}. Leave it out.")


def _chooses(options: EnsembleOptions, scores: "ScoresFile") -> bool:
    """Tell whether networks count otherwise than all the same, by themselves or in a table."""
    return len(scores.card.names) > 1 and bool(options.gave("models", "weights", "data"))


def _networks(options: EnsembleOptions, names: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the networks chosen; UsageError where they are wrong."""
    every = range(len(names))
    if options.models is None:
        return tuple(every)
    different = set(options.models)
    if not different or len(different) != len(options.models) or not different <= set(every):
        there = ", ".join(f"{place} {name}" for place, name in enumerate(names))
        raise UsageError(
            f"{option('models', as_list(options.models))}: expected different numbers of networks "
            f"whose scores were kept: {there}."
        )
    return options.models


def _weights(options: EnsembleOptions, networks: int) -> tuple[float, ...] | None:
    """Return the weights, one a network; UsageError where they are wrong."""
    weights = options.weights
    if weights is None:
        return None
    if len(weights) != networks or not all(0 < one <= _HEAVIEST for one in weights):
        raise UsageError(
            f"{option('weights', as_list(weights))}: expected {networks} numbers above 0 and at "
            f"most {_HEAVIEST:g}, one a network. Leave a network out with {option('models')}."
        )
    return weights


def _combination(options: EnsembleOptions, scores: "ScoresFile") -> Combination:
    """Return how to combine: the options, else what the run was told; UsageError as check_given."""
    told = {name: getattr(scores.card, name) for name in NAMES}
    told |= {name: getattr(options, name) for name in options.gave(*NAMES)}
    check_given(options, told["kind"], told["decay"])
    if told["kind"] == "wbf":
        told["vote"] = "off"
    return Combination(**told)


def _moves(options: EnsembleOptions, scores: "ScoresFile", combination: Combination) -> str:
    """Return how the regions move; UsageError where that is not kept, or not so low."""
    card = scores.card
    if card.deltas == "off" and options.regression == "on":
        raise UsageError(
            f"{option('regression', 'on')}: {scores.path} keeps no deltas: its networks move no "
            "boxes, or did not in this run. Leave it out."
        )
    if card.rounds > 1 and options.regression == "off":
        raise UsageError(
            f"{option('regression', 'off')}: {scores.path} is of {card.rounds} rounds, and the "
            "regions of the later ones were moved. Leave it out."
        )
    if card.deltas == "off" or options.regression == "off":
        return "off"
    if combination.threshold < card.deltas_from:
        raise UsageError(
            f"{option('threshold', combination.threshold)}: how boxes move is kept from score "
            f"{card.deltas_from:g} on. Give {option('threshold', card.deltas_from)} or more, or "
            f"{option('regression', 'off')}."
        )
    return card.deltas


def _curve(
    options: EnsembleOptions, recombined: Recombined, dataset: "Dataset", reporter: Reporter
) -> EnsembleCurve:
    """Return, and write where asked to, mAP over the subsets of the networks."""
    subsets = choose_subsets(recombined.networks, options.seed)
    maps = {
        subset: recombined.score(subset, dataset, options.protocol, options.iou)
        for subset in reporter.track(subsets, len(subsets), "scoring subsets")
    }
    curve = ensemble_curve(recombined.networks, maps)
    if options.json is not None:
        names = recombined.scores.card.names
        told = {
            "protocol": options.protocol,
            "iou": options.iou,
            "split": dataset.split,
            "seed": options.seed,
            "names": {str(place): names[place] for place in recombined.networks},
            "weights": recombined.weights,
            "combination": asdict(recombined.combination),
        }
        write_json(options.json, {**told, **asdict(curve)})
    return curve
