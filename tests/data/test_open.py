"""Recognising layouts, reading pixels, digests, and the real sets beside the project."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import SHARED, needs_shared, texture, write_coco, write_imagenet_det, write_voc
from PIL import Image as Pillow

from detect.data import (
    data_hash,
    image_size,
    open_annotations,
    open_dataset,
    open_images,
    read_pixels,
    samples_hash,
)
from detect.errors import DataError
from detect.files import digest
from detect.structures import Sample


def test_a_folder_that_is_no_data_set_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path, "train")
    assert str(caught.value) == (
        f"{tmp_path}: no data set. Looked for VOC (Annotations/, JPEGImages/, "
        "ImageSets/Main/SPLIT.txt, or XML files beside their images); COCO (images/, "
        "annotations/instances_SPLIT.json, or SPLIT/_annotations.coco.json); YOLO (data.yaml, "
        "labels/*.txt); "
        "ILSVRC DET (Annotations/DET/, Data/DET/, ImageSets/DET/SPLIT.txt); and for images in it."
    )


@pytest.mark.parametrize("write", [write_voc, write_coco, write_imagenet_det])
def test_a_folder_around_a_data_set_points_to_it(write, tmp_path: Path) -> None:
    inside = write(tmp_path / "inside", {"train": 1})
    with pytest.raises(DataError, match=rf"Did you mean {inside}\?$"):
        open_dataset(tmp_path, "train")


def test_a_path_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: no such folder; expected a data set"):
        open_dataset(tmp_path / "gone", "train")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file: not a folder; expected a data set"):
        open_dataset(tmp_path / "file", "train")


def test_two_layouts_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_coco(write_imagenet_det(tmp_path, {"train": 1}), {"train": 1})
    with pytest.raises(DataError, match=r"two layouts in one folder, COCO .* and ILSVRC DET"):
        open_dataset(tmp_path, "train")


def rotated(path: Path) -> Path:
    """Write an image stored 60 x 40 (width x height) that shall be turned upright: 40 x 60."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(texture(np.random.default_rng(0), (40, 60))).save(path, exif=exif)
    return path


def test_pixels_come_upright_and_must_have_the_annotations_size(tmp_path: Path) -> None:
    path = rotated(tmp_path / "a.jpg")
    assert read_pixels(Sample("a", path, (60, 40))).shape == (60, 40, 3)
    assert read_pixels(Sample("a", path)).shape == (60, 40, 3)
    with pytest.raises(DataError) as caught:
        read_pixels(Sample("a", path, (40, 60)))
    assert str(caught.value) == (
        f"{path}: the image has 40x60 px (width x height, after EXIF rotation), its annotation "
        "says 60x40. Correct the annotation, or remove the rotation tag if the boxes ignore it."
    )


def test_a_size_that_is_not_known_is_the_files_and_0_0_in_hashes(tmp_path: Path) -> None:
    path = rotated(tmp_path / "a.jpg")
    assert image_size(Sample("a", path)) == (60, 40)
    assert image_size(Sample("a", path, (5, 7))) == (5, 7)
    images = open_images([path])
    assert data_hash(images) == digest(f"a\t0\t0\t{path.stat().st_size}\n")
    assert samples_hash(images) == digest("a\t(0, 0)\t[[], [], [], []]\n")


def test_the_digest_follows_ids_order_sizes_and_files(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"train": 3})
    whole = data_hash(open_dataset(root, "train"))
    assert data_hash(open_dataset(root, "train")) == whole
    lists = {"two": "train_000\ntrain_001\n", "turned": "train_002\ntrain_001\ntrain_000\n"}
    found = {whole}
    for name, text in lists.items():
        (root / f"ImageSets/Main/{name}.txt").write_text(text)
        found.add(data_hash(open_dataset(root, name)))
    with (root / "JPEGImages/train_001.jpg").open("ab") as file:
        file.write(b"\0")
    found.add(data_hash(open_dataset(root, "train")))
    assert len(found) == 4


def test_the_digest_does_not_depend_on_where_the_set_lies(tmp_path: Path) -> None:
    roots = [write_voc(tmp_path / name, {"train": 2}) for name in ("a", "b")]
    assert len({data_hash(open_dataset(root, "train")) for root in roots}) == 1


