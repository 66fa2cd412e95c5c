"""A detector from a labelled folder: one call, its choices, and going on after an interruption."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from builders import CLASSES, voc_object, voc_xml, write_voc
from networks import moving_network

from detect.data import open_dataset
from detect.errors import DataError, DetectError, NothingKept, UsageError
from detect.models.checkpoints import save_model
from detect.models.model_files import model_hash
from detect.progress import QUIET
from detect.stages.detector_folder import read_detector
from detect.stages.load import load
from detect.stages.train import TrainOptions, TrainResult, train
from detect.stages.train.budget import (
    FEWEST,
    MOST_CLASSIFIER,
    MOST_MULTIBOX,
    Pace,
    Plan,
    Told,
    plan,
)
from detect.stages.train.finishing import write_detector
from detect.stages.train.look import Splits
from detect.stages.train.making import Making
from detect.stages.train.planning import last_plan, second_plan
from detect.stages.train.work import Work

SMALL = (
    "model.width=0.25", "model.input_size=48", "sampling.batch_size=8", "optimizer.steps=12",
    "regression.grid=2", "multibox.model.width=0.25", "multibox.model.input_size=64",
    "multibox.batch_size=4", "multibox.optimizer.steps=12",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("set"), {"trainval": 15, "test": 2}, seed=2)


def made(data: Path, out: Path, **more: Any) -> TrainResult:
    # So many minutes that a busy machine, too, plans the most steps and a fit on all images:
    # SMALL gives the steps, but not that.
    told = {
        "minutes": 3000,
        "fast": True,
        "pretrained": "off",
        "set": SMALL,
        "device": "cpu",
        **more,
    }
    return train(data, out=out, **told)


def covered_by(steps: dict[str, Any]) -> list[str]:
    """Return the sources that may be found with: of fewer boxes than that learned from, and it."""
    found = steps["source"]["result"]
    boxes = {name: one["boxes"] for name, one in found["covered"].items()}
    rows = sorted((count, name) for name, count in boxes.items())
    return [name for count, name in rows if count < boxes[found["chosen"]]] + [found["chosen"]]


class Stopping:
    """A reporter that is interrupted when something is said."""

    def __init__(self, at: str = "regions to learn from:") -> None:
        self.at = at

    def track(self, items: Sequence[Any], total: int, description: str) -> Iterable[Any]:
        return items

    def say(self, line: str) -> None:
        if line.startswith(self.at):
            raise KeyboardInterrupt

    def warn(self, line: str) -> None:
        pass


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "d"
    made(data, out)
    return out


@pytest.mark.filterwarnings("ignore::detect.errors.DetectWarning")
def test_one_call_leaves_a_detector_that_finds(data, whole) -> None:
    card = read_detector(whole).card
    assert card.classes == ("circle", "square", "triangle")
    assert set(card.figures) == {"AP50", "AP", "images", "of"}
    assert card.figures["images"] == 3
    steps = json.loads((whole / "work/choices.json").read_text())["steps"]
    assert steps["plan"]["result"]["again"] == 12
    # Each of MultiBox's first two misses a half of all images, those held out among them.
    assert list(steps["regions"]["result"]["tried"]) == covered_by(steps)
    assert steps["regions"]["result"]["chosen"] in covered_by(steps)
    assert set(steps["source"]["result"]["covered"]) == {"multibox", "both", "selective-search"}
    for name, parts in (("networks", card.networks), ("multibox", card.multibox)):
        assert [part.file for part in parts] == [f"{name}/1.safetensors"][: len(parts)]
    # What is used was trained on all images, the figures are of the fit without those held out.
    used = model_hash(whole / card.networks[0].file)
    assert used == model_hash(whole / "work/networks/all")
    assert used != model_hash(whole / "work/networks/held-out")
    found = load(whole, device="cpu")(data / "JPEGImages/test_000.jpg")
    assert found.thresholds == tuple(card.thresholds[name] for name in card.classes)
    held = set((whole / "work/held-out.txt").read_text().split())
    assert len(held) == 3
    assert held.isdisjoint((whole / "work/learn.txt").read_text().split())
    assert all(name.startswith("trainval") for name in held)


def test_nothing_is_kept_of_a_call_that_is_stopped_before_it_has_a_plan(data, tmp_path) -> None:
    with pytest.raises(NothingKept):
        made(data, tmp_path / "d", reporter=Stopping("timing this machine"))
    assert not (tmp_path / "d/work").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::detect.errors.DetectWarning")
def test_going_on_ends_with_the_same_detector(data, whole, tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(data, tmp_path / "d", reporter=Stopping())
    assert not (tmp_path / "d/detector.json").exists()
    with pytest.raises(UsageError, match="exists already"):
        made(data, tmp_path / "d")
    with pytest.raises(DataError, match=r"then minutes=3000\.0, now minutes=3001\.0"):
        made(data, tmp_path / "d", resume=True, minutes=3001)
    made(data, tmp_path / "d", resume=True)
    first, second = (read_detector(path).card for path in (whole, tmp_path / "d"))
    assert first == second
    again = made(data, tmp_path / "d", resume=True)
    assert again.figures == first.figures


def test_a_dry_run_says_the_plan_and_trains_nothing(data, tmp_path) -> None:
    result = made(data, tmp_path / "d", dry_run=True)
    assert not result.trained
    assert set(result.choices) == {"device", "pretrained", "pace", "plan"}
    assert not (tmp_path / "d").exists()
    record = tmp_path.joinpath("d", "work", "choices.json")
    record.parent.mkdir(parents=True)
    record.write_text("begun")
    made(data, tmp_path / "d", dry_run=True, exist_ok=True)
    assert record.read_text() == "begun"


def test_a_wrong_setting_of_multibox_is_told_as_one(data, tmp_path) -> None:
    words = r"^MultiBox's recipe \(multibox\.A\.B=V\): .*optimizer\.step"
    with pytest.raises(DetectError, match=words):
        made(data, tmp_path / "d", set=(*SMALL, "multibox.optimizer.step=3"))
    assert not (tmp_path / "d").exists()


def test_a_call_that_trains_nothing_is_simply_called_again(data, tmp_path) -> None:
    unset = tuple(one for one in SMALL if "steps" not in one)
    for told in (
        {"minutes": 0.01, "set": unset},
        {"set": (*SMALL, "optimizer.step=3")},
        {"split": "test"},
    ):
        with pytest.raises(DetectError) as error:
            made(data, tmp_path / "d", **told)
        assert "exists already" not in str(error.value)
        assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("told", [{"exist_ok": True}, {"resume": True}])
def test_a_folder_of_somebody_else_is_never_removed(data, tmp_path, told) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/thesis.tex").write_text("years")
    with pytest.raises(UsageError, match=r"work: not of a training .* Choose another out"):
        made(data, tmp_path, **told)
    assert (tmp_path / "work/thesis.tex").read_text() == "years"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"split": "test"}, "2 images in split test; a detector needs 10 or more"),
        ({"val_split": "trainval"}, "15 images are in trainval and in trainval"),
    ],
)
def test_data_that_cannot_do_is_refused(data, tmp_path, told, words) -> None:
    with pytest.raises(DataError, match=words):
        made(data, tmp_path / "d", **told)


def test_images_to_choose_on_need_an_object(tmp_path) -> None:
    data = write_voc(tmp_path / "set", {"train": 10}, seed=2)
    write_voc(data, {"val": 3}, objects=0)
    with pytest.raises(DataError, match=r"no object in the images to choose on \(val\)"):
        made(data, tmp_path / "d", val_split="val")
    assert not (tmp_path / "d").exists()


def test_a_set_without_a_known_split_asks_for_one(tmp_path) -> None:
    write_voc(tmp_path / "set", {"a": 3, "b": 3})
    with pytest.raises(UsageError, match=r"say which images .* Splits there: a, b"):
        made(tmp_path / "set", tmp_path / "d")


def test_the_detector_has_the_classes_that_were_learned(tmp_path) -> None:
    data = write_voc(tmp_path / "set", {"train": 2}, (*CLASSES, "star"))
    images = open_dataset(data, "train")
    work = Work(tmp_path / "d/work", {}, resume=False)
    save_model(work.folder / "network.safetensors", *moving_network(1))
    work.step("regions", lambda: {"chosen": "selective-search"})
    figures = {"once/nms": {"AP50": 0.5, "AP": 0.25}}
    work.step("selection", lambda: {"tried": figures, "looks": "once", "selection": "nms"})
    work.step("thresholds", lambda: {**dict.fromkeys(CLASSES, 0.4), "star": 0.5})
    options = TrainOptions(data=data, out=tmp_path / "d")
    splits = Splits("train", "train", None, images, images, images)
    making = Making(options, splits, work, pretrained=False, reporter=QUIET)
    # A folder of this name is there, and no detector: what is in it stays.
    (tmp_path / "d/networks").mkdir()
    (tmp_path / "d/networks/notes.txt").write_text("mine")
    write_detector(making, work.folder / "network.safetensors", ())
    card = read_detector(tmp_path / "d").card
    assert card.classes == CLASSES
    assert card.thresholds == dict.fromkeys(CLASSES, 0.4)
    assert (tmp_path / "d/networks/notes.txt").read_text() == "mine"


@pytest.mark.filterwarnings("ignore::detect.errors.DetectWarning")
def test_images_too_small_for_a_region_are_told_before_training(tmp_path) -> None:
    root = write_voc(tmp_path / "set", {"train": 10}, ("circle",), size=(9, 9), objects=0)
    boxes = [(1, 1, 4 + x, 4 + y) for x in range(3) for y in range(3)]
    objects = [voc_object("circle", box) for box in boxes]
    for path in (root / "Annotations").iterdir():
        path.write_text(voc_xml(f"{path.stem}.jpg", (9, 9), objects))
    with pytest.raises(DataError, match=r"no region in any of the 2 images timed, such as train_"):
        made(root, tmp_path / "d")
    assert not (tmp_path / "d/work").exists()


PACE = Pace(multibox_step=0.5, classifier_step=0.5, search=1.0, region=0.001)


def test_an_hour_is_enough_for_a_second_fit() -> None:
    found = plan(3000, PACE, 1, again=True, told=Told())
    assert found.again
    assert 0.9 * 3000 < spent(found, 1) <= 3000


def spent(found: Plan, networks: int) -> float:
    """Return the seconds of a plan's trainings."""
    multibox = 2 * found.multibox_steps + found.multibox_again
    return PACE.multibox_step * multibox + PACE.classifier_step * networks * (
        found.classifier_steps + found.again
    )


