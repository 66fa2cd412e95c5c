"""Regions of a data set: pools, chosen classes, batches that depend on seed and step alone."""

from pathlib import Path

import numpy as np
import pytest
from builders import write_voc

from detect.config import ClassifierRecipe
from detect.data import open_dataset
from detect.errors import DataError
from detect.regions import Dataset, Proposals
from detect.storage.proposals import ProposalFile, writing
from detect.training.region_data import (
    CropBatches,
    ImageCache,
    RegionData,
    choose_classes,
    collect,
)


def recipe(**sections: object) -> ClassifierRecipe:
    small = {"model": {"input_size": 32}, "optimizer": {"steps": 2}, "sampling": {"batch_size": 16}}
    return ClassifierRecipe.model_validate({**small, **sections})


def propose(path: Path, dataset: Dataset, *, widen: int = 0) -> ProposalFile:
    """Write the objects themselves, moved by 2 px, and a grid of boxes."""
    grid = np.array([[x, y, x + 24, y + 24] for x in (0, 30, 60, 90) for y in (0, 30, 60)])
    with writing(path, {"method": "test"}) as writer:
        for sample in dataset.samples:
            boxes = np.concatenate([sample.annotations.boxes + 2, grid]).astype(np.float32)
            size = (sample.size[0], sample.size[1] + widen)
            scores, sources = np.ones(len(boxes)), ["grid"] * len(boxes)
            writer.write(Proposals(sample.image_id, size, boxes, scores, sources))  # type: ignore[arg-type]
    return ProposalFile(path)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return open_dataset(write_voc(tmp_path / "voc", {"train": 6}, seed=3), "train")


@pytest.fixture
def data(dataset: Dataset, tmp_path: Path) -> RegionData:
    return collect(dataset, propose(tmp_path / "p.parquet", dataset), recipe())


def test_truths_are_positive_regions_of_their_class(dataset: Dataset, data: RegionData) -> None:
    for number, sample in enumerate(dataset.samples):
        rows = data.foreground.image == number
        found = data.boxes[number][data.foreground.box[rows]]
        for box, label in zip(sample.annotations.boxes, sample.annotations.labels, strict=True):
            same = (found == box).all(axis=1)
            assert data.foreground.label[rows][same].tolist() == [label]


def test_a_batch_is_a_function_of_seed_and_step(data: RegionData) -> None:
    first, again = CropBatches(data, recipe(), 3), CropBatches(data, recipe(), 3)
    again.make(7)  # another history
    for one, other in zip(first.make(2), again.make(2), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.make(2)[0], first.make(3)[0])
    other_seed = CropBatches(data, recipe(seed=1), 3)
    assert not np.array_equal(first.make(2)[0], other_seed.make(2)[0])


def test_a_batch_holds_a_quarter_foreground(data: RegionData) -> None:
    crops, labels = CropBatches(data, recipe(), 3).make(0)
    assert crops.shape == (16, 32, 32, 3)
    assert (labels < 3).sum() == 4
    assert (labels == 3).sum() == 12


def test_shrunk_images_give_nearly_the_same_crops(dataset: Dataset, data: RegionData) -> None:
    plain = {"augment": {"photometric": False, "random_interpolation": False, "mirror": False}}
    full = CropBatches(data, recipe(**plain), 3).make(0)[0]
    half = CropBatches(data, recipe(**plain, crops={"image_side": 64}), 3).make(0)[0]
    assert np.abs(full.astype(int) - half).mean() < 25
    assert not np.array_equal(full, half)


def test_proposals_of_another_size_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    wide = propose(tmp_path / "wide.parquet", dataset, widen=5)
    with pytest.raises(DataError, match=r"made for an image of 133x96 px, this one has 128x96"):
        collect(dataset, wide, recipe())


def test_proposals_of_other_images_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "other", {"val": 2}, seed=5)
    other = open_dataset(root, "val")
    with pytest.raises(DataError, match="train_000"):
        collect(dataset, propose(tmp_path / "other.parquet", other), recipe())


def test_a_class_without_positives_is_named_with_the_way_out(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"train": 3}, classes=("circle", "square"))
    (root / "classes.txt").write_text("circle\nsquare\nunicorn\n")
    dataset = open_dataset(root, "train")
    proposals = propose(tmp_path / "p.parquet", dataset)
    with pytest.raises(DataError) as error:
        collect(dataset, proposals, recipe())
    assert "no region is positive for unicorn" in str(error.value)
    assert '--set "classes=[circle, square]"' in str(error.value)
    chosen = choose_classes(dataset, ("circle", "square"))
    assert set(collect(chosen, proposals, recipe()).positives(chosen.classes)) == {
        "circle",
        "square",
    }


def test_chosen_classes_keep_their_objects_and_ids(dataset: Dataset) -> None:
    chosen = choose_classes(dataset, ("triangle", "circle"))
    assert chosen.classes == ("triangle", "circle")
    assert chosen.category_ids == (3, 1)
    for before, after in zip(dataset.samples, chosen.samples, strict=True):
        names = [dataset.classes[label] for label in before.annotations.labels]
        kept = [name for name in names if name != "square"]
        assert [chosen.classes[label] for label in after.annotations.labels] == kept


def test_an_unknown_class_is_refused(dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"no class 'cube'; it has circle, square, triangle"):
        choose_classes(dataset, ("cube",))


def test_the_cache_forgets_beyond_its_limit(dataset: Dataset) -> None:
    cache = ImageCache(0, limit=2 * 96 * 128 * 3)
    for sample in dataset.samples:
        cache.read(sample)
    assert len(cache._images) == 2
    image, factor = cache.read(dataset.samples[-1])
    assert image is cache.read(dataset.samples[-1])[0]
    assert factor == 1.0
