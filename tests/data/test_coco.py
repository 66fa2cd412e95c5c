"""COCO: boxes, ids, crowd regions, where images lie, and every defect of the JSON."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import CLASSES, SIZE, scene, write_coco
from pycocotools.coco import COCO

from detect.data import open_annotations, open_dataset
from detect.errors import DataError

Json = dict[str, Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_coco(tmp_path / "coco", {"train": 2, "test": 1}, objects=2)


def change(root: Path, edit: Callable[[Json], Any], split: str = "train") -> Path:
    """Apply `edit` to the content of a split's JSON; return its path."""
    path = root / f"annotations/instances_{split}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return path


def test_the_samples_are_those_that_were_written(root: Path) -> None:
    rng = np.random.default_rng(0)
    dataset = open_dataset(root, "train")
    for number, sample in enumerate(dataset.samples, 1):
        _, boxes, labels = scene(rng, objects=2)
        assert sample.image_id == str(10 * number)
        assert sample.path == root / f"images/{10 * number:012d}.jpg"
        assert sample.size == SIZE
        np.testing.assert_array_equal(sample.annotations.boxes, boxes)
        np.testing.assert_array_equal(sample.annotations.labels, labels)
        assert sample.annotations.ids.tolist() == [98 + 2 * number, 99 + 2 * number]


def test_what_the_dataset_says_of_itself(root: Path) -> None:
    dataset = open_dataset(root, "train")
    assert (dataset.layout, dataset.split, dataset.root) == ("coco", "train", root)
    assert dataset.classes == CLASSES
    assert dataset.category_ids == (3, 6, 9)
    assert dataset.listed == ("10", "20")
    assert dataset.integer_ids


