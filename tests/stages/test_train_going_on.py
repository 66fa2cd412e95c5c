"""`train`: what a call leaves that goes on, begins anew, or learns some of the classes alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import write_coco, write_voc

from detect.data import open_dataset
from detect.errors import DataError, UsageError
from detect.progress import QUIET
from detect.runs import RunFolder
from detect.stages.train import TrainOptions, recipes, train
from detect.stages.train.choosing import cheaper
from detect.stages.train.look import Splits
from detect.stages.train.making import Making
from detect.stages.train.work import Work, put_back

TOLD = {
    "split": None, "val_split": None, "minutes": 30.0, "networks": 1, "fast": False,
    "pretrained": "auto", "set": [], "seed": 0,
}  # fmt: skip
SMALL = (
    "multibox.model.width=0.25", "multibox.model.input_size=64", "multibox.batch_size=2",
    "multibox.optimizer.steps=2",
)  # fmt: skip


def making(data: Path, out: Path, split: str, **more: Any) -> Making:
    images = open_dataset(data, split)
    options = TrainOptions(data=data, out=out, device="cpu", **more)
    work = Work(out / "work", {}, resume=True)
    return Making(options, Splits(split, split, None, images, images, images), work, False, QUIET)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "set", {"trainval": 10}, seed=2)


def test_figures_are_of_the_classes_that_are_learned(tmp_path) -> None:
    data = write_coco(tmp_path / "set", {"train": 4}, seed=1)
    content = json.loads((data / "annotations/instances_train.json").read_text())
    (circle,) = [one["id"] for one in content["categories"] if one["name"] == "circle"]
    found = [{**one, "score": 0.8} for one in content["annotations"]]
    circles = [one for one in found if one["category_id"] == circle]
    (tmp_path / "found.json").write_text(json.dumps(circles))
    every, alone = (
        making(data, tmp_path / "d", "train", set=told).score(tmp_path / "found.json")
        for told in ((), ('classes=["circle"]',))
    )
    assert alone == {"AP50": 1.0, "AP": 1.0}
    assert every["AP50"] == pytest.approx(1 / 3, abs=1e-4)


def test_what_is_told_to_begin_with_is_where_the_first_fit_begins_alone(data, tmp_path) -> None:
    made = making(data, tmp_path / "d", "trainval", set=SMALL)
    made.train_multibox("1", 2)
    other = making(data, tmp_path / "d", "trainval", set=(*SMALL, " multibox.init = nowhere"))
    with pytest.raises(DataError, match="nowhere"):
        other.train_multibox("2", 2)
    other.train_multibox("all", 2, begun=made.place("multibox", "1"))
    assert (made.place("multibox", "all") / "weights/last.safetensors").is_file()
    RunFolder(made.place("multibox", "all")).write_results([{"step": 2, "minutes": 1.5}])
    assert made.trained_seconds("multibox", "all") == 90


def test_where_a_later_fit_begins_is_the_same_however_out_is_spelled(tmp_path, monkeypatch) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    spelled = [Path("d/1"), tmp_path / "d/1", tmp_path / "d/e/../1"]
    for here, expected in ((tmp_path, "d/1"), (tmp_path / "d/e", str(tmp_path.resolve() / "d/1"))):
        monkeypatch.chdir(here)
        given = [one for one in spelled if one.is_absolute() or here == tmp_path]
        made = [recipes.classifier(9, 0, pretrained=False, begun=one)["init"] for one in given]
        assert set(made) == {expected}


def test_weights_to_begin_with_that_do_not_fit_are_told_first(data, tmp_path) -> None:
    for told in ("init=nowhere", "multibox.init=nowhere"):
        with pytest.raises(DataError, match="nowhere"):
            train(data, out=tmp_path / "d", pretrained="off", set=told, device="cpu")
        assert not (tmp_path / "d").exists()


def test_fewer_boxes_are_those_of_fewer_boxes_whatever_the_source() -> None:
    boxes = {"multibox": 200.0, "both": 290.0, "selective-search": 180.0}
    found = {"covered": {name: {"boxes": count} for name, count in boxes.items()}}
    assert cheaper(found, "both") == ["selective-search", "multibox"]
    assert cheaper(found, "multibox") == ["selective-search"]
    assert cheaper(found, "selective-search") == []


def begun(folder: Path, value: str) -> str:
    """Begin a training of hours in `folder`, and return its record."""
    work = Work(folder, {**TOLD, "data": value}, resume=False)
    with work.looking():
        work.step("plan", lambda: value)
    return (folder / "choices.json").read_text()


def test_an_earlier_training_stays_until_the_new_one_has_a_plan(data, tmp_path) -> None:
    record = begun(tmp_path / "d/work", "hours")
    with pytest.raises(DataError, match="nearest: trainval"):
        train(data, split="tranval", out=tmp_path / "d", exist_ok=True)
    assert tmp_path.joinpath("d", "work", "choices.json").read_text() == record
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["work"]


# Dies at the so many-th change of a name: as if by SIGKILL.
_DYING = """
import os, sys
from detect.stages import train
left = [int(sys.argv[3])]
def until_killed(change):
    def changed(*given, **more):
        if not left[0]:
            os._exit(9)
        left[0] -= 1
        return change(*given, **more)
    return changed
