"""Regions of a data set: pools, chosen classes, batches that depend on seed and step alone."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock

import numpy as np
import pytest
from builders import write_voc

from detect.config import RegionClassifierRecipe
from detect.data import open_dataset, read_pixels
from detect.errors import DataError
from detect.storage.proposals import ProposalFile, write_proposals, writing
from detect.structures import Annotations, Dataset, Image, Proposals, Sample
from detect.training import image_cache
from detect.training.image_cache import ImageCache
from detect.training.region_data import (
    CropBatches,
    RegionData,
    choose_classes,
    collect,
)

FIVE = (
    {"name": "GaussNoise", "std_range": [0.05, 0.15]},
    {"name": "MotionBlur", "blur_limit": [3, 7]},
    {"name": "CLAHE", "tile_grid_size": [4, 4]},
    {"name": "RandomShadow"},
    {"name": "ImageCompression", "quality_range": [20, 60]},
)


def recipe(**sections: object) -> RegionClassifierRecipe:
    small = {"model": {"input_size": 32}, "optimizer": {"steps": 2}, "sampling": {"batch_size": 16}}
    return RegionClassifierRecipe.model_validate({**small, **sections})


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
    assert 'set=\'classes=["circle", "square"]\'' in str(error.value)
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


class Watched(OrderedDict[Path, tuple[Image, float]]):
    """What a cache keeps; to touch it without holding `lock` is an error."""

    def __init__(self, lock: Lock) -> None:
        super().__init__()
        self.lock = lock

    def __contains__(self, key: object) -> bool:
        assert self.lock.locked()
        return super().__contains__(key)

    def __setitem__(self, key: Path, value: tuple[Image, float]) -> None:
        assert self.lock.locked()
        super().__setitem__(key, value)

    def popitem(self, last: bool = True) -> tuple[Path, tuple[Image, float]]:
        assert self.lock.locked()
        return super().popitem(last)


def test_structures_are_what_the_recipe_calls_them(tmp_path: Path) -> None:
    image = Sample("a", tmp_path / "a.png", (100, 100), one_object([0, 0, 40, 40]))
    # IoU with the object: 0.8, 0.5, 0.25, 0.
    boxes = [[0, 0, 40, 32], [0, 0, 40, 20], [0, 0, 40, 10], [50, 50, 90, 90]]
    found = Proposals("a", (100, 100), np.array(boxes), np.ones(4), np.full(4, "test"))
    write_proposals(tmp_path / "p.parquet", [found], {"method": "test"})
    proposals = ProposalFile(tmp_path / "p.parquet")
    dataset = Dataset(tmp_path, "coco", "train", ("one",), (1,), (image,))

    def rows(**sampling: object) -> tuple[list[int], list[int]]:
        data = collect(dataset, proposals, recipe(sampling={"batch_size": 4, **sampling}))
        return data.foreground.box.tolist(), data.background.box.tolist()

    # The fifth is the object itself.
    assert rows() == ([0, 1, 4], [2, 3])
    assert rows(foreground_iou=0.6) == ([0, 4], [2, 3])
    assert rows(background_iou=[0.1, 0.5]) == ([0, 1, 4], [2])
    assert rows(foreground_iou=0.6, background_iou=[0.0, 0.2]) == ([0, 4], [3])


def one_object(box: list[float]) -> Annotations:
    none = np.zeros(1, np.bool_)
    return Annotations(np.array([box], np.float32), np.zeros(1, np.int64), none, none)


def test_threads_share_a_cache_under_its_lock(dataset: Dataset) -> None:
    cache = ImageCache(0, limit=2 * 96 * 128 * 3)
    cache._images = Watched(cache._lock)
    expected = [read_pixels(sample) for sample in dataset.samples]
    places = np.random.default_rng(0).integers(len(expected), size=200).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda place: cache.read(dataset.samples[place])[0], places))
    assert all(np.array_equal(one, expected[n]) for one, n in zip(found, places, strict=True))
    assert cache._bytes == sum(image.nbytes for image, _ in cache._images.values())
    assert len(cache._images) == 2


def test_an_image_that_two_threads_decode_at_once_is_kept_once(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Barrier(2, timeout=60)

    def meet(sample: Sample) -> Image:
        both.wait()
        return read_pixels(sample)

    monkeypatch.setattr(image_cache, "read_pixels", meet)
    cache = ImageCache(0)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(cache.read, [dataset.samples[0]] * 2))
    assert cache._bytes == 96 * 128 * 3


def test_the_image_read_last_stays(dataset: Dataset) -> None:
    cache = ImageCache(0, limit=2 * 96 * 128 * 3)
    first, second, third = dataset.samples[:3]
    kept = cache.read(first)[0]
    cache.read(second)
    cache.read(first)
    cache.read(third)
    assert cache.read(first)[0] is kept
    assert {path.stem for path in cache._images} == {"train_000", "train_002"}


def test_a_batch_shows_the_regions_of_its_labels(dataset: Dataset, data: RegionData) -> None:
    plain = {"augment": {"photometric": False, "random_interpolation": False, "mirror": False}}
    chosen = recipe(**plain, crops={"context": 0})
    crops, labels = CropBatches(data, chosen, 3).make(0)
    colours = np.array([[220, 40, 40], [40, 200, 60], [50, 80, 230]])  # builders.py, of each class
    # At the middle of a positive region (an object, moved by 2 px at most) is its colour.
    for crop, label in zip(crops, labels, strict=True):
        nearest = np.abs(colours - crop[16, 16].astype(int)).sum(axis=1)
        if label < 3:
            assert nearest.argmin() == label
            assert nearest.min() < 60
    # Mixed, so that every piece of a batch holds both kinds: the positives are not all in front.
    assert (labels[:4] == 3).any()


def test_the_rows_of_a_batch_are_those_of_the_whole(data: RegionData) -> None:
    crops, labels = CropBatches(data, recipe(), 3).make(4)
    parts = [CropBatches(data, recipe(), 3).make(4, rows) for rows in (slice(0, 5), slice(5, 16))]
    assert np.array_equal(np.concatenate([part for part, _ in parts]), crops)
    assert np.array_equal(np.concatenate([part for _, part in parts]), labels)


def test_five_transforms_leave_a_batch_a_function_of_seed_and_step(data: RegionData) -> None:
    told = recipe(augment={"more": FIVE})
    batches = CropBatches(data, told, 3)
    crops, labels = batches.make(4)
    plain, same_labels = CropBatches(data, recipe(), 3).make(4)
    assert not np.array_equal(crops, plain)
    assert np.array_equal(labels, same_labels)
    batches.make(7)  # another history
    pieces = [batches.make(4, rows)[0] for rows in (slice(9, 16), slice(0, 2), slice(2, 9))]
    assert np.array_equal(np.concatenate([*pieces[1:], pieces[0]]), crops)
    other_seed = recipe(augment={"more": FIVE}, seed=1)
    assert not np.array_equal(CropBatches(data, other_seed, 3).make(4)[0], crops)


def test_transforms_that_never_come_leave_the_batch_as_it_was(data: RegionData) -> None:
    never = recipe(augment={"more": [{**table, "p": 0.0} for table in FIVE]})
    expected = CropBatches(data, recipe(), 3).make(4)
    for one, other in zip(CropBatches(data, never, 3).make(4), expected, strict=True):
        assert np.array_equal(one, other)


def test_three_threads_make_the_batches_that_one_makes(data: RegionData) -> None:
    batches = CropBatches(data, recipe(augment={"more": FIVE}), 3)
    one = [batches.make(step)[0] for step in range(5)]
    with ThreadPoolExecutor(3) as pool:
        three = list(pool.map(lambda step: batches.make(step)[0], range(5)))
    assert all(map(np.array_equal, one, three))


def test_the_cache_forgets_beyond_its_limit(dataset: Dataset) -> None:
    cache = ImageCache(0, limit=2 * 96 * 128 * 3)
    for sample in dataset.samples:
        cache.read(sample)
    assert len(cache._images) == 2
    image, factor = cache.read(dataset.samples[-1])
    assert image is cache.read(dataset.samples[-1])[0]
    assert factor == 1.0