@pytest.mark.parametrize("seconds", [200, 400, 1000, 3000, 10_000])
@pytest.mark.parametrize("networks", [1, 3])
def test_the_trainings_never_take_more_than_there_is(seconds: int, networks: int) -> None:
    for again in (True, False):
        found = plan(seconds, PACE, networks, again=again, told=Told())
        assert spent(found, networks) <= seconds
        assert again or not found.again
        assert FEWEST <= found.multibox_steps <= MOST_MULTIBOX
        assert FEWEST <= found.classifier_steps <= MOST_CLASSIFIER
        assert Plan.of(found.values()) == found


@pytest.mark.parametrize(
    ("minutes", "steps", "again"),
    [(60, 2383, 1191), (9, 515, 0), (0.1, FEWEST, 0)],
)
def test_the_time_that_is_left_decides_anew(data, tmp_path, minutes, steps, again) -> None:
    # MultiBox took no time at all here: a step of the classifier is believed to take 0.5 s, not 1,
    # and looking at 3 images of 200 regions nothing.
    work = Work(tmp_path / "d/work", {}, resume=False)
    pace = Pace(multibox_step=1.0, classifier_step=1.0, search=1.0, region=0.0)
    first = Plan(100, 50, 600, 300)
    work.step("pace", lambda: asdict(pace))
    work.step("plan", first.values)
    for name in ("multibox 1/2", "multibox 2/2"):
        work.step(name, lambda: True)
    work.step("source", lambda: {"covered": {"multibox": {"boxes": 200.0}}})
    images = open_dataset(data, "trainval")
    splits = Splits("train", "val", "all", images, images, images)
    options = TrainOptions(data=data, out=tmp_path / "d", minutes=minutes, networks=2)
    making = Making(options, splits, work, pretrained=False, reporter=QUIET)
    second = second_plan(making, first, "multibox")
    assert (second.multibox_steps, second.again) == (100, again)
    assert second.classifier_steps == pytest.approx(steps, abs=3)
    # A call that goes on does as it was decided.
    later = replace(making, told=options.model_copy(update={"minutes": 5}))
    assert second_plan(later, first, "multibox") == second


