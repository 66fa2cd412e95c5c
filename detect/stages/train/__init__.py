"""From a labelled folder to its best detector: MultiBox, the choice of regions, networks, choices.

R-CNN's and the paper's parts in one call; which of them help is measured on images held out. The
test split is never looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from detect.errors import UsageError, option
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import is_detector, read_detector
from detect.stages.opening import check_out
from detect.stages.train import recipes
from detect.stages.train.budget import Plan
from detect.stages.train.choosing import (
    SELECTIONS,
    SOURCES,
    choose_regions,
    choose_selection,
    choose_source,
)
from detect.stages.train.finishing import figures_of, thresholds_of, write_detector
from detect.stages.train.learnable import (
    check_beginnings,
    check_choosable,
    check_learnable,
    check_priors,
)
from detect.stages.train.look import splits_of
from detect.stages.train.looked_at import few_objects
from detect.stages.train.making import ALL, FOLDS, HELD_OUT, Making
from detect.stages.train.options import TrainOptions, TrainResult
from detect.stages.train.planning import (
    a_look,
    first_plan,
    last_plan,
    real_pace,
    second_plan,
)
from detect.stages.train.work import NAME as RECORD
from detect.stages.train.work import Work, check_told, put_back, read_record

__all__ = ["TrainOptions", "TrainResult", "train"]

# What a call that goes on must have been told as well.
_TOLD = (
    "data", "split", "val_split", "minutes", "networks", "fast", "pretrained", "classifier", "set",
    "seed",
)  # fmt: skip


@by_keywords
def train(options: TrainOptions, reporter: Reporter = QUIET) -> TrainResult:
    """Train the best detector of a labelled data set that a number of minutes allows.

    Raises UsageError for options that do not go together and too few minutes, DataError for data
    that is wrong, EnvironmentProblem for a machine that cannot, DetectError where a training
    diverges.
    """
    _check_one(options)
    with holding(options.out, reporter), _workplace(options) as folder:
        check_out(options.out, exist_ok=options.exist_ok, resume=options.resume)
        put_back(folder)
        told = {name: _plain(getattr(options, name)) for name in _TOLD}
        gone = not (options.out / "work" / RECORD).is_file()
        if options.resume and gone and is_detector(options.out):
            return _without_work(options.out, told, reporter)
        work = Work(folder, told, resume=options.resume)
        if options.resume and is_detector(options.out) and "written" in work.choices:
            return TrainResult(options.out, read_detector(options.out).card.figures, work.choices)
        with work.looking():
            _check_device(options, work)
            making = Making(
                told=options,
                splits=splits_of(options, work.folder, reporter),
                work=work,
                pretrained=work.step("pretrained", lambda: _pretrained(options)),
                reporter=reporter,
            )
            check_learnable(making.splits.learned, making.classes, reporter)
            check_choosable(making.splits.chosen, making.classes or making.splits.learned.classes)
            if "plan" not in work.choices:
                check_priors(making)
                check_beginnings(making)
            steps = first_plan(making)
        if options.dry_run:
            return TrainResult(options.out, {}, work.choices)
        return _train(making, steps)


def _pretrained(options: TrainOptions) -> bool:
    wanted = options.pretrained == "auto" and options.classifier != "one-trunk"
    return wanted and recipes.weights_at_hand()


def _check_one(options: TrainOptions) -> None:
    """Raise UsageError where several networks of one trunk are asked for."""
    if options.classifier == "one-trunk" and options.networks > 1:
        raise UsageError(
            f"{option('networks', options.networks)}: several networks see crops; with "
            f"{option('classifier', 'one-trunk')} there is one. Leave one of the two out."
        )


def _check_device(options: TrainOptions, work: Work) -> None:
    """Raise UsageError where a training was begun on another kind of device.

    Its steps were planned by that one's pace, and its crops classified in that one's precision.
    """
    from detect.models.device import choose_device

    kind = choose_device(options.device).type
    begun = work.step("device", lambda: kind)
    if kind != begun:
        raise UsageError(
            f"{option('device', options.device)}: this training was begun on {begun}, and here it "
            f"would go on on {kind}. Go on there, or begin anew with another {option('out')}."
        )


def _without_work(out: Path, told: dict[str, Any], reporter: Reporter) -> TrainResult:
    """Return a complete detector whose work/ is gone: nothing can go on, nothing is trained anew.

    DataError where the call says other than the one that made it.
    """
    detector, record = read_detector(out), read_record(out / RECORD)
    check_told(out / RECORD, record["told"], told)
    reporter.say(
        f"{out}: this detector is complete. Its work/, with the states of its trainings, is gone: "
        f"it cannot be trained on. For another one choose another {option('out')}."
    )
    return TrainResult(out, detector.card.figures, record["steps"])


@contextmanager
def _workplace(options: TrainOptions) -> Iterator[Path]:
    """Yield where to work: OUT/work, in a dry run a folder that is gone at the end."""
    if not options.dry_run:
        yield options.out / "work"
        return
    with TemporaryDirectory() as folder:
        yield Path(folder, "work")


def _plain(value: Any) -> Any:
    """Return an option as JSON has it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _train(making: Making, steps: Plan) -> TrainResult:
    work, told = making.work, making.told
    for fold in FOLDS:
        work.step(
            f"multibox {fold}",
            lambda fold=fold: making.train_multibox(fold[0], steps.multibox_steps, fold),  # type: ignore[misc]
            lambda fold=fold: making.trained_seconds("multibox", fold[0]),  # type: ignore[misc]
        )
    region = told.networks * real_pace(making).region
    source = work.step("source", lambda: choose_source(making, region))["chosen"]
    making.reporter.say(f"regions to learn from: {source}")
    work.step("proposals", lambda: making.propose(ALL, making.splits.every, *SOURCES[source]).name)
    steps = second_plan(making, steps, source)
    _learn(making, HELD_OUT, making.splits.learn, steps.classifier_steps, _begun_with(making))
    source = work.step("regions", lambda: choose_regions(making, source))["chosen"]
    making.reporter.say(f"regions: {source}")
    selected = work.step(
        "selection", lambda: choose_selection(making, source, a_look(making, source))
    )
    work.step("thresholds", lambda: thresholds_of(making, _detections(making, source, selected)))
    write_detector(making, *_on_all_images(making, source, last_plan(making, steps)))
    work.step("written", lambda: True)
    if few := few_objects(making):
        making.reporter.warn(few)
    return TrainResult(told.out, figures_of(making), work.choices)


