"""What a few images say of a whole split."""

from pathlib import Path

import numpy as np
import pytest
from builders import write_voc

from detect.data import open_dataset
from detect.errors import DataError
from detect.proposals.estimate import Estimate, measure, spread
from detect.structures import Dataset, Image, Proposals, Sample


def whole(image: Image, image_id: str) -> Proposals:
    """Propose the whole image, twice."""
    height, width = image.shape[:2]
    box = [0, 0, width, height]
    return Proposals(image_id, (height, width), [box] * 2, [1, 1], ["whole"] * 2)  # type: ignore[arg-type]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return open_dataset(write_voc(tmp_path / "voc", {"train": 9}), "train")


def test_hand_worked_costs_of_a_split() -> None:
    rows = tuple(
        Proposals(name, (9, 9), np.zeros((count, 4)), np.zeros(count), ["a"] * count)  # type: ignore[arg-type]
        for name, count in (("1", 3), ("2", 4))
    )
    found = Estimate(rows, seconds_per_image=2.0, bytes_per_image=1000.5, memory=300)
    assert (found.timed, found.boxes_per_image) == (2, 3.5)
    assert [found.seconds(30, workers) for workers in (1, 2, 3)] == [60, 30, 20]
    assert [found.memory_of(workers) for workers in (1, 2, 3)] == [300, 900, 1200]
    assert found.disk(30) == 30015


def test_the_images_timed_are_spread_over_the_split(dataset: Dataset) -> None:
    assert spread(dataset.samples, 3) == [dataset.samples[place] for place in (0, 4, 8)]
    assert spread(dataset.samples, 20) == list(dataset.samples)
    timed = [one.image_id for one in measure(whole, dataset.samples, 3).proposals]
    assert timed == [sample.image_id for sample in spread(dataset.samples, 3)]


def test_an_image_that_cannot_be_read_ends_it_or_is_left_out(dataset: Dataset) -> None:
    bad: Sample = dataset.samples[4]
    bad.path.write_bytes(b"no image")
    with pytest.raises(DataError, match=bad.path.name):
        measure(whole, dataset.samples, 3)
    found = measure(whole, dataset.samples, 3, skip_bad=True)
    assert found.timed == 2
    with pytest.raises(DataError, match=bad.path.name):
        measure(whole, [bad], skip_bad=True)
