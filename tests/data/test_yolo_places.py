"""YOLO: where the images, labels and names of other programs' sets lie."""

from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture

from detect.data import open_dataset
from detect.data.as_written import splits_of
from detect.errors import DataError

_LABEL = "0 0.5 0.5 0.5 0.5\n"
_NAMES = "cat\ndog\n"


def _write(root: Path, *names: str, **texts: str) -> Path:
    """Write an image for each picture among `names`, a line of labels for each text."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            save_image(path, texture(np.random.default_rng(number), (48, 64)))
        else:
            path.write_text(_LABEL)
    return root


def _text(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root


def _objects(root: Path, split: str) -> dict[str, int]:
    """Return the number of objects by image id."""
    dataset = open_dataset(root, split)
    assert dataset.classes == ("cat", "dog")
    return {sample.image_id: len(sample.annotations) for sample in dataset.samples}


@pytest.mark.parametrize(
    ("files", "names", "expected"),
    [
        (("a.jpg", "a.txt"), "classes.txt", {"all": {"a": 1}}),
        (("images/a.jpg", "images/a.txt"), "images/classes.txt", {"all": {"a": 1}}),
        (("images/a.jpg", "labels/a.txt"), "labels/classes.txt", {"all": {"a": 1}}),
        (("images/a.jpg", "labels/a.txt"), "images/classes.txt", {"all": {"a": 1}}),
        (("obj_train_data/images/a.jpg", "obj_train_data/images/a.txt"), "obj.names",
         {"train": {"obj_train_data/a": 1}}),
        (("train/a.jpg", "train/a.txt", "valid/b.jpg", "valid/b.txt"), "train/_darknet.labels",
         {"train": {"train/a": 1}, "valid": {"valid/b": 1}}),
        (("train/images/a.jpg", "train/labels/a.txt", "val/images/b.jpg", "val/labels/b.txt"),
         "classes.txt", {"train": {"train/a": 1}, "val": {"val/b": 1}}),
        (("images/a.jpg", "images/day2/b.jpg", "images/day3/c.jpg", "labels/a.txt",
          "labels/day2/b.txt"), "classes.txt", {"all": {"a": 1, "day2/b": 1, "day3/c": 0}}),
        (("images/day2/b.jpg", "images/day3/c.jpg", "labels/day2/b.txt", "labels/day3/c.txt"),
         "labels/day2/classes.txt", {"day2": {"day2/b": 1}, "day3": {"day3/c": 1}}),
    ],
)  # fmt: skip
def test_files_are_where_programs_put_them(tmp_path, files, names, expected):
    # Whatever folders lead there: only those below the root tell images from labels.
    root = _text(_write(tmp_path / "images/mine", *files), names, _NAMES)
    assert {split: _objects(root, split) for split in splits_of(root)} == expected


def test_a_folder_called_images_is_a_root(tmp_path):
    root = _text(_write(tmp_path / "x/images", "a.jpg", "a.txt"), "classes.txt", _NAMES)
    assert _objects(root, "all") == {"a": 1}


def test_labels_in_their_folder_come_before_those_beside(tmp_path):
    root = _text(_write(tmp_path, "images/a.jpg", "images/a.txt"), "classes.txt", _NAMES)
    _text(root, "labels/a.txt", "1 0.5 0.5 0.25 0.25\n")
    (sample,) = open_dataset(root, "all").samples
    assert sample.annotations.labels.tolist() == [1]


def test_a_folder_without_labels_is_not_dropped(tmp_path):
    root = _write(tmp_path, "images/a/1.jpg", "labels/a/1.txt", "images/b/2.jpg")
    _text(root, "classes.txt", _NAMES)
    assert splits_of(root) == ("a", "b")
    with pytest.raises(DataError) as caught:
        open_dataset(root, "b")
    assert str(caught.value) == (
        f"{root}: no labels for any image of split b; looked for {root}/labels/b/2.txt and "
        f"{root}/images/b/2.txt."
    )


def test_darknet_s_lists(tmp_path):
    root = _write(tmp_path, "data/obj/a.jpg", "data/obj/a.txt", "data/obj/b.jpg", "data/obj/b.txt")
    _text(root, "data/obj.names", _NAMES)
    _text(root, "data/train.txt", "data/obj/a.jpg\n")
    assert {split: _objects(root, split) for split in splits_of(root)} == {
        "train": {"data/obj/a": 1}
    }
    _text(root, "data/mine.txt", "data/obj/b.jpg\n")
    _text(root, "data/obj.data", "classes = 2\nvalid = data/mine.txt\nbackup = backup/\n")
    assert _objects(root, "valid") == {"data/obj/b": 1}
    assert _objects(root / "data", "valid") == {"obj/b": 1}


def test_files_of_names_must_agree(tmp_path):
    root = _write(tmp_path, "images/a.jpg", "labels/a.txt")
    _text(root, "classes.txt", "cat\n")
    _text(root, "labels/classes.txt", _NAMES)
    assert _objects(root, "all") == {"a": 1}
    _text(root, "classes.txt", "dog\ncat\n")
    with pytest.raises(DataError) as caught:
        open_dataset(root, "all")
    assert str(caught.value) == (
        f"{root}/labels/classes.txt and {root}/classes.txt name classes differently: cat, dog, "
        "and dog, cat. Remove the wrong one."
    )


@pytest.mark.parametrize(
    "told",
    ["/content/My-Set-1/train/images", "My-Set-1/train/images", "../train/images",
     "C:\\sets\\My-Set-1\\train\\images"],
)  # fmt: skip
def test_a_set_that_was_moved(tmp_path, told):
    root = _write(tmp_path / "set", "train/images/a.jpg", "train/labels/a.txt", "images/c.jpg")
    _text(root, "data.yaml", f"train: {told}\ntest: ../test/images\nnames: [cat, dog]\n")
    assert splits_of(root) == ("train",)
    assert _objects(root, "train") == {"train/a": 1}


def test_a_validation_split_that_is_gone_is_an_error(tmp_path):
    root = _write(tmp_path / "set", "train/images/a.jpg", "train/labels/a.txt", "images/c.jpg")
    _text(root, "data.yaml", "train: train/images\nval: /old/val/images\nnames: [cat, dog]\n")
    with pytest.raises(DataError) as caught:
        open_dataset(root, "val")
    assert str(caught.value) == (
        f"{root}/data.yaml: /old/val/images: no such folder or list of images. Correct the path."
    )


@pytest.mark.parametrize(
    "line",
    ["C:\\x\\images\\train\\a.jpg", "/old/set/images/train/a.jpg", "../set/images/train/a.jpg",
     "data/images/train/a.jpg"],
)  # fmt: skip
def test_a_list_from_elsewhere(tmp_path, line):
    root = _write(tmp_path / "set", "images/train/a.jpg", "labels/train/a.txt")
    _text(root, "train.txt", f"{line}\n")
    _text(root, "data.yaml", "train: train.txt\nnames: [cat, dog]\n")
    assert _objects(root, "train") == {"train/a": 1}
    assert open_dataset(root, "train").samples[0].path == root / "images/train/a.jpg"


def test_lines_that_only_a_guess_makes_one_image(tmp_path):
    root = _write(tmp_path, "images/a.jpg", "labels/a.txt")
    _text(root, "train.txt", "/old/cam1/images/a.jpg\n/old/cam2/images/a.jpg\n")
    _text(root, "data.yaml", "train: train.txt\nnames: [cat, dog]\n")
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert str(caught.value) == (
        f"{root}/train.txt: lists '/old/cam1/images/a.jpg' and '/old/cam2/images/a.jpg', of which "
        f"only {root}/images/a.jpg is there. Correct the list."
    )


def test_an_image_outside_has_an_id_without_dots(tmp_path):
    _write(tmp_path / "B", "images/b.jpg", "labels/b.txt")
    root = _write(tmp_path / "A", "images/a.jpg", "labels/a.txt")
    _text(root, "train.txt", "images/a.jpg\n../B/images/b.jpg\n../A/images/a.jpg\n")
    _text(root, "data.yaml", "train: train.txt\nval: ../B/images\nnames: [cat, dog]\n")
    assert _objects(root, "train") == {"a": 1, "b": 1}
    assert _objects(root, "val") == {"b": 1}
