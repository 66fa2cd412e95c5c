"""`train`: what is told before anything is trained, and of a call that goes on otherwise."""

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import CLASSES, voc_object, voc_xml, write_coco, write_voc
from detectors import FIGURES, STEPS, write_detector

from detect.data import open_dataset
from detect.data.halves import class_counts
from detect.errors import DataError, as_arguments
from detect.progress import QUIET
from detect.stages.train import TrainOptions, train
from detect.stages.train.budget import Pace, Plan, Told
from detect.stages.train.choosing import (
    Look,
    enough,
    expected_look,
    least_gain,
    looking,
    looks_of,
    too_dear,
)
from detect.stages.train.learnable import check_choosable, check_learnable
from detect.stages.train.look import Splits, splits_of
from detect.stages.train.looked_at import choose_looked_at, few_objects, fewest, looked_at
from detect.stages.train.making import Making
from detect.stages.train.planning import a_look, first_plan, second_plan
from detect.stages.train.timetable import timetable
from detect.stages.train.work import Work, check_told

TOLD = {
    "data": "set", "split": None, "val_split": None, "minutes": 30.0, "networks": 1, "fast": False,
    "pretrained": "auto", "set": [], "seed": 0,
}  # fmt: skip


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def track(self, items: Any, total: int, description: str) -> Any:
        return items

    def say(self, line: str) -> None:
        self.said.append(line)

    warn = say


def of_objects(root: Path, *objects: str, classes: tuple[str, ...] = ()) -> Path:
    """Write a VOC set of 10 images that all show `objects`."""
    write_voc(root, {"trainval": 10}, classes or CLASSES, size=(60, 60))
    for path in (root / "Annotations").iterdir():
        path.write_text(voc_xml(f"{path.stem}.jpg", (60, 60), list(objects)))
    return root


def test_a_class_that_cannot_be_learned_is_told_first(tmp_path) -> None:
    good, bad = voc_object("circle", (1, 1, 30, 30)), voc_object("square", (5, 5, 40, 40))
    difficult = bad.replace("<difficult>0", "<difficult>1")
    root = of_objects(tmp_path / "set", good, difficult)
    with pytest.raises(DataError) as error:
        train(root, out=tmp_path / "d")
    text = str(error.value)
    assert text.startswith(
        f"{root}: the images to learn from (learn): square has 8 there, all of them marked "
        "difficult or crowd; triangle has no object there: nothing can be learned of it."
    )
    assert text.endswith("""leave it out: set='classes=["circle"]'.""")
    assert not (tmp_path / "d").exists()
    listener = Listener()
    check_learnable(open_dataset(root, "trainval"), ("circle",), listener)
    assert listener.said == []
    with pytest.raises(DataError, match="all 10 objects are marked difficult or crowd"):
        check_learnable(open_dataset(root, "trainval"), ("square",), listener)


def test_classes_that_the_images_to_choose_on_do_not_name_are_told_first(tmp_path) -> None:
    data = write_coco(tmp_path / "set", {"train": 10, "val": 3}, seed=1)
    path = data / "annotations/instances_val.json"
    content = json.loads(path.read_text())
    content["categories"] = [one for one in content["categories"] if one["name"] != "circle"]
    rest = {one["id"] for one in content["categories"]}
    content["annotations"] = [one for one in content["annotations"] if one["category_id"] in rest]
    path.write_text(json.dumps(content))
    told = {"split": "train", "val_split": "val", "out": tmp_path / "d"}
    words = r"the images to choose on \(val\) have no class circle, which is learned"
    with pytest.raises(DataError, match=words):
        train(data, **told)
    # Where it is left out, what is wrong is something else.
    with pytest.raises(DataError, match="no object in the images to choose on"):
        check_choosable(open_dataset(data, "val"), ())
    check_choosable(open_dataset(data, "val"), ("square", "triangle"))


def test_boxes_too_alike_for_priors_are_told_first(tmp_path) -> None:
    point = voc_object("circle", (5, 5, 25, 25))
    root = of_objects(tmp_path / "set", point, classes=("circle",))
    with pytest.raises(DataError) as error:
        train(root, out=tmp_path / "d", pretrained="off")
    assert re.fullmatch(
        rf"{root}: MultiBox learns from \d of the 10 images at a time, whose boxes have 1 "
        r"different shapes: too few for 4 priors\. Label more images, or "
        r"set=multibox\.priors\.shapes=N with a smaller N\.",
        str(error.value),
    )
    assert not (tmp_path / "d").exists()