for name in ("replace", "unlink", "rmdir", "mkdir"):
    setattr(os, name, until_killed(getattr(os, name)))
train(sys.argv[1], split="tranval", out=sys.argv[2], exist_ok=True)
"""


@pytest.mark.parametrize("changes", range(1, 8))
def test_an_earlier_training_comes_back_wherever_a_call_without_a_plan_dies(
    data, tmp_path, changes
) -> None:
    record = begun(tmp_path / "d/work", "hours")
    words = [sys.executable, "-c", _DYING, str(data), str(tmp_path / "d"), str(changes)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 9
    with pytest.raises(DataError, match="then data=hours, now data="):
        train(data, out=tmp_path / "d", resume=True)
    assert tmp_path.joinpath("d", "work", "choices.json").read_text() == record


def test_a_call_that_was_killed_with_a_plan_goes_on_and_the_earlier_is_gone(tmp_path) -> None:
    begun(tmp_path / "work", "hours")
    work = Work(tmp_path / "work", {"data": "new"}, resume=False)
    work.step("plan", lambda: 2)  # killed before the earlier one is removed
    put_back(tmp_path / "work")
    work = Work(tmp_path / "work", {"data": "new"}, resume=True)
    with work.looking():
        pass
    assert work.choices["plan"]["result"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_an_earlier_training_goes_once_there_is_a_plan(tmp_path) -> None:
    Work(tmp_path / "work", {"data": "x"}, resume=False).step("plan", lambda: 1)
    work = Work(tmp_path / "work", {"data": "y"}, resume=False)
    with work.looking():
        work.step("plan", lambda: 2)
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
    assert Work(tmp_path / "work", {"data": "y"}, resume=True).choices["plan"]["result"] == 2


def test_a_training_goes_on_on_the_kind_of_device_that_it_was_begun_on(data, tmp_path) -> None:
    told = {**TOLD, "data": str(data)}
    work = Work(tmp_path / "d/work", told, resume=False)
    work.step("device", lambda: "cuda")
    work.step("plan", lambda: {})
    with pytest.raises(UsageError) as error:
        train(data, out=tmp_path / "d", resume=True, device="cpu")
    assert str(error.value) == (
        "device=cpu: this training was begun on cuda, and here it would go on on cpu. Go on "
        "there, or begin anew with another out."
    )
    assert tmp_path.joinpath("d", "work", "choices.json").is_file()


def test_a_step_that_went_on_took_what_its_training_says(tmp_path) -> None:
    work = Work(tmp_path / "work", {}, resume=False)
    work.step("a", lambda: None, lambda: 90.04)
    assert work.seconds == 90.0
    work.step("b", lambda: None, lambda: -1.0)
    assert work.seconds < 91


def test_the_minutes_of_a_run_are_those_of_its_last_row(tmp_path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.minutes == 0
    folder.write_results([{"step": 5, "minutes": 0.5}, {"step": 10, "minutes": 1.25, "val": 3}])
    assert folder.minutes == 1.25
    (tmp_path / "results.csv").write_text("step,minutes\n5,soon\n")
    with pytest.raises(DataError, match=r"results\.csv: expected rows with the minutes of a train"):
        _ = folder.minutes
