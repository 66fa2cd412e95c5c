"""Folders of classes and ILSVRC12's classification layout."""

from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture

from detect.data import data_hash
from detect.data.labelled import open_labelled
from detect.errors import DataError, UsageError

PHOTO = texture(np.random.default_rng(0), (20, 30))
CAT, DOG = "n02121808", "n02084071"


def write(root: Path, *names: str) -> Path:
    for name in names:
        save_image(root / name, PHOTO)
    return root


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    names = ("train/dog/a.jpg", "train/cat/b.png", "train/cat/a.jpg", "val/dog/c.JPG")
    write(tmp_path / "set", *names)
    (tmp_path / "set/train/cat/notes.txt").write_text("no image")
    (tmp_path / "set/train/.cache").mkdir()
    return tmp_path / "set"


def test_classes_by_name_and_images_by_class(folders: Path) -> None:
    train, val = open_labelled(folders, "train"), open_labelled(folders, "val")
    assert train.images.classes == val.images.classes == ("cat", "dog")
    ids = [sample.image_id for sample in train.images.samples]
    assert ids == ["cat/a.jpg", "cat/b.png", "dog/a.jpg"]
    assert train.labels.tolist() == [0, 0, 1]
    assert train.counts() == {"cat": 2, "dog": 1}
    assert val.labels.tolist() == [1]
    assert data_hash(train.images) != data_hash(val.images)
    with pytest.raises(ValueError, match="read-only"):
        train.labels[0] = 1


def test_classes_txt_orders_the_classes(folders: Path) -> None:
    (folders / "classes.txt").write_text("dog\nsnake\ncat\n")
    train = open_labelled(folders, "train")
    assert train.counts() == {"dog": 1, "snake": 0, "cat": 2}
    (folders / "classes.txt").write_text("dogs\ncat\n")
    with pytest.raises(DataError, match=r"train/dog: .*classes\.txt does not name.*nearest: dogs"):
        open_labelled(folders, "train")


def test_labels_in_the_order_of_a_model(folders: Path) -> None:
    train = open_labelled(folders, "train")
    assert train.numbered_as(("dog", "cow", "cat")).labels.tolist() == [2, 2, 0]
    with pytest.raises(DataError, match=r"images of 'dog', which the\s+model does not know"):
        train.numbered_as(("cat", "dogs"))
    # A class that this split has no image of does not matter.
    assert open_labelled(folders, "val").numbered_as(("dog",)).labels.tolist() == [0]


@pytest.mark.parametrize(
    ("split", "kind", "text"),
    [
        ("vla", DataError, r"split=vla: no split of .*Splits there: train, val; nearest: val"),
        (None, UsageError, "say which split with split; there: train, val"),
    ],
)
def test_splits_are_checked(
    folders: Path, split: str | None, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        open_labelled(folders, split)


def test_a_class_folder_without_images_is_refused(folders: Path) -> None:
    (folders / "train/bird").mkdir()
    with pytest.raises(DataError, match=r"train/bird: a class folder without images"):
        open_labelled(folders, "train")


def test_what_is_no_folder_of_classes_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder; expected a folder of classes"):
        open_labelled(tmp_path / "none", "train")
    write(tmp_path / "flat", "cat/a.jpg")
    with pytest.raises(DataError, match=r"flat: no folder of classes\. Looked for SPLIT/CLASS/"):
        open_labelled(tmp_path / "flat", "train")


def test_bad_images_are_left_out_and_counted(folders: Path) -> None:
    (folders / "train/cat/a.jpg").write_bytes(b"broken")
    train = open_labelled(folders, "train", skip_bad=True)
    assert [sample.image_id for sample in train.images.samples] == ["cat/b.png", "dog/a.jpg"]
    assert len(train.images.skipped) == 1
    assert "cat/a.jpg: not an image" in train.images.skipped[0]
    (folders / "val/dog/c.JPG").write_bytes(b"")
    with pytest.raises(DataError, match=r"no usable image in split val: .*an empty file"):
        open_labelled(folders, "val", skip_bad=True)


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    root = tmp_path / "ILSVRC"
    train = [f"Data/CLS-LOC/train/{wnid}/{wnid}_{i}.JPEG" for wnid in (CAT, DOG) for i in (1, 2)]
    val = [f"Data/CLS-LOC/val/ILSVRC2012_val_0000000{i}.JPEG" for i in (1, 2, 3)]
    return write(root, *train, *val)


def test_imagenet_train_by_wordnet_id(imagenet: Path) -> None:
    train = open_labelled(imagenet, "train")
    assert train.images.classes == (DOG, CAT)
    assert train.labels.tolist() == [0, 0, 1, 1]


def test_imagenet_val_by_kaggles_list_beside_it(imagenet: Path) -> None:
    (imagenet.parent / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\n"
        f"ILSVRC2012_val_00000003,{DOG} 1 2 3 4 {DOG} 5 6 7 8 \n"
        f"ILSVRC2012_val_00000001,{CAT} 85 1 499 272 \n"
        f"ILSVRC2012_val_00000002,{DOG} 1 1 9 9 \n"
    )
    val = open_labelled(imagenet, "val")
    assert [sample.path.stem[-1] for sample in val.images.samples] == ["1", "2", "3"]
    assert val.labels.tolist() == [1, 0, 0]


def test_imagenet_val_by_the_devkit(imagenet: Path) -> None:
    devkit = imagenet / "devkit/data"
    devkit.mkdir(parents=True)
    (devkit / "map_clsloc.txt").write_text(f"{CAT} 1 cat\n{DOG} 2 domestic_dog\n")
    numbers = devkit / "ILSVRC2012_validation_ground_truth.txt"
    numbers.write_text("2\n1\n1\n")
    assert open_labelled(imagenet, "val").labels.tolist() == [0, 1, 1]
    numbers.write_text("2\n1\n")
    with pytest.raises(DataError, match=r"no WordNet id for the image ILSVRC2012_val_00000003"):
        open_labelled(imagenet, "val")


def test_imagenet_val_in_folders(imagenet: Path) -> None:
    for path in list((imagenet / "Data/CLS-LOC/val").iterdir()):
        (path.parent / CAT).mkdir(exist_ok=True)
        path.rename(path.parent / CAT / path.name)
    assert open_labelled(imagenet, "val").labels.tolist() == [1, 1, 1]


def test_imagenet_val_without_ground_truth(imagenet: Path) -> None:
    with pytest.raises(DataError, match=r"images without ground truth.*LOC_val_solution\.csv"):
        open_labelled(imagenet, "val")