def test_a_class_of_tiny_objects_is_warned_of(tmp_path) -> None:
    # 7 x 7 px in a region of 10 x 10 is IoU 0.49, 8 x 8 is 0.64.
    small, enough = voc_object("square", (1, 1, 7, 7)), voc_object("circle", (1, 1, 8, 8))
    root = of_objects(tmp_path / "set", small, enough, classes=("circle", "square"))
    listener = Listener()
    check_learnable(open_dataset(root, "trainval"), (), listener)
    (line,) = listener.said
    assert line.startswith("square: all objects are so small that no region of Selective Search")
    assert "circle" in line.rpartition("leave it out")[2]


def test_what_a_call_that_goes_on_says_otherwise_is_named() -> None:
    before = {**TOLD, "set": ["a.b=1", "c=2"], "split": "train"}
    now = {**TOLD, "set": ["a.b=1", "c=3"], "minutes": 60.0, "fast": True}
    with pytest.raises(DataError) as error:
        check_told(Path("w"), before, now)
    assert str(error.value) == (
        "w: this training was begun with other options: then split=train, now no split; then "
        "minutes=30.0, now minutes=60.0; then no fast, now fast; then set=c=2, now set=c=3. It "
        "goes on only as it was begun: give those again, or begin anew with another out."
    )
    with pytest.raises(DataError, match=r"then set=c=2, now no other set\. It"):
        check_told(Path("w"), {**TOLD, "set": ["a=1", "c=2"]}, {**TOLD, "set": ["a=1"]})


def test_a_complete_detector_without_its_work_is_never_trained_anew(tmp_path) -> None:
    out = write_detector(tmp_path / "d", networks=1)
    work = Work(tmp_path / "other", {**TOLD, "data": str(tmp_path / "set")}, resume=False)
    for name, result in STEPS.items():
        work.step(name, lambda result=result: result)
    work.copy_record(out / "choices.json")
    shutil.rmtree(out / "work")
    listener = Listener()
    result = train(tmp_path / "set", out=out, resume=True, reporter=listener)
    assert dict(result.figures) == FIGURES
    assert set(result.choices) == set(STEPS)
    (line,) = listener.said
    assert line.startswith(f"{out}: this detector is complete. Its work/")
    assert not (out / "work").exists()
    with pytest.raises(DataError, match=r"then minutes=30\.0, now minutes=5\.0\. It goes on only"):
        train(tmp_path / "set", out=out, resume=True, minutes=5)


@pytest.fixture
def making(tmp_path) -> Making:
    images = open_dataset(write_voc(tmp_path / "set", {"trainval": 10}), "trainval")
    told = ("optimizer.steps=70", "multibox.optimizer.steps=30")
    options = TrainOptions(data=tmp_path / "set", out=tmp_path / "d", networks=2, set=told)
    work = Work(tmp_path / "d/work", {}, resume=False)
    return Making(options, Splits("l", "h", None, images, images, images), work, False, QUIET)


def test_steps_that_are_set_are_those_of_the_plan(making) -> None:
    assert making.told_steps == Told(multibox=30, classifier=70)
    told = making.told.model_copy(update={"set": ("optimizer.steps=70",)})
    assert replace(making, told=told).told_steps == Told(None, 70)


@pytest.mark.parametrize(
    ("steps", "told", "said"),
    [
        (400, ("multibox.optimizer.steps=30",), ["few steps: 800 make a better detector, and"]),
        (800, ("multibox.optimizer.steps=30",), []),
        (70, ("optimizer.steps=70",), []),
    ],
)
def test_fewer_steps_than_make_a_good_detector_are_told(making, steps, told, said) -> None:
    pace = Pace(multibox_step=0.1, classifier_step=0.1, search=0.1, region=0.0)
    making.work.step("pace", lambda: asdict(pace))
    making.work.step("plan", Plan(30, 15, steps, 0).values)
    listener = Listener()
    options = making.told.model_copy(update={"set": told})
    first_plan(replace(making, told=options, reporter=listener))
    found = [line for line in listener.said if line.startswith("few steps")]
    assert [line[: len(words)] for line, words in zip(found, said, strict=True)] == said
    assert all("minutes=60" in as_arguments(line) for line in found)  # 30 allow 400.


