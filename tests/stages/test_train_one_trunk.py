"""`train` of a detector of one trunk: what it begins with, what is tried, what is told first."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import voc_object, voc_xml, write_voc

from detect.data import open_dataset, samples_hash
from detect.data.folds import in_fold
from detect.errors import DataError, DetectError, UsageError
from detect.models.model_files import model_hash
from detect.progress import QUIET
from detect.stages.detector_folder import read_detector
from detect.stages.load import load
from detect.stages.run import run
from detect.stages.train import TrainOptions, TrainResult, train
from detect.stages.train.choosing import Look, looks_of
from detect.stages.train.look import Splits
from detect.stages.train.making import Making
from detect.stages.train.work import Work, read_record, write_record
from detect.structures import Dataset

SMALL = (
    "model.width=0.25", "model.input_size=64", "model.input_height=64", "sampling.regions=8",
    "batch_size=2", "optimizer.steps=12", "regression.grid=2", "priors.shapes=2",
    "multibox.model.width=0.25", "multibox.model.input_size=64", "multibox.batch_size=4",
    "multibox.optimizer.steps=12",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("set"), {"trainval": 15, "test": 2}, seed=2)


def made(data: Path, out: Path, **more: Any) -> TrainResult:
    told = {"minutes": 3000, "classifier": "one-trunk", "set": SMALL, "device": "cpu", **more}
    return train(data, out=out, **told)


def without(dataset: Dataset, fold: str) -> Dataset:
    kept = (sample for sample in dataset.samples if not in_fold(sample.image_id, fold))
    return replace(dataset, samples=tuple(kept))


@pytest.mark.filterwarnings("ignore::detect.errors.DetectWarning")
def test_one_call_leaves_a_detector_of_one_trunk(data, tmp_path) -> None:
    out = tmp_path / "d"
    result = made(data, out)
    steps = {name: step["result"] for name, step in result.choices.items()}
    assert steps["pretrained"] is False
    card = read_detector(out).card
    assert not card.looks.mirror
    assert {name.split("/")[0] for name in steps["selection"]["tried"]} == {"once", "rounds"}
    assert model_hash(out / card.networks[0].file) == model_hash(out / "work/networks/all")
    # What the figures are of saw none of the images held out, and the trunk that it began with,
    # MultiBox's, no more.
    begun = tomllib.loads((out / "work/networks/held-out/config.toml").read_text())["init"]
    assert Path(begun).resolve() == (out / "work").joinpath("multibox", "1").resolve()
    learned, every = open_dataset(data, str(out / "work/learn.txt")), open_dataset(data, "trainval")
    assert (len(learned), len(every)) == (12, 15)
    for name, images in (
        ("1", without(learned, "1/2")), ("2", without(learned, "2/2")), ("all", every),
    ):  # fmt: skip
        noted = json.loads((out / "work/multibox" / name / "environment.json").read_text())
        assert noted["images"] == samples_hash(images)
    assert load(out, device="cpu")(data / "JPEGImages/test_000.jpg").boxes.shape[1] == 4
    run(data, split="test", model=(out,), out=tmp_path / "found", device="cpu", pictures=False)
    found = json.loads((tmp_path / "found/detections.json").read_text())
    assert {one["image_id"] for one in found} <= {"test_000", "test_001"}
    # All is there: nothing is trained anew.
    assert made(data, out, resume=True).figures == result.figures


def test_of_one_trunk_there_is_one_network(data, tmp_path) -> None:
    with pytest.raises(UsageError) as error:
        made(data, tmp_path / "d", networks=2)
    assert str(error.value) == (
        "networks=2: several networks see crops; with classifier=one-trunk there is one. Leave one "
        "of the two out."
    )


def test_crops_are_not_mirrored_where_there_are_none(data, tmp_path) -> None:
    images = open_dataset(data, "trainval")
    options = TrainOptions(data=data, out=tmp_path / "d", classifier="one-trunk")
    work = Work(tmp_path / "d/work", {}, resume=False)
    splits = Splits("l", "h", None, images, images, images)
    making = Making(options, splits, work, False, QUIET)
    assert looks_of(making, Look(0.0, 900, one_trunk=True)) == ("once", "rounds")
    # A later round takes as long. Of 30 minutes all looks may take 360 s.
    assert looks_of(making, Look(120.0, 900, one_trunk=True)) == ("once", "rounds")
    assert looks_of(making, Look(121.0, 900, one_trunk=True)) == ("once",)


ALIKE = (
    "{root}: the boxes of the 16 images to learn from have 3 different shapes: too few for 4 "
    "priors. Label more images, or set=priors.shapes=N with a smaller N."
)


@pytest.mark.parametrize("of_two", [False, True])
def test_boxes_too_alike_for_priors_are_told_first(tmp_path, of_two) -> None:
    """Those of the classes that are learned."""
    classes = ("circle", "square")[: 1 + of_two]
    root = write_voc(tmp_path / "set", {"trainval": 20}, classes, size=(60, 60), objects=0)
    for number, path in enumerate(sorted((root / "Annotations").iterdir())):
        objects = [voc_object("circle", (1, 1, 20 + number % 3, 30))]
        if of_two:
            objects.append(voc_object("square", (1, 1, 11 + 2 * number, 40)))
        path.write_text(voc_xml(f"{path.stem}.jpg", (60, 60), objects))
    told = (*SMALL, "multibox.priors.shapes=1", "multibox.priors.levels=1")
    with pytest.raises(DataError) as error:
        made(root, tmp_path / "d", set=(*told, *(['classes=["circle"]'] if of_two else [])))
    assert str(error.value) == ALIKE.format(root=root)


def test_weights_to_begin_with_that_do_not_fit_are_told_first(data, tmp_path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        made(data, tmp_path / "d", set=(*SMALL, "init=nowhere"))
    assert not (tmp_path / "d").exists()


def test_a_multibox_that_is_built_otherwise_is_told_first(data, tmp_path) -> None:
    alone = tuple(one for one in SMALL if one != "multibox.model.width=0.25")
    with pytest.raises(UsageError) as error:
        made(data, tmp_path / "d", set=alone)
    assert str(error.value) == (
        "set=model.width=0.25: MultiBox's, whose trunk this network begins with, is 1.0. Give "
        "set=multibox.model.width=0.25 as well, or set=init= to begin with random weights."
    )
    assert not (tmp_path / "d").exists()
    assert made(data, tmp_path / "d", set=(*alone, "init="), dry_run=True).choices


def test_a_value_of_crops_alone_is_told_with_what_has_it(data, tmp_path) -> None:
    with pytest.raises(DetectError) as error:
        made(data, tmp_path / "d", set=(*SMALL, "regression.kind=off"))
    assert str(error.value).endswith(
        "This is the recipe of a network of one trunk; with classifier=crops it is that of "
        "train-classifier."
    )


def test_a_training_of_before_there_was_a_choice_is_one_of_crops(tmp_path) -> None:
    path = tmp_path / "choices.json"
    write_record(path, {"told": {"seed": 0}, "steps": {}})
    assert read_record(path)["told"] == {"seed": 0, "classifier": "crops"}