def test_too_few_minutes_say_how_many_more() -> None:
    with pytest.raises(UsageError, match=r"too few for anything .* Allow \d+ minutes more"):
        plan(-60, PACE, 1, again=False, told=Told())


def test_steps_that_are_set_need_no_minutes() -> None:
    told = Told(multibox=30, classifier=20)
    assert plan(-60, PACE, 1, again=True, told=told) == Plan(30, 30, 20, 0)
    # A fit on all images is of as many, where there is time for it.
    assert plan(90, PACE, 1, again=True, told=told) == Plan(30, 30, 20, 20)
    assert plan(3000, PACE, 1, again=True, told=Told(multibox=30)).again > 400


@pytest.mark.parametrize(("minutes", "steps"), [(0.1, 100), (3, 155), (60, 400)])
def test_the_fit_on_all_images_takes_what_is_left(data, tmp_path, minutes, steps) -> None:
    work = Work(tmp_path / "d/work", {}, resume=False)
    pace = Pace(multibox_step=1.0, classifier_step=1.0, search=1.0, region=0.0)
    work.step("pace", lambda: asdict(pace))
    second = Plan(100, 50, 400, 200)
    work.step("plan", second.values)
    for name in ("multibox 1/2", "multibox 2/2"):
        work.step(name, lambda: True)
    images = open_dataset(data, "trainval")
    splits = Splits("train", "val", "all", images, images, images)
    options = TrainOptions(data=data, out=tmp_path / "d", minutes=minutes, networks=2)
    making = Making(options, splits, work, pretrained=False, reporter=QUIET)
    # Half of what was planned at least, at most as many as the first fit; a step is 0.5 s, two
    # networks learn, and MultiBox's 25 s come before.
    assert last_plan(making, second) == replace(second, again=steps)
    assert last_plan(making, replace(second, again=0)) == replace(second, again=steps)
