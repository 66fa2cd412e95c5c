"""`check` called from Python: a clean set gives nothing, and everything is told at once."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from answers import perfect
from builders import (
    SHARED,
    needs_shared,
    save_image,
    texture,
    voc_object,
    voc_xml,
    write_coco,
    write_imagenet_det,
    write_voc,
)
from networks import multibox, network

from detect.checks.findings import KINDS
from detect.data import open_dataset
from detect.errors import DataError, DiskFailure, UsageError
from detect.models.checkpoints import save_model
from detect.progress import SILENT, Silence
from detect.stages import check, run

SPLITS = {"train": 20, "test": 18}


def told(root, **options) -> dict[str, list[str]]:
    """Return the texts by kind."""
    found = check(root, reporter=SILENT, **options).by_kind()
    return {kind: [one.text for one in findings] for kind, findings in found.items()}


@pytest.fixture
def voc(tmp_path) -> Path:
    return write_voc(tmp_path / "voc", SPLITS, objects=3)


@pytest.mark.parametrize("write", [write_voc, write_coco])
def test_a_clean_set_gives_nothing(tmp_path, write, capfd):
    result = check(write(tmp_path / "set", SPLITS, objects=3))
    assert result.findings == ()
    assert (result.stops, result.page, result.images) == (False, None, 38)
    assert result.splits["train"].images == 20
    assert result.splits["train"].left_out == 0
    assert sum(counts["train"] for counts in result.objects.values()) == 60
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives EIO")
def test_a_split_on_a_disk_that_fails_leaves_the_others_to_be_checked(tmp_path):
    root = write_coco(tmp_path / "set", SPLITS, objects=3)
    path = root / "annotations/instances_train.json"
    path.unlink()
    path.symlink_to("/proc/self/mem")
    result = check(root, reporter=SILENT)
    assert list(result.splits) == ["test"]
    (finding,) = (one for one in result.findings if one.kind == "split")
    assert finding.text.startswith(f"train: {path}: its disk fails: Input/output error.")
    path.with_name("instances_test.json").unlink()
    with pytest.raises(DiskFailure, match="its disk fails"):
        check(root, reporter=SILENT)


def test_ilsvrc_has_images_without_objects(tmp_path):
    root = write_imagenet_det(tmp_path / "set", SPLITS, objects=3)
    assert told(root) == {
        "empty": [
            "test: 1 of 18 images: test_00000018",
            "train: 1 of 20 images: part_0/train_00000020",
        ]
    }


def test_a_plain_folder_is_checked_for_its_images_alone(tmp_path):
    for seed, name in enumerate("ab"):
        save_image(tmp_path / f"{name}.jpg", texture(np.random.default_rng(seed), (96, 128)))
    assert told(tmp_path) == {}
    shutil.copy(tmp_path / "a.jpg", tmp_path / "c.jpg")
    assert told(tmp_path) == {"identical": ["a, c: the same bytes"]}


def test_what_lies_beside_the_listed_images(voc):
    save_image(voc / "JPEGImages/new.jpg", texture(np.random.default_rng(0), (96, 128)))
    (voc / "JPEGImages/IMG_1.HEIC").write_bytes(b"")
    assert told(voc) == {
        "unlisted": [f"{voc}/JPEGImages: 1 of 40 files: new.jpg"],
        "unread": [f"{voc}/JPEGImages: 1 of 40 files: IMG_1.HEIC"],
    }


def test_fractions_are_told_as_the_readers_hand_them_on(voc, tmp_path):
    name = voc / "Annotations/train_000.xml"
    name.write_text(voc_xml("a.jpg", (96, 128), [voc_object("circle", (0.16, 0.17, 0.32, 0.43))]))
    told_of = "(train): 1 object within the first pixel of the image"
    assert told(voc) == {"fractions": [f"train_000 {told_of}"]}
    coco = write_coco(tmp_path / "coco", SPLITS, objects=3)
    path = coco / "annotations/instances_train.json"
    content = json.loads(path.read_text())
    first = content["images"][0]["id"]
    kept = [one for one in content["annotations"] if one["image_id"] != first]
    one = next(one for one in content["annotations"] if one["image_id"] == first)
    content["annotations"] = [*kept, {**one, "bbox": [0.16, 0.17, 0.16, 0.26]}]
    path.write_text(json.dumps(content))
    assert told(coco) == {"fractions": [f"{first} {told_of}"]}


def test_everything_is_told_at_once_and_nothing_is_changed(voc):
    images, xml = voc / "JPEGImages", voc / "Annotations"
    (images / "train_000.jpg").unlink()
    (images / "train_001.jpg").write_bytes((images / "train_001.jpg").read_bytes()[:-300])
    (xml / "train_002.xml").write_text("<annotation><object>")
    boxes = [(1, 1, 200, 50), (60, 10, 40, 30), (10, 10, 12, 12)]
    several = [voc_object("circle", box) for box in boxes]
    (xml / "train_003.xml").write_text(voc_xml("a.jpg", (96, 128), several))
    shutil.copy(images / "train_004.jpg", images / "test_000.jpg")
    before = {path: path.read_bytes() for path in voc.rglob("*") if path.is_file()}
    found = told(voc)
    assert list(found) == [
        "missing", "unreadable", "annotation", "outside", "flat", "leak", "tiny",
    ]  # fmt: skip
    assert found["annotation"] == [
        f"train: {xml}/train_002.xml: the XML does not parse (no element found: line 1, column "
        "20). Correct it, or leave the image out with skip_bad."
    ]
    assert found["leak"] == [
        "test_000 (test), train_004 (train): the same bytes, labelled differently"
    ]
    assert before == {path: path.read_bytes() for path in voc.rglob("*") if path.is_file()}


def test_left_out_is_what_skip_bad_leaves_out(voc):
    images, xml = voc / "JPEGImages", voc / "Annotations"
    (images / "train_000.jpg").unlink()
    (xml / "train_002.xml").write_text("<annotation><object>")
    two = [voc_object("circle", (1, 1, 200, 50)), voc_object("circle", (60, 10, 40, 30))]
    (xml / "train_003.xml").write_text(voc_xml("a.jpg", (96, 128), two))
    (xml / "train_004.xml").write_text(
        voc_xml("a.jpg", (128, 96), [voc_object("circle", (9, 9, 40, 50))])
    )
    from detect.data import without_undecodable

    dataset = open_dataset(voc, "train", skip_bad=True)
    usable = without_undecodable(dataset, dataset.samples)
    assert check(voc, reporter=SILENT).splits["train"].left_out == len(usable.skipped) == 4


def test_what_check_lets_pass_opens(voc):
    """An annotation that no split lists stops VOC's reader, which gathers class names."""
    (voc / "classes.txt").unlink()
    (voc / "Annotations/unlisted.xml").write_text("<annotation>")
    with pytest.raises(DataError, match=r"unlisted\.xml: the XML does not parse"):
        open_dataset(voc, "train")
    (text,) = told(voc)["annotation"]
    assert text.startswith(f"test, train: {voc}/Annotations/unlisted.xml: the XML does not parse")
    assert check(voc, reporter=SILENT).stops