@pytest.mark.parametrize("pretrained", [True, False])
def test_statistics_and_a_stage_stay_where_imagenet_made_them(making, pretrained) -> None:
    made = replace(making, pretrained=pretrained)
    for recipe in (made.recipe(50), made.multibox_recipe(50)):
        told = recipe.optimizer
        assert (told.frozen_statistics, told.frozen_stages) == (pretrained, int(pretrained))
        assert bool(recipe.init) == pretrained


def test_regions_go_further_only_where_networks_move_them(making) -> None:
    look = Look(0.0, 900)
    assert looks_of(making, look) == ("once", "rounds", "mirror-rounds")
    for more, looks in ({"set": ("regression.kind=off",)}, 2), ({"fast": True}, 1):
        told = making.told.model_copy(update=more)
        assert looks_of(replace(making, told=told), look) == ("once", "mirror")[:looks]


@pytest.mark.parametrize(("once", "looks"), [(65, 3), (66, 2), (144, 2), (145, 1), (9000, 1)])
def test_looks_that_cost_more_are_tried_where_there_is_time(making, once, looks) -> None:
    # Of 30 minutes a fifth: 360 s for a look at 200 regions, one with 100 more, and one with both
    # mirrored.
    names = looks_of(making, Look(once, 200))
    assert names == ("once", "rounds", "mirror-rounds")[:looks]
    assert looking(making, Look(once, 200)) == pytest.approx(once * (1, 2.5, 5.5)[looks - 1])


COVERED = {
    "multibox": {"boxes": 200.0, "0.50": 0.63, "0.70": 0.25},
    "both": {"boxes": 1700.0, "0.50": 0.84, "0.70": 0.60},
    "selective-search": {"boxes": 3100.0, "0.50": 0.86, "0.70": 0.63},
}


@pytest.mark.parametrize(
    ("most", "dear", "chosen"),
    [
        (3100.0, [], "selective-search"),
        (3099.0, ["selective-search"], "both"),
        (1000.0, ["both", "selective-search"], "multibox"),
        (1.0, ["both", "selective-search"], "multibox"),
    ],
)
def test_regions_that_there_is_no_time_for_are_not_chosen(most, dear, chosen) -> None:
    assert too_dear(COVERED, most) == dear
    left = {name: one for name, one in COVERED.items() if name not in dear}
    assert enough(left, 0.01) == chosen
    assert enough(COVERED, 0.03) == "both"


@pytest.mark.parametrize(
    ("objects", "fast", "gain"),
    [*((number, False, 2) for number in range(2, 20, 3)), (40, False, 4), (20, True, 6)],
)
def test_two_objects_more_are_no_reason_for_a_dearer_source(making, objects, fast, gain) -> None:
    boxes = [voc_object("circle", (1, 1, 20 + number, 20)) for number in range(objects)]
    root = of_objects(making.told.data.with_name("held"), *boxes)  # in each of ten images
    splits = replace(making.splits, chosen=open_dataset(root, "trainval"))
    told = making.told.model_copy(update={"fast": fast})
    less = least_gain(replace(making, told=told, splits=splits))
    covered = {"multibox": gain + 2, "both": gain, "selective-search": 0}
    number = 10 * objects
    found = {
        name: dict.fromkeys(("0.50", "0.70"), round((number - missed) / number, 4))
        for name, missed in covered.items()
    }
    assert enough(found, less) == "both"


@pytest.mark.parametrize(
    ("possible", "looked"), [(0.0, 20), (19.9, 20), (24.5, 24), (40.0, 40), (1e9, 40)]
)
def test_regions_are_looked_at_in_as_many_images_as_there_is_time_for(
    tmp_path, possible, looked
) -> None:
    root = write_voc(tmp_path / "set", {"train": 1, "val": 40}, ("circle", "square"), seed=3)
    learned, held = (open_dataset(root, split) for split in ("train", "val"))
    options = TrainOptions(data=root, out=tmp_path / "d")
    work = Work(tmp_path / "d/work", {}, resume=False)
    making = Making(options, Splits("train", "val", None, learned, held, held), work, False, QUIET)
    assert (making.looked, making.looked_split) == (40, "val")
    assert fewest(making) == 20
    chosen = {"looked": choose_looked_at(making, possible)}
    work.step("source", lambda: chosen)
    assert making.looked == looked
    assert fewest(making) == 20  # As a call with resume asks once more.
    seen = looked_at(making)
    assert len(seen) == looked
    listed = open_dataset(root, making.looked_split)
    assert [one.image_id for one in listed.samples] == [one.image_id for one in seen.samples]
    if looked == 40:
        assert making.looked_split == "val"
        return
    # Every class is as often among them as it is in all, as far as so few can have it.
    share = class_counts(seen).sum(axis=0) / class_counts(held).sum(axis=0)
    np.testing.assert_allclose(share, looked / 40, rtol=0.1)


