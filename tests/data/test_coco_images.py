"""COCO's images where file_name says otherwise: by the end of it, if that means one image."""

import json
import unicodedata

import numpy as np
import pytest
from builders import save_image, texture

from detect.data import open_dataset
from detect.errors import DataError

IMAGE = texture(np.random.default_rng(0), (48, 64))
NAME = "cb0618f6-a.jpg"


def write(root, *file_names, at="result.json", **record):
    """Write a JSON of images of these names, without sizes, and an object in each."""
    images = [{"id": n, "file_name": name, **record} for n, name in enumerate(file_names, 1)]
    objects = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 2, 10, 4]}
        for n in range(1, len(images) + 1)
    ]
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "cat"}]}
    (root / at).parent.mkdir(parents=True, exist_ok=True)
    (root / at).write_text(json.dumps(content))
    return root / at


def put(root, *names):
    for name in names:
        save_image(root / name, IMAGE)


def paths(root, split="result"):
    return [one.path.relative_to(root).as_posix() for one in open_dataset(root, split).samples]


@pytest.mark.parametrize(
    "told",
    [
        f"..\\..\\label-studio\\label-studio\\media\\upload\\4\\{NAME}",
        f"images/1/{NAME}",
        f"/label-studio/data/local/{NAME}",
        f"myset/{NAME}",
        f"C:\\photos\\{NAME}",
        f"https://example.org/images/{NAME}",
    ],
)
@pytest.mark.parametrize("need_images", [True, False])
def test_the_end_of_a_path_says_which_image_is_meant(tmp_path, told, need_images):
    write(tmp_path, told)
    put(tmp_path, f"images/{NAME}")
    (sample,) = open_dataset(tmp_path, "result", need_images=need_images).samples
    assert (sample.path, sample.size) == (tmp_path / "images" / NAME, (48, 64))


def test_the_longest_end_counts(tmp_path):
    write(tmp_path, "/home/me/set/cam1/a.jpg", "/home/me/set/cam2/a.jpg")
    put(tmp_path, "images/cam1/a.jpg", "images/cam2/a.jpg", "images/a.jpg")
    assert paths(tmp_path) == ["images/cam1/a.jpg", "images/cam2/a.jpg"]


def refused(root, split="result"):
    with pytest.raises(DataError) as caught:
        open_dataset(root, split)
    return str(caught.value).replace(str(root), "ROOT")


def test_an_image_that_two_paths_mean_is_none_of_theirs(tmp_path):
    write(tmp_path, "cam1/a.jpg", "cam2/a.jpg")
    put(tmp_path, "images/a.jpg")
    missing = (
        "ROOT/images/cam1/a.jpg: the split lists this image, but it is missing. Looked in "
        "ROOT/images, ROOT/images/result, ROOT, ROOT/result, ROOT/data."
    )
    assert refused(tmp_path) == missing
    write(tmp_path, "cam1/a.jpg", "a.jpg")
    assert refused(tmp_path) == missing
    write(tmp_path, "cam1/a.jpg")
    put(tmp_path, "data/a.jpg")
    assert refused(tmp_path) == missing


def test_an_image_of_another_split_is_not_taken(tmp_path):
    write(tmp_path, "/old/train/1.jpg", at="annotations/instances_train.json")
    write(tmp_path, "/old/val/1.jpg", at="annotations/instances_val.json")
    put(tmp_path, "images/1.jpg")
    for split in ("train", "val"):
        assert refused(tmp_path, split) == (
            f"ROOT/annotations/instances_{split}.json: image 1: file_name must lie below images/, "
            f"got /old/{split}/1.jpg."
        )
    write(tmp_path, "/old/train/1.jpg", at="annotations/instances_val.json")
    assert paths(tmp_path, "train") == paths(tmp_path, "val") == ["images/1.jpg"]


@pytest.mark.parametrize("told", ["../x.jpg", "/x.jpg", "..", ".", "/", "C:\\x.jpg", "a/../x.jpg"])
def test_a_path_outside_that_means_no_image_is_refused(tmp_path, told):
    path = write(tmp_path / "set", told)
    put(tmp_path, "x.jpg")
    put(tmp_path, "set/images/y.jpg")
    with pytest.raises(DataError) as caught:
        open_dataset(path.parent, "result")
    assert str(caught.value) == (f"{path}: image 1: file_name must lie below images/, got {told}.")


def test_null_is_as_if_it_were_missing(tmp_path):
    path = write(tmp_path, "a.jpg", width=None, height=None)
    put(tmp_path, "images/a.jpg")
    content = json.loads(path.read_text())
    content["annotations"][0] |= {"area": None, "iscrowd": None, "difficult": None}
    path.write_text(json.dumps(content))
    (sample,) = open_dataset(tmp_path, "result").samples
    truth = sample.annotations
    assert (sample.size, truth.areas.tolist()) == ((48, 64), [40.0])
    assert (truth.crowd.tolist(), truth.difficult.tolist()) == ([False], [False])


def test_a_name_in_another_normal_form_is_told_to_be(tmp_path):
    composed = unicodedata.normalize("NFC", "Zürich.jpg")
    decomposed = unicodedata.normalize("NFD", composed)
    write(tmp_path, composed)
    put(tmp_path, f"images/{decomposed}")
    assert refused(tmp_path).endswith(
        f"ROOT/data; {decomposed} is there, which looks the same, but is in another Unicode normal "
        "form (NFD, not NFC): rename it, as by unicodedata.normalize of Python."
    )