def test_a_split_that_cannot_be_read_does_not_hide_the_others(voc):
    (voc / "ImageSets/Main/val.txt").write_text("")
    assert told(voc) == {
        "split": [
            f"val: {voc}/ImageSets/Main/val.txt: the split is empty; expected one image id a line."
        ]
    }
    with pytest.raises(DataError, match="the split is empty"):
        check(voc, split="val")


def test_vocs_lists_of_single_classes_are_no_splits(voc):
    (voc / "ImageSets/Main/circle_train.txt").write_text("train_000 -1\ntrain_001  1\n")
    assert told(voc) == {}


def test_trainval_is_told_of_its_images_once(voc):
    lists = voc / "ImageSets/Main"
    both = (lists / "train.txt").read_text() + (lists / "test.txt").read_text()
    (lists / "traintest.txt").write_text(both)
    (voc / "JPEGImages/train_000.jpg").unlink()
    path = voc / "JPEGImages/train_000.jpg"
    assert told(voc) == {"missing": [f"train_000 (train, traintest): {path}: no such image file."]}


def test_one_split_is_told_of_itself_alone(voc):
    (voc / "JPEGImages/train_000.jpg").unlink()
    assert told(voc, split="test") == {}
    assert list(told(voc, split="train")) == ["missing"]


