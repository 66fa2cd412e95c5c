"""ILSVRC DET: folders, synsets, missing XML, and what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, SIZE, SYNSETS, scene, voc_object, voc_xml, write_imagenet_det

from detect.data import open_dataset
from detect.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_imagenet_det(tmp_path / "det", {"train": 3, "val": 2})


def annotate(root: Path, *objects: str, size: tuple[int, int] = SIZE) -> Path:
    path = root / "Annotations/DET/val/val_00000001.xml"
    path.write_text(voc_xml("val_00000001", size, objects))
    return path


def test_the_samples_are_those_that_were_written(root: Path) -> None:
    rng = np.random.default_rng(0)
    dataset = open_dataset(root, "train")
    for number, sample in enumerate(dataset.samples[:2], 1):
        _, boxes, labels = scene(rng)
        assert sample.image_id == f"part_0/train_{number:08d}"
        assert sample.path == root / f"Data/DET/train/part_0/train_{number:08d}.JPEG"
        assert sample.size == SIZE
        np.testing.assert_array_equal(sample.annotations.boxes, boxes)
        np.testing.assert_array_equal(sample.annotations.labels, labels)


def test_what_the_dataset_says_of_itself(root: Path) -> None:
    dataset = open_dataset(root, "val")
    assert (dataset.layout, dataset.split) == ("imagenet_det", "val")
    assert dataset.classes == CLASSES
    assert dataset.synsets == SYNSETS
    assert dataset.category_ids == (1, 2, 3)
    assert dataset.listed == ("val_00000001", "val_00000002")
    assert dataset.annotated
    assert not dataset.integer_ids


def test_no_xml_means_no_objects(root: Path) -> None:
    last = open_dataset(root, "train").samples[2]
    assert len(last.annotations) == 0
    assert last.size == SIZE


def test_corners_are_zero_based_and_inclusive(root: Path) -> None:
    whole = (0, 0, SIZE[1] - 1, SIZE[0] - 1)
    annotate(root, voc_object(SYNSETS[0], whole), voc_object(SYNSETS[2], (4, 6, 4, 6)))
    truth = open_dataset(root, "val").samples[0].annotations
    assert truth.boxes.tolist() == [[0, 0, SIZE[1], SIZE[0]], [4, 6, 5, 7]]
    assert truth.labels.tolist() == [0, 2]


def test_a_size_of_zero_is_read_from_the_image(root: Path) -> None:
    annotate(root, size=(0, 0))
    assert open_dataset(root, "val").samples[0].size == SIZE


def test_a_split_of_another_name_finds_the_folder_of_each_image(root: Path) -> None:
    """R-CNN's val1 lies in the folder val; a user's list may take from several."""
    (root / "ImageSets/DET/val1.txt").write_text("val_00000002 2\npart_0/train_00000001 1\n")
    dataset = open_dataset(root, "val1")
    assert [sample.path.parent.name for sample in dataset.samples] == ["val", "part_0"]
    assert dataset.annotated
    assert all(len(sample.annotations) for sample in dataset.samples)


def test_a_split_without_annotations_is_not_annotated(root: Path) -> None:
    (root / "Annotations/DET/val").rename(root / "elsewhere")
    dataset = open_dataset(root, "val")
    assert not dataset.annotated
    assert len(dataset) == 2


def test_the_devkits_names_file_gives_the_category_ids(root: Path) -> None:
    (root / "synsets.txt").unlink()
    lines = ["n00000022 7 square, quadrangle", "n00000011 5 circle", "n00000033 9 triangle"]
    (root / "map_det.txt").write_text("\n".join(lines))
    dataset = open_dataset(root, "val")
    assert dataset.classes == ("square, quadrangle", "circle", "triangle")
    assert dataset.synsets == ("n00000022", "n00000011", "n00000033")
    assert dataset.category_ids == (7, 5, 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n00000011\n", "expected 'SYNSET NAME', got 'n00000011'"),
        ("n1 a\nn1 b\n", "class n1 stands there twice"),
        ("n1 a\nn2 a\n", "class a stands there twice"),
        ("", "no class names"),
    ],
)
def test_a_bad_names_file(root: Path, text: str, message: str) -> None:
    (root / "synsets.txt").write_text(text)
    with pytest.raises(DataError, match=rf"synsets\.txt: {message}"):
        open_dataset(root, "val")


def test_a_missing_names_file_says_what_it_should_hold(root: Path) -> None:
    (root / "synsets.txt").unlink()
    with pytest.raises(DataError, match=r"synsets\.txt: no such file; .*'n02672831 accordion'"):
        open_dataset(root, "val")


def test_an_unknown_synset_is_an_error_that_names_the_file(root: Path) -> None:
    path = annotate(root, voc_object("n00000012", (1, 1, 9, 9)))
    with pytest.raises(DataError, match="class 'n00000012' is not in the class list") as caught:
        open_dataset(root, "val")
    assert str(caught.value).startswith(str(path))


def test_a_missing_image_names_the_folders_searched(root: Path) -> None:
    (root / "ImageSets/DET/both.txt").write_text("nobody 1\nval_00000001 2\n")
    with pytest.raises(DataError, match="lists nobody, but there is no such image in train, val"):
        open_dataset(root, "both")
    dataset = open_dataset(root, "both", skip_bad=True)
    assert dataset.listed == ("nobody", "val_00000001")
    assert (len(dataset), len(dataset.skipped)) == (1, 1)


def test_an_image_in_two_folders_is_an_error(root: Path) -> None:
    twin = root / "Data/DET/train/val_00000001.JPEG"
    twin.write_bytes((root / "Data/DET/val/val_00000001.JPEG").read_bytes())
    (root / "ImageSets/DET/both.txt").write_text("val_00000001 1\n")
    with pytest.raises(DataError, match=r"val_00000001 has two files, .*train.* and .*val"):
        open_dataset(root, "both")


def test_a_broken_xml_is_an_error_or_a_line(root: Path) -> None:
    annotate(root).write_text("<annotation>")
    with pytest.raises(DataError, match=r"val_00000001\.xml: the XML does not parse"):
        open_dataset(root, "val")
    dataset = open_dataset(root, "val", skip_bad=True)
    assert (len(dataset), len(dataset.skipped)) == (1, 1)
