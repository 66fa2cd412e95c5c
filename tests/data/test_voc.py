"""VOC: corners, class list, sizes, difficult, and every defect of a file."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, SIZE, save_image, scene, texture, voc_object, voc_xml, write_voc

from detect.data import open_dataset
from detect.errors import DataError
from detect.reading import XML_BYTES
from detect.structures import Annotations, Sample

INSIDE = (11, 21, 50, 60)


def annotate(root: Path, *objects: str, size: tuple[int, int] = SIZE) -> Path:
    """Write the annotation of the set's first image and return its path."""
    path = root / "Annotations/train_000.xml"
    path.write_text(voc_xml("anything.png", size, objects))
    return path


def first(root: Path, skip_bad: bool = False) -> Sample:
    return open_dataset(root, "train", skip_bad=skip_bad).samples[0]


def truth(root: Path) -> Annotations:
    return first(root).annotations


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "voc", {"train": 2, "test": 1})


def test_the_samples_are_those_that_were_written(root: Path) -> None:
    rng = np.random.default_rng(0)
    dataset = open_dataset(root, "train")
    for number, sample in enumerate(dataset.samples):
        _, boxes, labels = scene(rng)
        assert sample.image_id == f"train_{number:03d}"
        assert sample.path == root / f"JPEGImages/train_{number:03d}.jpg"
        assert sample.size == SIZE
        np.testing.assert_array_equal(sample.annotations.boxes, boxes)
        np.testing.assert_array_equal(sample.annotations.labels, labels)


def test_what_the_dataset_says_of_itself(root: Path) -> None:
    dataset = open_dataset(root, "train")
    assert (dataset.layout, dataset.split, dataset.root) == ("voc", "train", root)
    assert dataset.classes == CLASSES
    assert dataset.category_ids == (1, 2, 3)
    assert dataset.listed == ("train_000", "train_001")
    assert dataset.annotated
    assert not dataset.integer_ids
    assert dataset.skipped == dataset.synsets == ()


def test_corners_are_one_based_and_inclusive(root: Path) -> None:
    """A box over the whole image is (1, 1, W, H) in VOC; one pixel has equal corners."""
    whole = (1, 1, SIZE[1], SIZE[0])
    annotate(root, voc_object("circle", whole), voc_object("circle", (5, 7, 5, 7)))
    assert truth(root).boxes.tolist() == [[0, 0, SIZE[1], SIZE[0]], [4, 6, 5, 7]]
    assert truth(root).areas.tolist() == [SIZE[0] * SIZE[1], 1]


def test_real_valued_corners_are_kept(root: Path) -> None:
    annotate(root, voc_object("circle", (11.5, 21.25, 50.75, 60)))
    assert truth(root).boxes.tolist() == [[10.5, 20.25, 50.75, 60]]


def test_doubled_boxes_are_two_objects(root: Path) -> None:
    annotate(root, voc_object("circle", INSIDE), voc_object("circle", INSIDE))
    assert len(truth(root)) == 2
    assert truth(root).ids.tolist() == [1, 2]


def test_difficult_is_kept_and_may_be_missing(root: Path) -> None:
    plain = voc_object("circle", INSIDE).replace("<difficult>0</difficult>", "")
    annotate(root, voc_object("circle", INSIDE, difficult=1), plain)
    assert truth(root).difficult.tolist() == [True, False]


def test_the_boxes_of_parts_are_not_objects(root: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part></object>"
    annotate(root, voc_object("circle", INSIDE).replace("</object>", part))
    assert truth(root).boxes.tolist() == [[10, 20, 50, 60]]


def test_an_image_without_objects_is_a_sample(root: Path) -> None:
    annotate(root)
    assert len(truth(root)) == 0
    assert truth(root).boxes.shape == (0, 4)


@pytest.mark.parametrize("size", [(0, 0), (0, 128)])
def test_a_size_of_zero_is_read_from_the_image(root: Path, size: tuple[int, int]) -> None:
    annotate(root, voc_object("circle", INSIDE), size=size)
    assert first(root).size == SIZE


def test_a_missing_size_is_read_from_the_image(root: Path) -> None:
    path = annotate(root, voc_object("circle", INSIDE))
    head, tail = path.read_text().split("<size>")
    path.write_text(head + tail.split("</size>")[1])
    assert first(root).size == SIZE


def test_without_classes_txt_the_names_of_every_split_count(root: Path) -> None:
    (root / "classes.txt").unlink()
    (root / "Annotations/test_000.xml").write_text(
        voc_xml("", SIZE, [voc_object("zebra", INSIDE), voc_object("Ant", INSIDE)])
    )
    annotate(root, voc_object("moth", INSIDE))
    (root / "Annotations/train_001.xml").write_text(voc_xml("", SIZE, []))
    for split in ("train", "test"):
        assert open_dataset(root, split).classes == ("Ant", "moth", "zebra")
    assert truth(root).labels.tolist() == [1]


def test_the_order_of_classes_txt_holds(root: Path) -> None:
    (root / "classes.txt").write_text("triangle\n\nsquare\ncircle\n")
    annotate(root, voc_object("circle", INSIDE))
    assert open_dataset(root, "train").classes == ("triangle", "square", "circle")
    assert truth(root).labels.tolist() == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [("circle\ncircle\n", "class circle stands there twice"), ("\n", "no class names")],
)
def test_a_bad_classes_txt(root: Path, text: str, message: str) -> None:
    (root / "classes.txt").write_text(text)
    with pytest.raises(DataError, match=rf"classes\.txt: {message}"):
        open_dataset(root, "train")


