"""Plain folders of images and images by name."""

from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture

from detect.data import open_dataset, open_images, read_pixels
from detect.errors import DataError

PHOTO = texture(np.random.default_rng(0), (20, 30))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "c.v1.bmp"):
        save_image(tmp_path / "photos" / name, PHOTO)
    (tmp_path / "photos/README.md").write_text("words")
    (tmp_path / "photos/.hidden.png").write_text("")
    save_image(tmp_path / "photos/drawn/a.png", PHOTO)
    return tmp_path / "photos"


def test_the_images_directly_in_a_folder_by_name(folder: Path) -> None:
    for dataset in (open_dataset(folder, None), open_images([folder])):
        assert [sample.image_id for sample in dataset.samples] == ["a", "b", "c.v1"]
        assert [sample.path.name for sample in dataset.samples] == ["a.JPG", "b.png", "c.v1.bmp"]
        assert dataset.listed == ("a", "b", "c.v1")
        assert (dataset.layout, dataset.root, dataset.split) == ("folder", folder, "")
        assert not dataset.annotated
        assert dataset.classes == dataset.category_ids == ()


def test_sizes_are_unknown_until_an_image_is_read(folder: Path) -> None:
    sample = open_dataset(folder, None).samples[1]
    assert sample.size is None
    np.testing.assert_array_equal(read_pixels(sample), PHOTO)


def test_a_text_file_of_ids_chooses(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "few.txt"
    path.write_text("c.v1\na\n")
    dataset = open_dataset(folder, str(path))
    assert [sample.image_id for sample in dataset.samples] == ["c.v1", "a"]
    path.write_text("bb\na\n")
    with pytest.raises(DataError, match=r"photos/bb: the split lists this image.*; nearest: b"):
        open_dataset(folder, str(path))
    assert len(open_dataset(folder, str(path), skip_bad=True).skipped) == 1


def test_a_folder_has_no_named_splits(folder: Path) -> None:
    with pytest.raises(DataError, match=r"split=train: neither a split .* there: none"):
        open_dataset(folder, "train")


def test_images_and_folders_in_the_order_given(folder: Path) -> None:
    dataset = open_images([folder / "README.md", folder])
    assert [sample.image_id for sample in dataset.samples] == ["README", "a", "b", "c.v1"]


def test_two_images_of_one_id_name_both(folder: Path) -> None:
    with pytest.raises(DataError, match=r"image id a .*a\.JPG and .*drawn/a\.png\. Rename one"):
        open_images([folder, folder / "drawn"])
    save_image(folder / "b.jpg", PHOTO)
    with pytest.raises(DataError, match=r"image id b .*b\.jpg and .*b\.png"):
        open_dataset(folder, None)


def test_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: no such image file or folder"):
        open_images([tmp_path / "gone.png"])
    with pytest.raises(DataError, match="no image directly in this folder"):
        open_images([tmp_path])
