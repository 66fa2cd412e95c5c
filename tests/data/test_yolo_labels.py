"""YOLO: labels that belong to no image, names and classes as they are written."""

import unicodedata

import numpy as np
import pytest
from builders import save_image, texture

from detect.data import open_dataset
from detect.errors import DataError
from detect.stages import check

_LABEL = "0 0.5 0.5 0.5 0.5\n"


def _set(root, images, labels, *, yaml="train: images\nnames: [cat, dog]\n"):
    for number, name in enumerate(images):
        save_image(root / "images" / name, texture(np.random.default_rng(number), (48, 64)))
    for name in labels:
        (root / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "labels" / name).write_text(_LABEL)
    (root / "data.yaml").write_text(yaml)
    return root


_ZUERICH = "Zürich"
_NFC, _NFD = (unicodedata.normalize(form, _ZUERICH) for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("image", "labels", "hint"),
    [
        ("IMG_2.JPG", "img_2.txt", ""),
        ("b.jpg", "b.TXT", ""),
        (f"{_NFD}.jpg", f"{_NFC}.txt", " (with its letters in the same form of Unicode)"),
    ],
)
def test_labels_called_nearly_as_their_image(tmp_path, image, labels, hint):
    root = _set(tmp_path, ["IMG_1.JPG", image], ["IMG_1.txt", labels])
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    stem = image.rpartition(".")[0]
    assert str(caught.value) == (
        f"{root}/labels/{labels}: no image of this name; nearest: {image}, whose labels must be "
        f"called {stem}.txt{hint}. Rename one, or leave the image out with skip_bad."
    )
    left = open_dataset(root, "train", skip_bad=True)
    assert [sample.image_id for sample in left.samples] == ["IMG_1"]
    assert left.skipped == (str(caught.value),)


def test_labels_of_an_image_that_is_gone(tmp_path):
    root = _set(tmp_path, ["a.jpg", "gone_1.jpg"], ["a.txt", "gone.txt", "b/c.txt"])
    (root / "labels/classes.txt").write_text("cat\ndog\n")
    (root / "labels/README.txt").write_text("Labelled in May.\n")
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    expected = (
        f"{root}: labels without an image: labels/b/c.txt, labels/gone.txt "
        "(nearest: gone_1.jpg). Put the images there or remove the labels; skip_bad goes on "
        "without them."
    )
    assert str(caught.value) == expected
    left = open_dataset(root, "train", skip_bad=True)
    assert [len(sample.annotations) for sample in left.samples] == [1, 0]
    assert left.skipped == (expected,)
    found = [one.text for one in check(root).findings if one.level == "error"]
    assert found == [f"train: {expected}"]


def test_labels_of_an_image_that_is_not_read(tmp_path):
    root = _set(tmp_path, ["a.jpg"], ["a.txt", "b.txt"])
    (root / "images/b.heic").write_bytes(b"heic")
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert str(caught.value) == (
        f"{root}: labels without an image: labels/b.txt (b.heic is not read: convert it to JPEG or "
        "PNG). Put the images there or remove the labels; skip_bad goes on without them."
    )


def test_many_labels_without_images_are_counted(tmp_path):
    root = _set(tmp_path, ["x.jpg"], ["x.txt", *(f"{place}.txt" for place in range(7))])
    with pytest.raises(DataError, match=r"labels/4\.txt and 2 more\. Put the images there"):
        open_dataset(root, "train")


def test_every_label_is_called_otherwise(tmp_path):
    root = _set(tmp_path, ["A.jpg"], ["a.txt"])
    with pytest.raises(DataError, match=r"no usable image in split train: .*nearest: A\.jpg"):
        open_dataset(root, "train", skip_bad=True)


def test_labels_of_images_that_the_split_does_not_list(tmp_path):
    yaml = "train: train.txt\nval: val.txt\nnames: [cat, dog]\n"
    root = _set(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], ["a.txt", "b.txt", "c.txt", "d.txt"])
    (root / "data.yaml").write_text(yaml)
    (root / "train.txt").write_text("images/a.jpg\n")
    (root / "val.txt").write_text("images/b.jpg\n")
    assert len(open_dataset(root, "train")) == len(open_dataset(root, "val")) == 1
    found = [(one.kind, one.text) for one in check(root).findings if one.level == "error"]
    assert found == []


def test_labels_of_another_split_s_images(tmp_path):
    yaml = "train: images\nval: [images/b]\nnames: [cat, dog]\n"
    root = _set(tmp_path, ["a.jpg", "b/c.jpg"], ["a.txt", "b/c.txt"], yaml=yaml)
    save_image(root / "images/d.jpg", texture(np.random.default_rng(9), (48, 64)))
    (root / "ids.txt").write_text("a\n")
    assert len(open_dataset(root, "val")) == 1
    (root / "labels/gone.txt").write_text(_LABEL)
    assert len(open_dataset(root, "val")) == 1
    assert len(open_dataset(root, root / "ids.txt")) == 1


def test_texts_beside_images_that_are_no_labels(tmp_path):
    save_image(tmp_path / "a.jpg", texture(np.random.default_rng(0), (48, 64)))
    (tmp_path / "a.txt").write_text(_LABEL)
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "notes.txt").write_text("Taken in May.\n")
    assert len(open_dataset(tmp_path, "all")) == 1
    (tmp_path / "gone.txt").write_text(_LABEL)
    with pytest.raises(DataError, match=r"labels without an image: gone\.txt\. Put the images"):
        open_dataset(tmp_path, "all")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("[yes, no]", ("yes", "no")),
        ("\n  0: on\n  1: off", ("on", "off")),
        ("[01, null]", ("01", "null")),
        ("[1.50, ~]", ("1.50", "~")),
        ("['a: b', \"c\"]\nnc: '2'", ("a: b", "c")),
        ("[a, b]\nnc: 2\nval: null\ntest:", ("a", "b")),
    ],
)
def test_names_are_as_written(tmp_path, names, expected):
    root = _set(tmp_path, ["a.jpg"], ["a.txt"], yaml=f"train: images\nnames: {names}\n")
    assert open_dataset(root, "train").classes == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("[a: b]", "names: expected a name, got {'a': 'b'}. Quote it."),
        ("[a, ]\nnc: two", "nc is two, but there are 1 names"),
        ("\n  0: cat\n  0: dog", "the key '0' is there twice"),
        ("\n  0: cat\n  1:", "'' can name no class"),
    ],
)
def test_names_that_are_none(tmp_path, names, expected):
    root = _set(tmp_path, ["a.jpg"], ["a.txt"], yaml=f"train: images\nnames: {names}\n")
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert expected in str(caught.value)


@pytest.mark.parametrize("word", ["1", "1.0", "1.", "1.000000000000000000e+00", "01"])
def test_a_class_is_a_whole_number_however_written(tmp_path, word):
    root = _set(tmp_path, ["a.jpg"], [])
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text(f"{word} 0.5 0.5 0.5 0.5\n")
    (sample,) = open_dataset(root, "train").samples
    assert sample.annotations.labels.tolist() == [1]


@pytest.mark.parametrize("word", ["0.5", "-0.0", "1e99", "2.0", "nan", "0x1"])
def test_a_class_that_is_none(tmp_path, word):
    root = _set(tmp_path, ["a.jpg"], [])
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text(f"{word} 0.5 0.5 0.5 0.5\n")
    with pytest.raises(DataError, match=rf"class '{word}': expected a number from 0 to 1"):
        open_dataset(root, "train")