def test_a_name_outside_classes_txt_names_the_nearest(root: Path) -> None:
    path = annotate(root, voc_object("circel", INSIDE))
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert str(caught.value) == (
        f"{path}: class 'circel' is not in the class list; nearest: circle. "
        "Correct the name or the list."
    )


@pytest.mark.parametrize("extension", [".png", ".JPG", ".bmp", ".jpeg"])
def test_any_usual_extension_and_content_is_found(root: Path, extension: str) -> None:
    path = root / "JPEGImages/train_000.jpg"
    path.rename(path.with_suffix(extension))
    assert first(root).path == path.with_suffix(extension)


def test_an_id_may_hold_dots_and_spaces(root: Path) -> None:
    for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "xml")):
        (root / f"{folder}/train_000.{suffix}").rename(root / f"{folder}/my photo v1.2 1.{suffix}")
    (root / "ImageSets/Main/train.txt").write_text("my photo v1.2 1\n")
    assert first(root).image_id == "my photo v1.2 1"


def test_two_files_of_one_id_are_an_error(root: Path) -> None:
    save_image(root / "JPEGImages/train_000.png", texture(np.random.default_rng(0), SIZE))
    with pytest.raises(DataError, match=r"id train_000 has two files, .*\.jpg and .*\.png"):
        open_dataset(root, "train")


def test_a_missing_image_is_named_with_the_nearest(root: Path) -> None:
    (root / "JPEGImages/train_000.jpg").unlink()
    with pytest.raises(DataError, match=r"JPEGImages/train_000: .*no such file.*; nearest: train"):
        open_dataset(root, "train")


