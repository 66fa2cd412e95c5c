"""Batches of patches: pure functions of a sample's place, whichever process makes them."""

from pathlib import Path

import numpy as np
import pytest
from builders import save_image
from class_sets import write_class_folders

from detect.config import PretrainRecipe
from detect.data.labelled import LabelledImages, open_labelled
from detect.errors import DataError
from detect.training.pretrain_data import PatchBatches, check_classes

PLAIN = {"mirror": False, "photometric": False, "random_interpolation": False}


def recipe(**changes: object) -> PretrainRecipe:
    values = {"batch_size": 4, "model": {"input_size": 32}, "optimizer": {"steps": 1}, **changes}
    return PretrainRecipe.model_validate(values)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelledImages:
    root = write_class_folders(tmp_path_factory.mktemp("data"), {"train": 2})
    return open_labelled(root, "train")


def test_a_batch_depends_on_seed_and_step_alone(data: LabelledImages) -> None:
    first, again = PatchBatches(data, recipe()), PatchBatches(data, recipe())
    again.make(7)  # another history
    patches, labels = first.make(2)
    assert patches.shape == (4, 32, 32, 3)
    assert patches.dtype == np.uint8
    assert np.array_equal(patches, again.make(2)[0])
    assert np.array_equal(labels, again.make(2)[1])
    assert not np.array_equal(patches, first.make(3)[0])
    assert not np.array_equal(patches, PatchBatches(data, recipe(seed=1)).make(2)[0])


def test_a_sample_is_the_same_in_every_share_and_batch_size(data: LabelledImages) -> None:
    whole, labels = PatchBatches(data, recipe()).make(1)
    parts = [PatchBatches(data, recipe()).make(1, rows) for rows in (slice(0, 1), slice(1, 4))]
    assert np.array_equal(np.concatenate([patches for patches, _ in parts]), whole)
    assert np.array_equal(np.concatenate([chosen for _, chosen in parts]), labels)
    small = PatchBatches(data, recipe(batch_size=2))
    assert np.array_equal(np.concatenate([small.make(2)[0], small.make(3)[0]]), whole)


def test_transforms_change_a_sample_by_its_place_alone(data: LabelledImages) -> None:
    noise = {"name": "GaussNoise", "std_range": [0.05, 0.15], "p": 0.5}
    told = recipe(augment={"more": [noise]})
    whole, _ = PatchBatches(data, told).make(1)
    parts = [PatchBatches(data, told).make(1, rows)[0] for rows in (slice(0, 1), slice(1, 4))]
    assert np.array_equal(np.concatenate(parts), whole)
    never = recipe(augment={"more": [{**noise, "p": 0.0}]})
    plain = PatchBatches(data, recipe()).make(1)[0]
    assert np.array_equal(PatchBatches(data, never).make(1)[0], plain)
    assert not np.array_equal(whole, plain)


def test_every_image_comes_once_an_epoch_in_another_order(data: LabelledImages) -> None:
    batches = PatchBatches(data, recipe(batch_size=6))
    orders = [[batches._images.at(step * 6 + row) for row in range(6)] for step in (0, 1)]
    assert [sorted(order) for order in orders] == [list(range(6))] * 2
    assert orders[0] != orders[1]
    assert sorted(batches.make(0)[1].tolist()) == [0, 0, 1, 1, 2, 2]


def test_a_patch_shows_the_part_of_the_image_that_was_drawn(tmp_path: Path) -> None:
    gradient = np.zeros((32, 32, 3), np.uint8)
    gradient[..., 0], gradient[..., 1] = np.mgrid[0:32, 0:32] * 8
    for name in ("train/a/1.png", "train/b/1.png"):
        save_image(tmp_path / name, gradient)
    data = open_labelled(tmp_path, "train")
    whole = recipe(augment=PLAIN, patches={"area": [1, 1], "aspect": [1, 1]})
    assert np.array_equal(PatchBatches(data, whole).make(0)[0], np.stack([gradient] * 4))
    quarter = recipe(augment=PLAIN, patches={"area": [0.25, 0.25], "aspect": [1, 1]})
    for patch in PatchBatches(data, quarter).make(0)[0].astype(int):
        # 16 of 32 px are shown: half the slope, to rounding.
        assert patch[-1, 0, 0] - patch[0, 0, 0] == pytest.approx(15 * 8, abs=3)
        assert patch[0, -1, 1] - patch[0, 0, 1] == pytest.approx(15 * 8, abs=3)


def test_classes_without_images_cannot_be_learned(data: LabelledImages, tmp_path: Path) -> None:
    check_classes(data)
    circles = data.take(np.flatnonzero(data.labels == 0))
    with pytest.raises(DataError, match=r"split train has no image of square and 1 more"):
        check_classes(circles)
    write_class_folders(tmp_path, {"train": 1})
    for name in ("circle", "square"):
        (tmp_path / "train" / name / "1.png").unlink()
        (tmp_path / "train" / name).rmdir()
    with pytest.raises(DataError, match=r"one class alone, triangle; expected two or more"):
        check_classes(open_labelled(tmp_path, "train"))
