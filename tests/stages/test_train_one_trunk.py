"""`train` of a detector of one trunk: when there is one, what it begins with, what is tried."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import voc_object, voc_xml, write_coco, write_voc

from detect.data import open_dataset
from detect.data.folds import in_fold
from detect.errors import DataError, UsageError
from detect.models.model_files import model_hash
from detect.progress import QUIET
from detect.stages.detector_folder import read_detector
from detect.stages.load import load
from detect.stages.run import run
from detect.stages.train import TrainOptions, TrainResult, train
from detect.stages.train.choosing import Look, looks_of
from detect.stages.train.look import Splits, splits_of
from detect.stages.train.making import Making
from detect.stages.train.work import Work

SMALL = (
    "model.width=0.25", "model.input_size=64", "model.input_height=64", "sampling.regions=8",
    "batch_size=2", "optimizer.steps=12", "regression.grid=2", "priors.shapes=2",
    "multibox.model.width=0.25", "multibox.model.input_size=64", "multibox.batch_size=4",
    "multibox.optimizer.steps=12",
)  # fmt: skip
# What networks of crops understand as well.
_BOTH = tuple(one for one in SMALL if one.startswith(("multi", "opt", "reg", "model.w")))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("set"), {"trainval": 15, "test": 2}, seed=2)


def made(data: Path, out: Path, **more: Any) -> TrainResult:
    told = {"minutes": 3000, "pretrained": "off", "set": SMALL, "device": "cpu", **more}
    return train(data, out=out, **told)


@pytest.mark.filterwarnings("ignore::detect.errors.DetectWarning")
def test_from_random_weights_one_call_leaves_a_detector_of_one_trunk(data, tmp_path) -> None:
    out = tmp_path / "d"
    result = made(data, out)
    steps = {name: step["result"] for name, step in result.choices.items()}
    assert steps["one trunk"] is True
    card = read_detector(out).card
    assert not card.looks.mirror
    assert {name.split("/")[0] for name in steps["selection"]["tried"]} == {"once", "rounds"}
    assert model_hash(out / card.networks[0].file) == model_hash(out / "work/networks/all")
    # What the figures are of saw none of the images held out, and MultiBox's trunk no more.
    held = (out / "work/held-out.txt").read_text().split()
    fold = "1/2" if in_fold(held[0], "1/2") else "2/2"
    assert all(in_fold(one, fold) for one in held)
    begun = (out / "work/networks/held-out/config.toml").read_text()
    assert f'multibox/{fold[0]}"' in begun
    assert load(out, device="cpu")(data / "JPEGImages/test_000.jpg").boxes.shape[1] == 4
    run(data, split="test", model=(out,), out=tmp_path / "found", device="cpu", pictures=False)
    found = json.loads((tmp_path / "found/detections.json").read_text())
    assert {one["image_id"] for one in found} <= {"test_000", "test_001"}
    # All is there: nothing is trained anew.
    assert made(data, out, resume=True).figures == result.figures


def decided(out: Path, data: Path, **told: Any) -> bool:
    choices = made(data, out, dry_run=True, set=_BOTH, **told).choices
    return bool(choices["one trunk"]["result"])


def test_one_trunk_is_chosen_of_one_network_from_random_weights(data, tmp_path) -> None:
    assert decided(tmp_path / "d", data)
    assert not decided(tmp_path / "d", data, classifier="crops")
    assert not decided(tmp_path / "d", data, networks=2)
    assert decided(tmp_path / "d", data, classifier="one-trunk", pretrained="auto")
    with pytest.raises(UsageError) as error:
        made(data, tmp_path / "d", classifier="one-trunk", networks=2)
    assert str(error.value) == (
        "networks=2: several networks see crops, and cannot be averaged with "
        "classifier=one-trunk. Leave one of the two out."
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_images_to_choose_on_are_in_one_fold(data, tmp_path, seed) -> None:
    options = TrainOptions(data=data, out=tmp_path / "d", seed=seed)
    (tmp_path / "w").mkdir()
    splits = splits_of(options, tmp_path / "w", QUIET, unseen=True)
    ids = [one.image_id for one in splits.chosen.samples]
    assert len(ids) == 3
    assert all(in_fold(one, splits.missed) for one in ids)
    assert set(ids).isdisjoint(one.image_id for one in splits.learned.samples)
    assert len(splits.learned) == 12


def test_of_images_that_are_given_to_choose_on_those_of_one_fold_are_chosen_on(tmp_path) -> None:
    root = write_voc(tmp_path / "set", {"train": 12, "val": 9}, seed=4)
    options = TrainOptions(data=root, out=tmp_path / "d", split="train", val_split="val")
    (tmp_path / "w").mkdir()
    splits = splits_of(options, tmp_path / "w", QUIET, unseen=True)
    ids = [one.image_id for one in open_dataset(root, "val").samples]
    chosen = [one.image_id for one in splits.chosen.samples]
    assert chosen == [one for one in ids if in_fold(one, splits.missed)]
    assert len(chosen) >= 5
    assert [one.image_id for one in open_dataset(root, splits.held).samples] == chosen
    assert len(splits.everything) == 21
    every = splits_of(options, tmp_path / "w", QUIET)
    assert [one.image_id for one in every.chosen.samples] == ids


def test_all_given_images_are_chosen_on_where_multibox_sees_none_of_them(tmp_path) -> None:
    root = write_coco(tmp_path / "set", {"train": 30, "val": 30}, ("circle", "square"), seed=3)
    place = root / "annotations/instances_val.json"
    content = json.loads(place.read_text())
    for one in content["images"]:
        one["id"] -= 300
    for one in content["annotations"]:
        one["image_id"] -= 300
    place.write_text(json.dumps(content))
    options = TrainOptions(data=root, out=tmp_path / "d", split="train", val_split="val")
    splits = splits_of(options, tmp_path, QUIET, unseen=True)
    assert (splits.held, len(splits.chosen), splits.whole) == ("val", 30, None)


def test_crops_are_not_mirrored_where_there_are_none(data, tmp_path) -> None:
    images = open_dataset(data, "trainval")
    options = TrainOptions(data=data, out=tmp_path / "d")
    work = Work(tmp_path / "d/work", {}, resume=False)
    splits = Splits("l", "h", None, images, images, images)
    making = Making(options, splits, work, False, QUIET, one_trunk=True)
    assert looks_of(making, Look(0.0, 900)) == ("once", "rounds")
    assert making.begins
    told = options.model_copy(update={"set": ("init=elsewhere",)})
    assert not Making(told, splits, work, False, QUIET, one_trunk=True).begins


def test_boxes_too_alike_for_priors_are_told_first(tmp_path) -> None:
    root = write_voc(tmp_path / "set", {"trainval": 20}, ("circle",), size=(60, 60), objects=0)
    for number, path in enumerate(sorted((root / "Annotations").iterdir())):
        box = (1, 1, 20 + number % 3, 30)
        path.write_text(voc_xml(f"{path.stem}.jpg", (60, 60), [voc_object("circle", box)]))
    told = (*SMALL, "multibox.priors.shapes=1", "multibox.priors.levels=1")
    with pytest.raises(DataError) as error:
        made(root, tmp_path / "d", set=told)
    assert str(error.value) == (
        f"{root}: the boxes of the 16 images to learn from have 3 different shapes: too few for 4 "
        "priors. Label more images, or set=priors.shapes=N with a smaller N."
    )


def test_weights_to_begin_with_that_do_not_fit_are_told_first(data, tmp_path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        made(data, tmp_path / "d", set="init=nowhere")
    assert not (tmp_path / "d").exists()