def test_detections_that_agree_add_nothing_and_those_of_no_one_split_are_refused(voc, tmp_path):
    found = perfect(tmp_path / "run/detections.json", open_dataset(voc, "test"))
    assert told(voc, split="test", detections=found) == {}
    assert told(voc, split="test", detections=found.parent) == {}
    with pytest.raises(UsageError, match=r"say of which split, .* with split; there: test, t"):
        check(voc, detections=found, reporter=SILENT)


def test_detections_contradict_labels(voc, tmp_path):
    entry = {"image_id": "test_000", "category_id": 1, "bbox": [0, 0, 3, 3], "score": 0.9}
    (tmp_path / "found.json").write_text(json.dumps([entry]))
    found = told(voc, split="test", detections=tmp_path / "found.json")
    assert found["doubt-unlabelled"] == ["test_000 (test): circle at (0, 0, 3, 3), score 0.90"]
    assert len(found["doubt-nothing"]) == 54
    assert told(voc, split="test", detections=tmp_path / "found.json", confident=0.95).keys() == {
        "doubt-nothing"
    }


def test_a_model_detects_by_itself_in_what_can_be_used(voc, tmp_path):
    save_model(tmp_path / "m.safetensors", *network())
    (voc / "JPEGImages/test_000.jpg").write_bytes(b"no image")
    ids = tmp_path / "few.txt"
    ids.write_text("test_000\ntest_001\n")
    model, told = tmp_path / "m.safetensors", {"split": str(ids), "reporter": SILENT}
    found = check(voc, model=model, confident=0, **told)
    run(voc, model=model, out=tmp_path / "run", skip_bad=True, **told)
    stored = check(voc, detections=tmp_path / "run", confident=0, **told)
    made = [one.text for one in found.findings if one.kind.startswith("doubt")]
    assert len(made) > 10
    there = [one.text for one in stored.findings if one.kind.startswith("doubt")]
    # Nothing is said of an image that no detector can look at.
    assert made == [text for text in there if not text.startswith("test_000")] != there


@pytest.mark.parametrize("given", ["model", "detections"])
def test_what_judges_is_missed_before_any_image_is_looked_at(voc, tmp_path, given):
    class Begun(Silence):
        def track(self, items, total, what, /):
            raise AssertionError(what)

    with pytest.raises(DataError, match="nothere"):
        check(voc, split="test", reporter=Begun(), **{given: tmp_path / "nothere"})


def test_a_network_that_scores_no_regions_is_refused(voc, tmp_path):
    save_model(tmp_path / "m.safetensors", *multibox())
    with pytest.raises(DataError, match=r"a MultiBox network, of detect train-multibox\. Give one"):
        check(voc, split="test", model=tmp_path / "m.safetensors", reporter=SILENT)


def test_a_model_and_detections_are_one_too_many(voc, tmp_path):
    with pytest.raises(UsageError, match=r"detections and model: .* Leave one out"):
        check(voc, split="test", model="m", detections="f", reporter=SILENT)
    with pytest.raises(UsageError, match="confident means nothing without model or detections"):
        check(voc, confident=0.5, reporter=SILENT)
    with pytest.raises(DataError, match="no annotations, so no labels to doubt"):
        check(voc / "JPEGImages", model="m", reporter=SILENT)


def test_an_error_of_data_that_is_none(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        check(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no data set"):
        check(tmp_path)


def test_every_kind_says_what_to_do():
    assert all(kind.remedy.endswith(".") and kind.title[0].islower() for kind in KINDS.values())


@needs_shared
def test_what_is_odd_about_bccd():
    """Two neighbours of its list are one picture: 37 is in val, 38 in train (looked at by eye)."""
    found = told(SHARED / "bccd")
    assert found["leak"] == [
        "BloodImage_00037 (val, trainval), BloodImage_00038 (train, trainval): nearly the same "
        "picture"
    ]
    assert len(found["doubled"]) == 7
    assert [text.split(";")[0] for text in found["tiny"]] == [
        "BloodImage_00338 (val, trainval): object 13 (RBC) is 1x1 px",
        "BloodImage_00343 (train, trainval): object 4 (RBC) is 1x1 px",
    ]
    assert list(found) == ["leak", "doubled", "tiny"]


@needs_shared
def test_nothing_is_odd_about_fruits():
    assert told(SHARED / "fruits") == {}