@pytest.fixture
def alike(tmp_path) -> Path:
    """Two exports, 30 images each, that both number their images alike."""
    root = write_coco(tmp_path / "set", {"train": 30, "val": 30}, ("circle", "square"), seed=3)
    place = root / "annotations/instances_val.json"
    content = json.loads(place.read_text())
    for one in content["images"]:
        one["id"] -= 300
    for one in content["annotations"]:
        one["image_id"] -= 300
    place.write_text(json.dumps(content))
    return root


def test_images_of_one_number_in_two_jsons_are_two(alike, tmp_path) -> None:
    options = TrainOptions(data=alike, out=tmp_path / "d", split="train", val_split="val")
    splits = splits_of(options, tmp_path, QUIET)
    ids = [[one.image_id for one in found.samples] for found in (splits.learned, splits.chosen)]
    assert ids[0] == ids[1]
    assert splits.whole is None
    assert splits.everything is splits.learned


def test_copies_of_images_that_were_learned_from_are_none_to_choose_on(tmp_path) -> None:
    root = write_coco(tmp_path / "set", {"train": 12}, seed=3)
    for split in ("train", "val"):
        shutil.copytree(root / "images", root / split)
    shutil.rmtree(root / "images")
    annotations = root / "annotations"
    shutil.copy(annotations / "instances_train.json", annotations / "instances_val.json")
    options = TrainOptions(data=root, out=tmp_path / "d", split="train", val_split="val")
    with pytest.raises(DataError, match="12 images are in train and in val, such as 10: choices"):
        splits_of(options, tmp_path, QUIET)


def test_a_third_json_with_the_ids_of_both_is_not_both(tmp_path) -> None:
    """The images of test are numbered anew, and as many as those of train and val."""
    root = write_coco(tmp_path / "set", {"test": 25}, seed=3)
    write_coco(root, {"train": 12, "val": 12}, seed=4)
    for record in (content := json.loads((root / "annotations/instances_test.json").read_text()))[
        "images"
    ]:
        name = f"test-{record['file_name']}"
        shutil.copy(root / "images" / record["file_name"], root / "images" / name)
        record["file_name"] = name
    (root / "annotations/instances_test.json").write_text(json.dumps(content))
    options = TrainOptions(data=root, out=tmp_path / "d", split="train", val_split="val")
    splits = splits_of(options, tmp_path, QUIET)
    assert splits.whole is None
    assert splits.everything is splits.learned


def test_few_objects_to_choose_on_are_told(tmp_path) -> None:
    one = voc_object("circle", (2, 2, 20, 20))
    root = write_voc(tmp_path / "set", {"val": 12}, objects=0, size=(40, 40))
    for number in range(10):
        xml = voc_xml(
            f"val_{number:03d}.jpg",
            (40, 40),
            [one, voc_object("square", (1, 1, 9, 9))] if number else [one],
        )
        (root / f"Annotations/val_{number:03d}.xml").write_text(xml)
    held = open_dataset(root, "val")
    assert held.classes == ("circle", "square", "triangle")

    def said(*settings: str) -> str | None:
        options = TrainOptions(data=root, out=tmp_path / "d", set=settings)
        work = Work(tmp_path / "d/work", {}, resume=False)
        return few_objects(
            Making(options, Splits("l", "val", None, held, held, held), work, False, QUIET)
        )

    assert as_arguments(said() or "") == (
        "few objects in the 12 images that the figures are of: square 9, triangle 0. What unseen "
        "images have may be far from them, and other choices better. Label more, or name more "
        "images to choose on with val_split."
    )
    assert said('classes=["circle"]') is None


def test_all_are_looked_at_where_a_list_cannot_tell_which(alike, tmp_path) -> None:
    learned, held = (open_dataset(alike, split) for split in ("train", "val"))
    work = Work(tmp_path / "d/work", {}, resume=False)
    options = TrainOptions(data=alike, out=tmp_path / "d")
    making = Making(options, Splits("train", "val", None, learned, held, held), work, False, QUIET)
    assert fewest(making) == 30
    assert choose_looked_at(making, 24.5) == 30
    work.step("source", lambda: {"looked": 30})
    assert (making.looked, making.looked_split) == (30, "val")
    assert looked_at(making) is held


