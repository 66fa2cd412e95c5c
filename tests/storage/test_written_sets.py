"""Data sets that are written: every image has a place of its own, below the folder, and stays."""

import itertools
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect import open_dataset
from detect.errors import DataError
from detect.reading import is_path
from detect.stages import ExportOptions, export_boxes

FORMS = ("voc", "coco", "yolo")
SIDE = 16
# One image and its objects: a class's place, and a box xyxy.
Objects = list[tuple[int, tuple[int, int, int, int]]]
BOX: Objects = [(0, (1, 2, 9, 12))]
OTHER: Objects = [(1, (4, 4, 8, 8))]


def picture(path: Path, shade: int) -> None:
    """Write an image that is told from others by its `shade`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), shade, np.uint8))


def coco_set(root, split, images, objects=None, classes=("cat", "dog"), ids=None):
    """Write a split whose images are called `images`; the shade of each is its place."""
    objects = objects or [BOX] * len(images)
    ids = ids or range(len(images))
    for shade, name in enumerate(images):
        picture(root / "images" / name, shade)
    numbers = itertools.count(1)
    content = {
        "images": [
            {"id": one, "file_name": name, "width": SIDE, "height": SIDE}
            for one, name in zip(ids, images, strict=True)
        ],
        "annotations": [
            {
                "id": next(numbers),
                "image_id": one,
                "category_id": label + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
            }
            for one, found in zip(ids, objects, strict=True)
            for label, (x1, y1, x2, y2) in found
        ],
        "categories": [{"id": place, "name": name} for place, name in enumerate(classes, 1)],
    }
    path = root / f"annotations/instances_{split}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return root


def export(root, split, to, out):
    return export_boxes(ExportOptions(file=root, split=split, to=to, out=out, exist_ok=True))


def content(root, split):
    """Return what is in a split, sorted: the bytes of each image and its objects."""
    return sorted(
        (
            sample.path.read_bytes(),
            sample.annotations.labels.tolist(),
            sample.annotations.boxes.round(3).tolist(),
        )
        for sample in open_dataset(root, split).samples
    )


def names(root, split):
    return sorted(sample.path.name for sample in open_dataset(root, split).samples)


def files(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


_PARTS = st.one_of(
    st.sampled_from(["..", ".", "", "images", "labels", "a", "a.jpg", "a.xml", ".a", " a", "a_2"]),
    st.text("ab.\\: é", max_size=3),
)
_ID = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
# What COCO's reader takes for an id.
_IDS = st.lists(_ID.filter(is_path), min_size=1, max_size=6, unique=True)


@settings(max_examples=40)
@given(_IDS, st.sampled_from(FORMS))
def test_any_ids_read_back_as_many_images_with_their_objects(ids, to):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "a/b/c/d"
        found = [[*BOX, *OTHER][: 1 + number % 2] for number in range(len(ids))]
        source = [f"{number}.png" for number in range(len(ids))]
        root = coco_set(place / "set", "train", source, found, ids=ids)
        before = files(Path(folder))
        assert export(root, "train", to, place / "out").images == len(ids)
        assert content(place / "out", "train") == content(root, "train")
        after = files(Path(folder))
        assert {path: after.get(path) for path in before} == before
        assert all(path.is_relative_to("a/b/c/d/out") for path in after.keys() - before.keys())


@settings(max_examples=20)
@given(
    st.lists(
        st.lists(st.sampled_from(["1", "2", "1_2", "images", "a.b"]), min_size=1, max_size=3),
        min_size=2,
        max_size=5,
        unique_by=tuple,
    ),
    st.sampled_from(FORMS),
)
def test_doubled_names_of_files_read_back(parts, to):
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{'/'.join(part)}.png" for part in parts]
        root = coco_set(Path(folder) / "set", "train", paths)
        export(root, "train", to, Path(folder) / "out")
        assert content(Path(folder) / "out", "train") == content(root, "train")


@pytest.mark.parametrize("to", FORMS)
def test_nothing_is_written_outside(tmp_path, to):
    ids = [str(tmp_path / "elsewhere/evil"), "../../evil", "..", "evil"]
    root = coco_set(tmp_path / "set", "train", ["0.png", "1.png", "2.png", "3.png"], ids=ids)
    export(root, "train", to, tmp_path / "inner/out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inner", "set"]
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["out"]
    assert content(tmp_path / "inner/out", "train") == content(root, "train")
    assert names(tmp_path / "inner/out", "train") == sorted(
        ["evil.png", "evil.png", "evil_2.png", "image.png"]
    )


@pytest.mark.parametrize("to", FORMS)
def test_an_image_beside_the_set_has_a_place_in_it(tmp_path, to):
    for name, shade in (("A/images/a", 1), ("B/images/b", 2)):
        picture(tmp_path / f"{name}.png", shade)
        labels = (tmp_path / name.replace("images", "labels")).with_suffix(".txt")
        labels.parent.mkdir()
        labels.write_text("0 0.5 0.5 0.5 0.5\n")
    root = tmp_path / "A"
    (root / "train.txt").write_text("images/a.png\n../B/images/b.png\n")
    (root / "data.yaml").write_text("train: train.txt\nnames: [cat]\n")
    before = files(tmp_path)
    export(root, "train", to, tmp_path / "p/out")
    assert content(tmp_path / "p/out", "train") == content(root, "train")
    assert {path for path in files(tmp_path) if path.parts[0] != "p"} == set(before)


def test_a_number_meets_no_other_name(tmp_path):
    images = ["cam1/1.png", "cam1/2.png", "cam2/1.png"]
    root = coco_set(tmp_path / "set", "train", images, [BOX, OTHER, [*BOX, *OTHER]])
    for to in FORMS:
        export(root, "train", to, tmp_path / to)
        assert content(tmp_path / to, "train") == content(root, "train")
        assert names(tmp_path / to, "train") == ["1.png", "1_2.png", "2.png"]


def _two_splits(folder):
    """Write two sets, whose images 1.png differ and 2.png do not."""
    one = coco_set(folder / "one", "train", ["1.png", "2.png"], [BOX, OTHER])
    two = coco_set(folder / "two", "val", ["1.png", "2.png"], [OTHER, OTHER])
    picture(two / "images/1.png", 77)
    return one, two


@pytest.mark.parametrize("to", FORMS)
def test_a_second_split_leaves_the_first_as_it_is(tmp_path, to):
    one, two = _two_splits(tmp_path)
    export(one, "train", to, tmp_path / "out")
    first = files(tmp_path / "out")
    for _ in range(2):  # The second time over itself.
        export(two, "val", to, tmp_path / "out")
        now = files(tmp_path / "out")
        changed = {path.name for path in first if now[path] != first[path]}
        assert changed <= {"data.yaml"}
        assert content(tmp_path / "out", "train") == content(one, "train")
        assert content(tmp_path / "out", "val") == content(two, "val")
        expected = ["1.png", "2.png"] if to == "yolo" else ["2.png", "val_1.png"]
        assert names(tmp_path / "out", "val") == expected
    export(one, "train", to, tmp_path / "out")
    assert files(tmp_path / "out") == now


@pytest.mark.parametrize("to", FORMS)
def test_a_split_written_again_takes_the_place_of_its_own_files(tmp_path, to):
    root = coco_set(tmp_path / "set", "train", ["1.png", "2.png"], [BOX, OTHER])
    export(root, "train", to, tmp_path / "out")
    coco_set(tmp_path / "set", "train", ["1.png", "2.png"], [OTHER, BOX])
    picture(root / "images/1.png", 99)
    export(root, "train", to, tmp_path / "out")
    assert content(tmp_path / "out", "train") == content(root, "train")
    assert names(tmp_path / "out", "train") == ["1.png", "2.png"]


def test_one_image_of_two_splits_has_the_same_objects_in_voc(tmp_path):
    one, two = _two_splits(tmp_path)
    coco_set(tmp_path / "two", "val", ["1.png", "2.png"], [OTHER, BOX])
    export(one, "train", "voc", tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(DataError) as error:
        export(two, "val", "voc", tmp_path / "out")
    assert str(error.value) == (
        f"{tmp_path}/out/Annotations/1.xml: this image is in another split already, with other "
        f"objects than {two}/images/1.png has now. Make them alike, or choose another out."
    )
    assert files(tmp_path / "out") == before


def test_an_image_whose_kind_of_file_is_another_now_gets_another_name(tmp_path):
    root = coco_set(tmp_path / "set", "train", ["1.png"])
    export(root, "train", "voc", tmp_path / "out")
    coco_set(tmp_path / "set", "train", ["1.bmp"])
    export(root, "train", "voc", tmp_path / "out")
    assert names(tmp_path / "out", "train") == ["train_1.bmp"]
    assert content(tmp_path / "out", "train") == content(root, "train")


def test_images_that_are_no_longer_in_a_split_of_yolo_are_told(tmp_path):
    root = coco_set(tmp_path / "set", "train", ["1.png", "2.png"])
    export(root, "train", "yolo", tmp_path / "out")
    coco_set(tmp_path / "set", "train", ["1.png"])
    with pytest.raises(DataError) as error:
        export(root, "train", "yolo", tmp_path / "out")
    folder = tmp_path / "out/images/train"
    assert str(error.value) == (
        f"{folder}/2.png: is none of the images that are written, but would be one of split "
        f"train. Remove {folder}, or choose another out."
    )


def test_folders_of_images_and_of_labels_make_no_second_layout(tmp_path):
    ids = ["images/a", "labels/b"]
    root = coco_set(tmp_path / "set", "train", ["1.png", "2.png"], [BOX, OTHER], ids=ids)
    export(root, "train", "voc", tmp_path / "out")
    assert content(tmp_path / "out", "train") == content(root, "train")
    assert (tmp_path / "out/ImageSets/Main/train.txt").read_text() == "images/a\nb\n"


def test_a_folder_of_images_is_no_part_of_a_name_in_yolo(tmp_path):
    root = tmp_path / "set"
    for shade, name in enumerate(("images/a", "b")):
        picture(root / f"JPEGImages/{name}.png", shade)
        path = root / f"Annotations/{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        corners = "<xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>12</ymax>"
        path.write_text(
            f"<annotation><object><name>cat</name><bndbox>{corners}</bndbox></object></annotation>"
        )
    export(root, "all", "yolo", tmp_path / "out")
    assert content(tmp_path / "out", "all") == content(root, "all")
    assert (tmp_path / "out/images/all/a.png").is_file()


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("cat", "cat "), "the class 'cat ', beside 'cat': in VOC's files"),
        ((" dog", "cat"), "the class ' dog': in VOC's files"),
        (("a\u2028b", "cat"), "the class 'a\\u2028b': in VOC's files"),
        (("a\x01b", "cat"), "the class 'a\\x01b': in VOC's files"),
    ],
)
def test_classes_that_voc_would_read_by_another_name(tmp_path, classes, said):
    root = coco_set(tmp_path / "set", "train", ["1.png"], classes=classes)
    with pytest.raises(DataError) as error:
        export(root, "train", "voc", tmp_path / "out")
    assert str(error.value) == (
        f"{root}: {said} a name has no spaces around it, no ends of lines and no control "
        "characters. Rename it, or choose to=coco."
    )
    assert not (tmp_path / "out").exists()
    export(root, "train", "coco", tmp_path / "out")
    assert open_dataset(tmp_path / "out", "train").classes == classes


def test_a_file_without_an_images_ending_goes_to_coco_alone(tmp_path):
    root = coco_set(tmp_path / "set", "train", ["1.png"])
    (root / "images/1.png").rename(root / "images/frame.0001")
    path = root / "annotations/instances_train.json"
    path.write_text(path.read_text().replace("1.png", "frame.0001"))
    for to in ("voc", "yolo"):
        with pytest.raises(DataError) as error:
            export(root, "train", to, tmp_path / to)
        assert str(error.value) == (
            f"{root}/images/frame.0001: the name of an image has no image's ending here, as .jpg, "
            "which to=voc and yolo need. Rename it, or choose to=coco."
        )
    export(root, "train", "coco", tmp_path / "coco")
    assert content(tmp_path / "coco", "train") == content(root, "train")


@pytest.mark.parametrize(("one", "other"), [*itertools.permutations(FORMS, 2)])
def test_two_layouts_are_not_written_into_one_folder(tmp_path, one, other):
    root = coco_set(tmp_path / "set", "train", ["1.png"])
    export(root, "train", one, tmp_path / "out")
    with pytest.raises(DataError) as error:
        export(root, "train", other, tmp_path / "out")
    assert str(error.value) == (
        f"{tmp_path}/out: has a set in the layout {one}, and two layouts in one folder are not "
        "read. Choose another out."
    )
    assert content(tmp_path / "out", "train") == content(root, "train")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("train: t/images\nnames: [cat, dog]\n", "its split train in {}/t/images"),
        (
            "train: images/train\nkpt_shape: [2, 3]\nnames: [cat, dog]\n",
            "keypoints (kpt_shape in {}/data.yaml)",
        ),
        ("stages: {}\n", "{}/data.yaml, and data.yaml would be written over or beside it"),
    ],
)
def test_a_data_yaml_that_says_more_is_not_written_over(tmp_path, text, what):
    root, out = coco_set(tmp_path / "set", "val", ["1.png"]), tmp_path / "out"
    for name in ("t/images", "images/train"):
        picture(out / name / "a.png", 1)
    (out / "data.yaml").write_text(text)
    with pytest.raises(DataError) as error:
        export(root, "val", "yolo", out)
    assert str(error.value) == (
        f"{out}: the set there has {what.format(out)}: it would not be read as before. Choose "
        "another out."
    )
    assert (out / "data.yaml").read_text() == text


@pytest.mark.parametrize("to", FORMS)
def test_a_split_that_would_not_be_seen_is_not_written(tmp_path, to):
    root = coco_set(tmp_path / "set", "train", ["1.png"])
    for name in (".few", *(["names", "images"] if to == "yolo" else [])):
        path = tmp_path / f"{name}.txt"
        path.write_text("0\n")
        with pytest.raises(DataError) as error:
            export(root, str(path), to, tmp_path / "out")
        assert str(error.value) == f"split={name}: a split cannot be written by that name."


def test_pictures_of_another_split_in_their_own_folder_stay_those_of_the_split(tmp_path):
    """COCO's official folders: a file of that name in images/ would come before."""
    one, two = _two_splits(tmp_path)
    (one / "images").rename(one / "train")
    before = content(one, "train")
    export(two, "val", "coco", one)
    assert content(one, "train") == before
    assert content(one, "val") == content(two, "val")
    assert names(one, "val") == ["2.png", "val_1.png"]


