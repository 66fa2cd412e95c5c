"""From a labelled folder to its best detector: MultiBox, the choice of regions, networks, choices.

R-CNN's and the paper's parts in one call; which of them help is measured on images held out. The
test split is never looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from detect.errors import option
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.stages.calling import by_keywords
from detect.stages.detector_folder import is_detector, read_detector
from detect.stages.opening import check_out
from detect.stages.train import recipes
from detect.stages.train.budget import Plan
from detect.stages.train.choosing import SOURCES, choose_selection, choose_source
from detect.stages.train.finishing import figures_of, thresholds_of, write_detector
from detect.stages.train.learnable import check_learnable
from detect.stages.train.look import splits_of
from detect.stages.train.making import FOLDS, Making
from detect.stages.train.options import TrainOptions, TrainResult
from detect.stages.train.planning import a_look, first_plan, second_plan
from detect.stages.train.work import NAME as RECORD
from detect.stages.train.work import Work, check_told, read_record

__all__ = ["TrainOptions", "TrainResult", "train"]

# What a call that goes on must have been told as well.
_TOLD = ("data", "split", "val_split", "minutes", "networks", "fast", "pretrained", "set", "seed")


@by_keywords
def train(options: TrainOptions, reporter: Reporter = QUIET) -> TrainResult:
    """Train the best detector of a labelled data set that a number of minutes allows.

    Raises UsageError for options that do not go together and too few minutes, DataError for data
    that is wrong, EnvironmentProblem for a machine that cannot, DetectError where a training
    diverges.
    """
    with holding(options.out, reporter), _workplace(options) as folder:
        check_out(options.out, exist_ok=options.exist_ok, resume=options.resume)
        told = {name: _plain(getattr(options, name)) for name in _TOLD}
        gone = not (options.out / "work" / RECORD).is_file()
        if options.resume and gone and is_detector(options.out):
            return _without_work(options.out, told, reporter)
        work = Work(folder, told, resume=options.resume)
        if options.resume and is_detector(options.out) and "written" in work.choices:
            return TrainResult(options.out, read_detector(options.out).card.figures, work.choices)
        with work.looking():
            making = Making(
                told=options,
                splits=splits_of(options, work.folder, reporter),
                work=work,
                pretrained=options.pretrained == "auto" and recipes.weights_at_hand(),
                reporter=reporter,
            )
            check_learnable(making.splits.learned, making.classes, reporter)
            steps = first_plan(making)
        if options.dry_run:
            return TrainResult(options.out, {}, work.choices)
        return _train(making, steps)


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
        yield Path(folder)


def _plain(value: Any) -> Any:
    """Return an option as JSON has it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _train(making: Making, steps: Plan) -> TrainResult:
    work, told = making.work, making.told
    for fold in FOLDS:
        name = fold[0]
        work.step(
            f"multibox {fold}",
            lambda fold=fold, name=name: making.train_multibox(  # type: ignore[misc]
                name, making.splits.learn, steps.multibox_steps, fold
            ),
        )
    source = work.step("source", lambda: choose_source(making))["chosen"]
    making.reporter.say(f"regions: {source}")
    held = making.place("proposals", f"held-out-{source}")
    _propose(making, "held-out", making.splits.learn, source)
    steps = second_plan(making, steps, source)
    _learn(making, "held-out", making.splits.learn, steps)
    selected = work.step(
        "selection", lambda: choose_selection(making, held, a_look(making, source))
    )
    work.step("thresholds", lambda: thresholds_of(making, _detections(making, selected)))
    networks, multibox = making.place("networks", "held-out"), making.folds()
    if steps.again and making.splits.whole is not None:
        networks, multibox = _learn_all(making, making.splits.whole, source, steps)
    write_detector(making, networks, multibox if source != "selective-search" else ())
    work.step("written", lambda: True)
    return TrainResult(told.out, figures_of(making), work.choices)


def _propose(making: Making, name: str, split: str, source: str) -> None:
    method, preset = SOURCES[source]
    making.work.step(
        f"proposals {name}", lambda: str(making.propose(name, split, method, preset).name)
    )


def _learn(making: Making, name: str, split: str, steps: Plan) -> None:
    """Train the networks on `split` and its proposals."""
    proposals = making.place("proposals", name)
    making.work.step(
        f"networks {name}",
        lambda: making.train_networks(name, split, proposals, steps.classifier_steps),
    )


def _learn_all(
    making: Making, split: str, source: str, steps: Plan
) -> tuple[Path, tuple[Path, ...]]:
    """Train once more, on all images; return the networks, and MultiBox's."""
    making.work.step(
        "multibox all", lambda: making.train_multibox("all", split, steps.multibox_steps)
    )
    _propose(making, "all", split, source)
    _learn(making, "all", split, steps)
    return making.place("networks", "all"), (making.place("multibox", "all"),)


def _detections(making: Making, selected: dict[str, Any]) -> Path:
    """Return the detections of the selection that was chosen."""
    from detect.stages.train.choosing import SELECTIONS

    found = making.place("found", selected["looks"])
    return making.selected(found, dict(SELECTIONS[selected["selection"]]))