def test_a_name_in_another_normal_form_is_told_to_be(root: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    (root / "ImageSets/Main/train.txt").write_text(f"{composed}\n", encoding="utf-8")
    (root / "JPEGImages/train_000.jpg").rename(root / f"JPEGImages/{decomposed}.jpg")
    (root / "Annotations/train_000.xml").rename(root / f"Annotations/{decomposed}.xml")
    for name in (decomposed, f"{decomposed}.xml"):
        with pytest.raises(DataError) as caught:
            first(root)
        assert str(caught.value).endswith(
            f"; {name} is there, which looks the same, but is in another Unicode normal form (NFD, "
            "not NFC): rename it, as by unicodedata.normalize of Python."
        )
        if name == decomposed:
            (root / f"JPEGImages/{decomposed}.jpg").rename(root / f"JPEGImages/{composed}.jpg")


def test_of_many_missing_images_the_first_alone_are_compared_with_every_name(root: Path) -> None:
    """The nearest name of each took a minute for 2,000 images."""
    (root / "ImageSets/Main/some.txt").write_text(
        "\n".join(["train_000", *(f"train_{number:03}x" for number in range(20))])
    )
    lines = open_dataset(root, "some", skip_bad=True).skipped
    assert len(lines) == 20
    assert ["; nearest: train_" in line for line in lines] == [True] * 3 + [False] * 17


def test_a_missing_annotation_is_named(root: Path) -> None:
    (root / "Annotations/train_000.xml").unlink()
    with pytest.raises(DataError, match=r"train_000\.xml: a listed image has no such annotation"):
        open_dataset(root, "train")


def test_an_annotation_that_cannot_be_read_says_why(root: Path) -> None:
    (root / "Annotations/train_000.xml").unlink()
    (root / "Annotations/train_000.xml").mkdir()
    with pytest.raises(DataError, match=r"train_000\.xml: cannot be read: Is a directory"):
        open_dataset(root, "train")


@pytest.mark.parametrize(
    ("box", "by"),
    [
        ((11, 21, SIZE[1] + 3, 60), "3"),
        ((11, 21, 50, SIZE[0] + 2), "2"),
        ((-4, 21, 50, 60), "5"),
        ((1011, 1021, 1050, 1060), "964"),
    ],
)
def test_a_box_outside_the_image_is_an_error(
    root: Path, box: tuple[int, int, int, int], by: str
) -> None:
    path = annotate(root, voc_object("circle", INSIDE), voc_object("square", box))
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert str(caught.value) == (
        f"{path}: object 2 (square), xmin ymin xmax ymax = {' '.join(map(str, box))}, leaves the "
        f"image of 128x96 px (width x height) by {by} px. "
        "Correct it, or leave the image out with skip_bad."
    )


def test_one_pixel_outside_is_tolerated_and_kept(root: Path) -> None:
    """Tools that count from 0 write such corners; nothing is clipped."""
    annotate(root, voc_object("circle", (0, 0, SIZE[1] + 1, SIZE[0] + 1)))
    assert truth(root).boxes.tolist() == [[-1, -1, SIZE[1] + 1, SIZE[0] + 1]]


@pytest.mark.parametrize("box", [(50, 21, 11, 60), (11, 21, 10, 60), (11, 60, 50, 21)])
def test_a_box_of_no_area_is_an_error(root: Path, box: tuple[int, int, int, int]) -> None:
    annotate(root, voc_object("circle", box))
    with pytest.raises(DataError, match=r"train_000\.xml: object 1 \(circle\).*has no area"):
        open_dataset(root, "train")


ENTITIES = '<!DOCTYPE a [<!ENTITY lol "lol">]><annotation>&lol;</annotation>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hosts">]><annotation>&e;</annotation>'
CIRCLE = voc_object("circle", INSIDE)
BROKEN = {
    "cut": (CIRCLE, "the XML does not parse"),
    "empty": ("", "the XML does not parse"),
    "no encoding": ('<?xml version="1.0" encoding="no-such"?><a/>', "the XML does not parse"),
    "entities": (ENTITIES, "the XML declares entities, which are refused"),
    "external": (EXTERNAL, "the XML declares entities, which are refused"),
    "no name": (CIRCLE.replace("circle", " "), "object 1 has no <name>"),
    "no box": (CIRCLE.replace("bndbox", "box"), "object 1 has no <bndbox>"),
    "no corner": (CIRCLE.replace("xmax", "x2"), "<xmax> must be a finite number, there is none"),
    "word": (CIRCLE.replace(">50<", ">wide<"), "<xmax> must be a finite number, got 'wide'"),
    "nan": (CIRCLE.replace(">50<", ">nan<"), "<xmax> must be a finite number, got 'nan'"),
    "large": (f"<!--{'x' * XML_BYTES}--><annotation/>", "of at most 16,777,216 bytes, got more"),
    "huge": (CIRCLE.replace(">50<", ">1e300<"), "is no finite box"),
}


def write_broken(root: Path, kind: str) -> Path:
    path, text = annotate(root), BROKEN[kind][0]
    whole = text.startswith(("<!", "<?")) or kind in ("cut", "empty")
    path.write_text(text[:-9] if kind == "cut" else text if whole else voc_xml("", SIZE, [text]))
    return path


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("listed", [True, False], ids=["classes.txt", "scanned"])
def test_a_broken_annotation_is_an_error_that_names_it(root: Path, kind: str, listed: bool) -> None:
    path = write_broken(root, kind)
    if not listed:
        (root / "classes.txt").unlink()
    with pytest.raises(DataError) as caught:
        open_dataset(root, "train")
    assert str(caught.value).startswith(f"{path}: ")
    assert BROKEN[kind][1] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", BROKEN)
def test_skip_bad_leaves_the_sample_out_and_says_so(root: Path, kind: str) -> None:
    write_broken(root, kind)
    dataset = open_dataset(root, "train", skip_bad=True)
    assert [sample.image_id for sample in dataset.samples] == ["train_001"]
    assert dataset.listed == ("train_000", "train_001")
    assert len(dataset.skipped) == 1
    assert BROKEN[kind][1] in dataset.skipped[0]


def test_skip_bad_leaves_out_missing_files_and_wrong_boxes(root: Path) -> None:
    annotate(root, voc_object("circle", (11, 21, 500, 60)))
    (root / "JPEGImages/train_001.jpg").unlink()
    (root / "ImageSets/Main/train.txt").write_text("train_000\ntest_000\ntrain_001\n")
    dataset = open_dataset(root, "train", skip_bad=True)
    assert [sample.image_id for sample in dataset.samples] == ["test_000"]
    assert len(dataset.skipped) == 2


def test_an_annotation_broken_elsewhere_stops_the_scan_for_names(root: Path) -> None:
    """Unless it shall be skipped: then the split is complete and nothing of it was left out."""
    (root / "classes.txt").unlink()
    (root / "Annotations/test_000.xml").write_text("<annotation>")
    with pytest.raises(DataError, match=r"test_000\.xml: the XML does not parse"):
        open_dataset(root, "train")
    dataset = open_dataset(root, "train", skip_bad=True)
    assert len(dataset) == 2
    assert dataset.skipped == ()


def test_when_every_image_is_bad_skipping_is_no_way_out(root: Path) -> None:
    for path in (root / "JPEGImages").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"no usable image in split train: .*train_000"):
        open_dataset(root, "train", skip_bad=True)


def test_no_object_anywhere_and_no_list(root: Path) -> None:
    (root / "classes.txt").unlink()
    for path in (root / "Annotations").iterdir():
        path.write_text(voc_xml("", SIZE, []))
    with pytest.raises(DataError, match="Annotations: no object in any annotation"):
        open_dataset(root, "train")