def _roboflow(out):
    coco_set(out, "train", ["1.png"])
    (out / "train").mkdir()
    (out / "annotations/instances_train.json").rename(out / "train/_annotations.coco.json")
    (out / "images/1.png").rename(out / "train/1.png")
    return f"its annotations in {out}/train/_annotations.coco.json"


def _voc_without_lists(out):
    export(coco_set(out.parent / "other", "train", ["1.png"]), "train", "voc", out)
    (out / "ImageSets/Main/train.txt").unlink()
    (out / "ImageSets/Main").rmdir()
    return f"no lists in {out}/ImageSets/Main"


def _lower_case_voc(out):
    export(coco_set(out.parent / "other", "train", ["1.png"]), "train", "voc", out)
    (out / "Annotations").rename(out / "annotations")
    (out / "JPEGImages").rename(out / "images")
    return f"its files in {out}/annotations and {out}/images"


def _classes_txt(out):
    (out / "labels").mkdir(parents=True)
    picture(out / "images/1.png", 1)
    (out / "labels/1.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (out / "classes.txt").write_text("cat\ndog\n")
    return f"{out}/classes.txt, and data.yaml would be written over or beside it"


@pytest.mark.parametrize(
    ("to", "make"),
    [
        ("coco", _roboflow),
        ("voc", _voc_without_lists),
        ("voc", _lower_case_voc),
        ("yolo", _classes_txt),
    ],
)
def test_a_set_that_would_be_read_no_more_is_not_written_beside(tmp_path, to, make):
    root, out = coco_set(tmp_path / "set", "val", ["1.png"]), tmp_path / "out"
    what = make(out)
    before = files(out)
    with pytest.raises(DataError) as error:
        export(root, "val", to, out)
    assert str(error.value) == (
        f"{out}: the set there has {what}: it would not be read as before. Choose another out."
    )
    assert files(out) == before


@pytest.mark.parametrize("to", FORMS)
def test_a_name_too_long_for_the_disk_is_told(tmp_path, to):
    root = coco_set(tmp_path / "set", "train", ["1.png"], ids=["a" * 255])
    with pytest.raises(DataError, match=r"aaa\.png: cannot be written: File name too long\.$"):
        export(root, "train", to, tmp_path / "out")
