"""Positives of a second split: how many, which, and nothing else of it."""

from pathlib import Path

import numpy as np
import pytest
from builders import write_voc

from detect.config import RegionClassifierRecipe
from detect.data import open_dataset
from detect.storage.proposals import ProposalFile, writing
from detect.structures import Annotations, Dataset, Proposals, Sample
from detect.training.extra_positives import draw_positives
from detect.training.region_data import CropBatches, collect

CLASSES = ("circle", "square", "triangle")
RECIPE = RegionClassifierRecipe.model_validate(
    {"model": {"input_size": 32}, "optimizer": {"steps": 1}, "sampling": {"batch_size": 16}}
)


def sample(image_id: str, labels: list[int], **flags: list[int]) -> Sample:
    boxes = np.array([[i, 0, i + 5, 9] for i in range(len(labels))], np.float32).reshape(-1, 4)
    truth = Annotations(boxes, np.array(labels), **flags)  # type: ignore[arg-type]
    return Sample(image_id, Path(image_id), (20, 30), truth)


def dataset(*samples: Sample) -> Dataset:
    return Dataset(Path("d"), "voc", "other", CLASSES, (1, 2, 3), samples)


def drawn(data: Dataset, per_class: int, seed: int = 0, leave_out: tuple[str, ...] = ()):
    return draw_positives(data, per_class, np.random.default_rng(seed), leave_out)


def labels_of(samples: tuple[Sample, ...]) -> list[int]:
    return sorted(label for one in samples for label in one.annotations.labels.tolist())


def test_at_most_n_objects_of_each_class() -> None:
    data = dataset(sample("a", [0, 0, 1]), sample("b", []), sample("c", [0, 2, 0]))
    assert labels_of(drawn(data, 2)) == [0, 0, 1, 2]
    assert labels_of(drawn(data, 99)) == [0, 0, 0, 0, 1, 2]
    assert [one.image_id for one in drawn(data, 99)] == ["a", "c"]


def test_objects_keep_their_boxes_and_images() -> None:
    data = dataset(sample("a", [0, 1, 2, 1]), sample("b", [2, 2]))
    for one in drawn(data, 1):
        whole = next(other for other in data.samples if other.image_id == one.image_id)
        for box, label, number in zip(
            one.annotations.boxes, one.annotations.labels, one.annotations.ids, strict=True
        ):
            place = whole.annotations.ids.tolist().index(number)
            assert whole.annotations.labels[place] == label
            np.testing.assert_array_equal(whole.annotations.boxes[place], box)
        assert (one.path, one.size) == (whole.path, whole.size)


def test_difficult_and_crowd_objects_are_not_drawn() -> None:
    data = dataset(sample("a", [0, 1, 2], difficult=[1, 0, 0], crowd=[0, 0, 1]))
    assert labels_of(drawn(data, 9)) == [1]


def test_images_left_out_give_nothing() -> None:
    data = dataset(sample("a", [0]), sample("b", [1]))
    assert labels_of(drawn(data, 9, leave_out=("a",))) == [1]
    assert drawn(data, 9, leave_out=("a", "b")) == ()


def test_every_object_is_as_likely_and_the_seed_decides() -> None:
    data = dataset(*(sample(f"{number}", [0]) for number in range(10)))
    counts = np.zeros(10)
    for seed in range(400):
        for one in drawn(data, 3, seed):
            counts[int(one.image_id)] += 1
    assert counts.sum() == 1200
    assert counts.min() > 80  # 120 expected, standard deviation 9
    assert counts.max() < 160
    first, again = drawn(data, 3, 5), drawn(data, 3, 5)
    assert [one.image_id for one in first] == [one.image_id for one in again]


def test_none_a_class_is_the_callers_bug() -> None:
    with pytest.raises(ValueError, match="1 object a class or more, got 0"):
        drawn(dataset(sample("a", [0])), 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_voc(tmp_path / "voc", {"train": 3, "more": 5}, seed=3)


def propose(path: Path, data: Dataset) -> ProposalFile:
    grid = [[x, y, x + 24, y + 24] for x in (0, 30, 60, 90) for y in (0, 30, 60)]
    with writing(path, {"method": "test"}) as writer:
        for one in data.samples:
            names = np.array(["grid"] * len(grid))
            boxes = np.array(grid, np.float32)
            writer.write(Proposals(one.image_id, one.size, boxes, np.ones(len(grid)), names))
    return ProposalFile(path)


def test_extra_images_add_their_objects_as_positives_and_nothing_else(
    root: Path, tmp_path: Path
) -> None:
    train, more = open_dataset(root, "train"), open_dataset(root, "more")
    proposals = propose(tmp_path / "p.parquet", train)  # none of the other split
    plain = collect(train, proposals, RECIPE)
    extra = drawn(more, 2)
    data = collect(train, proposals, RECIPE, extra=extra)
    count = len(labels_of(extra))
    assert len(data.samples) == len(train) + len(extra)
    assert len(data.foreground) == len(plain.foreground) + count
    np.testing.assert_array_equal(data.background.image, plain.background.image)
    np.testing.assert_array_equal(data.background.box, plain.background.box)
    added = data.foreground.take(np.arange(len(plain.foreground), len(data.foreground)))
    assert sorted(added.label.tolist()) == labels_of(extra)
    for image, box, label in zip(added.image, added.box, added.label, strict=True):
        truth = data.samples[image].annotations
        np.testing.assert_array_equal(data.boxes[image][box], truth.boxes[box])
        assert truth.labels[box] == label
    crops, labels = CropBatches(data, RECIPE, len(CLASSES)).make(0)
    assert crops.shape == (16, 32, 32, 3)
    assert (labels < 3).sum() == 4


def test_a_class_may_have_positives_in_the_second_split_alone(root: Path, tmp_path: Path) -> None:
    train, more = open_dataset(root, "train"), open_dataset(root, "more")
    bare = Dataset(**{**vars(train), "samples": tuple(map(_without_circles, train.samples))})
    proposals = propose(tmp_path / "p.parquet", train)
    data = collect(bare, proposals, RECIPE, extra=drawn(more, 3))
    assert 1 <= data.positives(CLASSES)["circle"] <= 3


def _without_circles(one: Sample) -> Sample:
    kept = one.annotations.labels != 0
    truth = Annotations(one.annotations.boxes[kept], one.annotations.labels[kept])
    return Sample(one.image_id, one.path, one.size, truth)