def test_pycocotools_reads_the_same(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = open_dataset(root, "train")
    judge = COCO(str(root / "annotations/instances_train.json"))
    for sample in dataset.samples:
        records = judge.imgToAnns[int(sample.image_id)]
        assert [r["id"] for r in records] == sample.annotations.ids.tolist()
        labels = [dataset.category_ids[label] for label in sample.annotations.labels]
        assert [r["category_id"] for r in records] == labels


def test_categories_keep_the_order_of_the_file_and_their_ids(root: Path) -> None:
    change(root, lambda content: content["categories"].reverse())
    dataset = open_dataset(root, "train")
    assert dataset.classes == CLASSES[::-1]
    assert dataset.category_ids == (9, 6, 3)


def test_crowd_difficult_and_area_are_kept(root: Path) -> None:
    def edit(content: Json) -> None:
        content["annotations"][0] |= {"iscrowd": 1, "area": 12.5}
        content["annotations"][1] |= {"difficult": 1}
        del content["annotations"][1]["iscrowd"], content["annotations"][1]["area"]
        content["annotations"][1]["bbox"] = [1, 2, 10.5, 4]

    change(root, edit)
    truth = open_dataset(root, "train").samples[0].annotations
    assert truth.crowd.tolist() == [True, False]
    assert truth.difficult.tolist() == [False, True]
    assert truth.areas.tolist() == [12.5, 42.0]
    assert truth.boxes[1].tolist() == [1, 2, 11.5, 6]


def test_two_equal_annotations_with_different_ids_are_two_objects(root: Path) -> None:
    def edit(content: Json) -> None:
        content["annotations"].append(content["annotations"][0] | {"id": 0})

    change(root, edit)
    truth = open_dataset(root, "train").samples[0].annotations
    assert truth.ids.tolist() == [100, 101, 0]
    assert truth.boxes[0].tolist() == truth.boxes[2].tolist()


def test_an_image_without_annotations_is_a_sample(root: Path) -> None:
    change(root, lambda content: content["annotations"].clear())
    assert [len(sample.annotations) for sample in open_dataset(root, "train").samples] == [0, 0]


def test_image_ids_may_be_strings(root: Path) -> None:
    def edit(content: Json) -> None:
        for record in content["images"]:
            record["id"] = f"photo {record['id']}"
        for record in content["annotations"]:
            record["image_id"] = f"photo {record['image_id']}"

    change(root, edit)
    dataset = open_dataset(root, "train")
    assert dataset.listed == ("photo 10", "photo 20")
    assert not dataset.integer_ids
    assert len(dataset.samples[0].annotations) == 2


@pytest.mark.parametrize("folder", ["images/train", "images/deep/er", "."])
def test_images_lie_below_images_or_the_split_or_the_root(root: Path, folder: str) -> None:
    name = "000000000010.jpg"
    target = root / folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    (root / "images" / name).rename(target)
    file_name = f"deep/er/{name}" if "deep" in folder else name
    change(root, lambda content: content["images"][0].update(file_name=file_name))
    assert open_dataset(root, "train").samples[0].path == target


@pytest.mark.parametrize("missing", [True, False])
def test_a_size_that_is_not_stated_is_read_from_the_image(root: Path, missing: bool) -> None:
    def edit(content: Json) -> None:
        content["images"][0] |= {"width": 0, "height": 0}
        if missing:
            del content["images"][0]["width"], content["images"][0]["height"]

    path = change(root, edit)
    assert open_dataset(root, "train").samples[0].size == SIZE
    assert open_annotations(path).samples[0].size is None


def test_a_text_file_of_ids_reads_the_json_that_holds_them(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("20\n")
    dataset = open_dataset(root, str(path))
    assert [sample.image_id for sample in dataset.samples] == ["20"]
    path.write_text("20\n30\n")
    with pytest.raises(DataError) as caught:
        open_dataset(root, str(path))
    assert str(caught.value) == (
        f"{path}: expected COCO image ids, all of one JSON of the set; "
        "instances_train.json has no image 30."
    )


def _number_alike(root: Path) -> None:
    """Give the images of test the numbers of those of train, as exports of each do."""

    def edit(content):
        for number, record in enumerate(content["images"], 1):
            record["id"] = 10 * number
        content["annotations"] = []

    change(root, edit, "test")


def test_ids_of_two_jsons_that_mean_other_images_are_refused(root: Path, tmp_path: Path) -> None:
    _number_alike(root)
    path = tmp_path / "ids.txt"
    path.write_text("10\n")
    with pytest.raises(DataError) as caught:
        open_dataset(root, str(path))
    files = [open_dataset(root, split).samples[0].path for split in ("test", "train")]
    assert files[0] != files[1]
    assert str(caught.value) == (
        f"{path}: image 10 is {files[0]} in {root}/annotations/instances_test.json, and "
        f"{files[1]} in {root}/annotations/instances_train.json: a list of ids does not tell "
        "which. Number the images once for the whole set, or list those of a copy that has this "
        "split alone (detect export)."
    )


def test_ids_of_two_jsons_that_mean_the_same_images_are_read(root: Path, tmp_path: Path) -> None:
    annotations = root / "annotations"
    shutil.copy(annotations / "instances_train.json", annotations / "instances_all.json")
    path = tmp_path / "ids.txt"
    path.write_text("20\n")
    assert [one.image_id for one in open_dataset(root, str(path)).samples] == ["20"]


def _subset(root: Path) -> None:
    """Write the JSON of a subset of train's images, which are in a folder of their split's name."""
    (root / "images").rename(root / "train")
    annotations = root / "annotations"
    shutil.copy(annotations / "instances_train.json", annotations / "instances_train_part.json")


@pytest.mark.parametrize("missing", [False, True])
def test_a_subset_in_a_json_of_its_own_is_the_same_images(root, tmp_path, missing) -> None:
    _subset(root)
    path = tmp_path / "ids.txt"
    path.write_text("10\n20\n")
    (place,) = (one.path for one in open_dataset(root, "train").samples[1:])
    if missing:
        place.unlink()
    found = open_dataset(root, str(path), skip_bad=missing)
    assert [one.image_id for one in found.samples] == ["10", "20"][: 2 - missing]
    assert found.samples[0].path.parent == root / "train"


@pytest.mark.parametrize("text", ["{", '{"images": [], "annotations": [], "categories": []}'])
def test_a_json_that_cannot_be_read_holds_no_ids(root: Path, tmp_path: Path, text: str) -> None:
    (root / "annotations/instances_val.json").write_text(text)
    path = tmp_path / "ids.txt"
    path.write_text("20\n")
    assert len(open_dataset(root, str(path))) == 1


def test_an_image_without_file_name_is_left_out_where_two_jsons_hold_it(root, tmp_path) -> None:
    def edit(content: Json) -> None:
        del content["images"][1]["file_name"]

    change(root, edit)
    _subset(root)
    path = tmp_path / "ids.txt"
    path.write_text("10\n20\n")
    found = open_dataset(root, str(path), skip_bad=True)
    assert [one.image_id for one in found.samples] == ["10"]
    assert "image 20 has no file_name" in found.skipped[0]


def test_copies_are_the_same_images_and_others_of_their_name_are_not(root, tmp_path) -> None:
    for split in ("train", "train_part"):
        shutil.copytree(root / "images", root / split)
    shutil.rmtree(root / "images")
    annotations = root / "annotations"
    shutil.copy(annotations / "instances_train.json", annotations / "instances_train_part.json")
    path = tmp_path / "ids.txt"
    path.write_text("20\n")
    found = open_dataset(root, str(path))
    assert found.samples[0].path.parent == root / "train"
    shutil.copy(root / "train/000000000010.jpg", root / "train/000000000020.jpg")
    with pytest.raises(DataError, match="a list of ids does not tell which"):
        open_dataset(root, str(path))


def test_annotations_alone_need_no_images(root: Path) -> None:
    whole = open_dataset(root, "train")
    for path in (root / "images").iterdir():
        path.unlink()
    alone = open_annotations(root / "annotations/instances_train.json")
    assert (alone.split, alone.root, alone.listed) == ("train", root, whole.listed)
    for got, expected in zip(alone.samples, whole.samples, strict=True):
        assert got.path == expected.path
        np.testing.assert_array_equal(got.annotations.boxes, expected.annotations.boxes)


def test_annotations_alone_may_lie_anywhere(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    (root / "annotations/instances_train.json").rename(path)
    alone = open_annotations(path)
    assert (alone.split, alone.root) == ("truth", tmp_path)
    with pytest.raises(DataError, match=r"gone\.json: cannot be read: No such file"):
        open_annotations(tmp_path / "gone.json")


def image(**changes: Any) -> Callable[[Json], Any]:
    return lambda content: content["images"][0].update(changes)


def annotation(**changes: Any) -> Callable[[Json], Any]:
    return lambda content: content["annotations"][0].update(changes)


def category(**changes: Any) -> Callable[[Json], Any]:
    return lambda content: content["categories"][0].update(changes)


# Wrong whatever --skip-bad says: the file as a whole cannot be trusted.
FATAL: dict[str, tuple[Callable[[Json], Any], str]] = {
    "two images": (image(id=20), "two images have the id 20, 000000000010.jpg and 000000000020"),
    "mixed ids": (image(id="10"), "image ids must be whole numbers or all strings, got int, str"),
    "float id": (image(id=1.5), "image ids must be whole numbers or all strings, got float, int"),
    "no images": (lambda c: c.update(images=[]), "the split is empty; expected records under"),
    "no list": (lambda c: c.update(images={}), "expected a list of objects under 'images'"),
    "no key": (lambda c: c.pop("annotations"), "expected a list of objects under 'annotations'"),
    "two categories": (category(id=6), "two categories share an id"),
    "same names": (category(name="square"), "class square stands there twice"),
    "word id": (category(id="x"), "a category's id must be a whole number, got 'x'"),
    "no categories": (lambda c: c.update(categories=[]), "no class names"),
}

# Wrong in one image, which --skip-bad leaves out.
BAD: dict[str, tuple[Callable[[Json], Any], str]] = {
    "no category": (annotation(category_id=4), "annotation 100: category_id 4 is not in"),
    "no id": (annotation(id=None), "image 10 has the id None; expected a whole number"),
    "big id": (annotation(id=2**63), "image 10 has the id 9223372036854775808; expected a"),
    "no bbox": (annotation(bbox=None), "bbox must be [x, y, width, height], got None"),
    "three numbers": (annotation(bbox=[1, 2, 3]), "bbox must be [x, y, width, height], got [1"),
    "infinite": (annotation(bbox=[1, 2, 3, float("inf")]), "bbox must be [x, y, width, height]"),
    "huge": (annotation(bbox=[1, 2, 3, 10**400]), "bbox must be [x, y, width, height]"),
    "beyond float32": (annotation(bbox=[1, 2, 3, 1e300]), "is no finite box"),
    "no width": (annotation(bbox=[1, 2, 0, 4]), "annotation 100 of image 10, bbox [1, 2, 0, 4], "),
    "negative": (annotation(bbox=[5, 5, 3, -4]), "has no area (width or height is not above 0)"),
    "outside": (annotation(bbox=[100, 50, 40, 20]), "leaves the image of 128x96 px"),
    "area": (annotation(area="big"), "annotation 100: area must be a finite number, got 'big'"),
    "crowd": (annotation(iscrowd=2), "annotation 100: iscrowd must be 0 or 1, got 2"),
    "difficult": (annotation(difficult="no"), "difficult must be 0 or 1, got 'no'"),
    "size": (image(width="wide"), "image 10: width must be a finite number, got 'wide'"),
    "no file": (image(file_name="gone.jpg"), "images/gone.jpg: the split lists this image, but"),
    "no name": (image(file_name=None), "image 10 has no file_name"),
    "above": (image(file_name="../x.jpg"), "file_name must lie below images/, got ../x.jpg"),
}


@pytest.mark.parametrize("kind", FATAL)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_wrong_file_is_an_error_that_names_it(root: Path, kind: str, skip_bad: bool) -> None:
    edit, message = FATAL[kind]
    path = change(root, edit)
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train", skip_bad=skip_bad)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", BAD)
def test_a_wrong_record_is_an_error_or_a_line(root: Path, kind: str) -> None:
    edit, message = BAD[kind]
    change(root, edit)
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert message in str(caught.value)
    dataset = open_dataset(root, "train", skip_bad=True)
    assert dataset.skipped == (str(caught.value),)
    assert dataset.skipped_marked == (caught.value.marked,)
    assert [sample.image_id for sample in dataset.samples] == ["20"]
    assert dataset.listed == ("10", "20")


def test_an_annotation_of_no_image_is_an_error_or_a_line(root: Path) -> None:
    change(root, annotation(image_id=77))
    with pytest.raises(DataError, match="annotation 100 is of image 77, which is not among"):
        open_dataset(root, "train")
    dataset = open_dataset(root, "train", skip_bad=True)
    assert [len(sample.annotations) for sample in dataset.samples] == [1, 2]
    assert len(dataset.skipped) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [', "not valid JSON: "),
        ("", "not valid JSON: "),
        ("[" * 100_000, "not valid JSON: nested deeper than 64"),
        ("[]", "expected a COCO object with images, annotations and categories, got a list"),
    ],
)
def test_text_that_is_no_coco_json(root: Path, text: str, message: str) -> None:
    path = root / "annotations/instances_train.json"
    path.write_text(text)
    for read in (lambda: open_dataset(root, "train"), lambda: open_annotations(path)):
        with pytest.raises(DataError, match=rf"instances_train\.json: {message}"):
            read()


def test_a_box_may_round_over_the_border(root: Path) -> None:
    change(root, annotation(bbox=[0, 0, 128.4, 96.9]))
    truth = open_dataset(root, "train").samples[0].annotations
    assert truth.boxes[0].tolist() == [0, 0, np.float32(128.4), np.float32(96.9)]