def _learn(making: Making, name: str, split: str, steps: int, begun: Path | None = None) -> Path:
    """Train the networks `name` on `split`; return them."""
    making.work.step(
        f"networks {name}",
        lambda: making.train_networks(name, split, steps, begun),
        lambda: making.trained_seconds("networks", name),
    )
    return making.place("networks", name)


def _begun_with(making: Making) -> Path | None:
    """Return the MultiBox whose trunk a network of one trunk begins with, unless `set` says what.

    It saw none of the images held out.
    """
    told = "init" in map(recipes.key, making.told.of_networks)
    return making.place("multibox", FOLDS[0][0]) if making.one_trunk and not told else None


def _on_all_images(making: Making, source: str, steps: Plan) -> tuple[Path, tuple[Path, ...]]:
    """Let MultiBox, and the networks if there is time, learn from all images.

    From the trunks of those that did not see some. Return the networks, and MultiBox's if it is
    of the `source` of regions.
    """
    networks, multibox = making.place("networks", HELD_OUT), making.place("multibox", ALL)
    if source != "selective-search":
        begun = making.place("multibox", FOLDS[0][0])
        making.work.step(
            "multibox all",
            lambda: making.train_multibox(ALL, steps.multibox_again, begun=begun),
            lambda: making.trained_seconds("multibox", ALL),
        )
    if steps.again:
        networks = _learn(making, ALL, making.splits.every, steps.again, networks)
    return networks, (multibox,) if source != "selective-search" else ()


def _detections(making: Making, source: str, selected: dict[str, Any]) -> Path:
    """Return the detections of the selection that was chosen."""
    found = making.found(source, selected["looks"])
    return making.selected(found, dict(SELECTIONS[selected["selection"]]))