def test_a_look_is_expected_to_take_its_share_or_that_of_the_fewest_images(
    making, tmp_path
) -> None:
    # 30 minutes: one look may take 180 s; 10 images of 900 regions and two networks.
    pace = Pace(multibox_step=1.0, classifier_step=1.0, search=1.0, region=0.005)
    assert expected_look(making, pace) == Look(90.0, 900)
    assert expected_look(making, replace(pace, region=0.5)) == Look(9000.0, 900)
    root = write_voc(tmp_path / "many", {"val": 50}, size=(40, 40), objects=1)
    many = replace(
        making,
        told=making.told.model_copy(update={"data": root}),
        splits=replace(making.splits, chosen=open_dataset(root, "val")),
    )
    assert expected_look(many, pace) == Look(180.0, 900)


def test_what_a_look_takes_is_known_once_there_was_one(making) -> None:
    covered = {name: {"boxes": boxes} for name, boxes in (("multibox", 100.0), ("both", 900.0))}
    pace = Pace(multibox_step=2.0, classifier_step=3.0, search=6.0, region=0.02)
    results = {
        "pace": asdict(pace),
        "plan": Plan(30, 15, 70, 35).values(),
        "multibox 1/2": None,
        "multibox 2/2": None,
        "source": {"covered": covered},
        "regions": {"tried": {"multibox": {}, "both": {}}},
    }
    took = {"multibox 1/2": 60.0, "multibox 2/2": 60.0, "regions": 500.0}
    for name, result in results.items():
        if name == "regions":  # By the pace: 10 images, 2 networks.
            assert a_look(making, "both") == Look(360.0, 900.0)
        making.work.step(name, lambda result=result: result)
        making.work.choices[name]["seconds"] = took.get(name, 0.0)
    assert a_look(making, "both") == Look(450.0, 900.0)
    assert a_look(making, "multibox") == Look(50.0, 100.0)
    # After an interruption: the seconds are those of the last call.
    making.work.choices["regions"]["seconds"] = 5.0
    assert a_look(making, "both") == Look(180.0, 900.0)


@pytest.mark.parametrize(
    ("source", "boxes"), [("multibox", 100), ("both", 1000), ("selective-search", 2800)]
)
def test_looks_at_the_boxes_of_cheaper_sources_take_time_too(making, source, boxes) -> None:
    # 10 images, 2 networks: 100 boxes an image take 2 s; 100 steps of both networks, 200 s.
    pace = Pace(multibox_step=1.0, classifier_step=1.0, search=0.0, region=0.001)
    first = Plan(1, 0, 100, 0)
    counts = {"multibox": 100.0, "both": 900.0, "selective-search": 1800.0}
    covered = {name: {"boxes": count} for name, count in counts.items()}
    results = {"pace": asdict(pace), "plan": first.values(), "source": {"covered": covered}}
    for name, result in {**results, "multibox 1/2": None, "multibox 2/2": None}.items():
        making.work.step(name, lambda result=result: result)
        making.work.choices[name]["seconds"] = 1.0 if "multibox " in name else 0.0
    told = making.told.model_copy(update={"set": (), "minutes": 10, "fast": True})
    steps = second_plan(replace(making, told=told), first, source).classifier_steps
    assert steps == pytest.approx((600 - 0.02 * boxes) / 2, abs=2)


def test_the_plan_tells_how_long_each_part_takes(making) -> None:
    pace = Pace(multibox_step=2.0, classifier_step=3.0, search=6.0, region=0.0)
    lines, seconds = timetable(making, Plan(30, 15, 70, 35), pace)
    assert seconds == pytest.approx(960, abs=30)
    assert lines == [
        "     0 s  timing this machine",
        " 2.0 min  MultiBox, two networks of 30 steps",
        " 2.0 min  what proposes: 10 images held out, searched twice",
        "    60 s  regions of 10 images",
        " 7.0 min  2 region classifiers, 70 steps",
        "     0 s  how to look and select, thresholds",
        "    30 s  MultiBox on all images, 15 steps",
        " 3.5 min  2 region classifiers on all images, 35 steps",
        "  16 min  in all, 30 min allowed",
    ]
    once, _ = timetable(making, Plan(30, 15, 70, 0), pace)
    assert [line.split("  ")[-1] for line in once[7:]] == ["in all, 30 min allowed"]