# Images and objects of every split, from the README of each set.
COUNTS = {
    ("bccd", "train"): (205, 2805),
    ("bccd", "val"): (87, 1138),
    ("bccd", "trainval"): (292, 3943),
    ("bccd", "test"): (72, 945),
    ("coco-tiny", "train"): (50, 470),
    ("coco-tiny", "val"): (50, 382),
    ("coco12", "train"): (300, 1262),
    ("coco12", "val"): (100, 446),
    ("fruits", "train"): (192, 377),
    ("fruits", "val"): (48, 88),
    ("fruits", "trainval"): (240, 465),
    ("fruits", "test"): (60, 117),
    ("voc2012-mini", "train"): (24, 51),
    ("voc2012-mini", "val"): (16, 53),
    ("voc2012-mini", "trainval"): (40, 104),
    ("voc2012-mini", "test"): (24, 65),
}


@needs_shared
@pytest.mark.parametrize(("name", "split"), COUNTS)
def test_the_real_sets_have_the_counts_of_their_readmes(name: str, split: str) -> None:
    dataset = open_dataset(SHARED / name, split)
    objects = sum(len(sample.annotations) for sample in dataset.samples)
    assert (len(dataset), objects) == COUNTS[name, split]
    assert all(min(sample.size) > 0 for sample in dataset.samples)


@needs_shared
def test_real_classes_flags_and_one_pixel_boxes() -> None:
    blood = open_dataset(SHARED / "bccd", "trainval")
    assert blood.classes == ("Platelets", "RBC", "WBC")
    tests = open_dataset(SHARED / "bccd", "test")
    areas = [a for d in (blood, tests) for s in d.samples for a in s.annotations.areas]
    assert areas.count(1.0) == 2
    splits = [open_dataset(SHARED / "voc2012-mini", split) for split in ("trainval", "test")]
    assert len(splits[0].classes) == 20
    difficult = [s.annotations.difficult.sum() for split in splits for s in split.samples]
    assert sum(difficult) == 29


@needs_shared
def test_real_crowds_sparse_ids_and_negatives() -> None:
    splits = [open_dataset(SHARED / "coco-tiny", split) for split in ("train", "val")]
    samples = [sample for split in splits for sample in split.samples]
    assert sum(sample.annotations.crowd.sum() for sample in samples) == 10
    assert sum(len(sample.annotations) == 0 for sample in samples) == 3
    small = sum((sample.annotations.areas < 32**2).sum() for sample in samples)
    assert small == 423
    assert (len(splits[0].classes), splits[0].category_ids[-1]) == (80, 90)
    alone = open_annotations(SHARED / "coco-tiny/annotations/instances_val.json")
    assert alone.listed == splits[1].listed


@needs_shared
def test_real_sizes_of_zero_and_grey_images() -> None:
    fruits = open_dataset(SHARED / "fruits", "trainval")
    sizes = {sample.image_id: sample.size for sample in fruits.samples}
    sizes |= {s.image_id: s.size for s in open_dataset(SHARED / "fruits", "test").samples}
    assert max(height for height, _ in sizes.values()) == 4605
    assert sizes["banana_57"] == (4605, 2569)
    grey = [
        sample
        for split in ("train", "val")
        for sample in open_dataset(SHARED / "coco12", split).samples
        if sample.path.stem == "000000353180"
    ]
    assert read_pixels(grey[0]).shape == (*grey[0].size, 3)


@pytest.mark.parametrize("write", [write_voc, write_coco, write_imagenet_det])
def test_annotations_are_enough_where_no_image_is_needed(write, tmp_path: Path) -> None:
    root = write(tmp_path / "set", {"train": 3}, seed=4)
    whole = open_dataset(root, "train")
    for sample in whole.samples:
        sample.path.unlink()
    for folder in ("JPEGImages", "images", "Data"):
        shutil.rmtree(root / folder, ignore_errors=True)
    alone = open_dataset(root, "train", need_images=False)
    assert alone.layout == whole.layout
    for one, other in zip(alone.samples, whole.samples, strict=True):
        # ILSVRC's image without objects has no XML: only its file knows the size.
        size = other.size if len(other.annotations) else None
        assert (one.image_id, one.size) in ((other.image_id, size), (other.image_id, other.size))
        np.testing.assert_array_equal(one.annotations.boxes, other.annotations.boxes)
    with pytest.raises(DataError, match="split lists"):
        open_dataset(root, "train")


def test_a_size_that_only_the_missing_image_knows_is_unknown(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "set", {"train": 1})
    xml = root / "Annotations/train_000.xml"
    xml.write_text(xml.read_text().replace("<width>128<", "<width>0<"))
    (root / "JPEGImages/train_000.jpg").unlink()
    (sample,) = open_dataset(root, "train", need_images=False).samples
    assert sample.size is None
    assert len(sample.annotations) > 0
