"""Windows for MultiBox: which boxes they show, the same for the same seed and step."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import write_voc

from detect.config import MultiBoxRecipe
from detect.data import open_dataset
from detect.errors import DataError
from detect.regions import NO_ANNOTATIONS, Annotations, Dataset
from detect.training.multibox import pack, unpack
from detect.training.multibox_loss import Truth
from detect.training.window_data import WindowBatches, collect_windows, shown


def recipe(**sections: object) -> MultiBoxRecipe:
    small = {"model": {"input_size": 64}, "optimizer": {"steps": 2}, "batch_size": 4}
    return MultiBoxRecipe.model_validate({**small, **sections})


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return open_dataset(write_voc(tmp_path / "voc", {"train": 6}, seed=3), "train")


def test_a_box_belongs_by_its_centre_or_half_of_it():
    boxes = np.array(
        [
            [10, 10, 20, 20],  # inside
            [36, 0, 56, 10],  # centre at 46: inside, cut at 50
            [41, 0, 61, 10],  # centre outside, 45 % visible
            [-30, 0, 20, 10],  # centre outside, 40 % visible
            [49, 49, 49, 60],  # no area
        ],
        np.float32,
    )
    found = shown(boxes, (0, 0, 50, 50))
    np.testing.assert_allclose(found, [[0.2, 0.2, 0.4, 0.4], [0.72, 0, 1, 0.2]])


def test_windows_move_with_their_origin():
    found = shown(np.array([[30, 40, 50, 80]], np.float32), (20, 30, 120, 80))
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.3, 1.0]])


def test_a_batch_is_a_function_of_seed_and_step(dataset: Dataset):
    data = collect_windows(dataset)
    first, again = WindowBatches(data, recipe()), WindowBatches(data, recipe())
    again.make(7)
    for step in (0, 3):
        windows, truths = first.make(step)
        others, same = again.make(step)
        np.testing.assert_array_equal(windows, others)
        for one, other in zip(truths, same, strict=True):
            np.testing.assert_array_equal(one.boxes, other.boxes)
    assert not np.array_equal(first.make(0)[0], first.make(1)[0])


def test_every_image_comes_once_an_epoch(dataset: Dataset):
    batches = WindowBatches(collect_windows(dataset), recipe(batch_size=3))
    seen = [batches._images.at(place) for place in range(6)]
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("whole", [0.0, 1.0])
def test_boxes_follow_the_pixels_through_window_and_symmetry(dataset: Dataset, whole: float):
    """The objects are brighter in colour than the grey background: their boxes are saturated."""
    chosen = recipe(
        windows={"whole": whole},
        augment={"vertical_mirror": True, "transpose": True, "photometric": False},
        model={"input_size": 128},
    )
    batches = WindowBatches(collect_windows(dataset), chosen)
    boxes = 0
    for step in range(4):
        for window, truth in zip(*batches.make(step), strict=True):
            saturation = cv2.cvtColor(window, cv2.COLOR_RGB2HSV)[..., 1]
            for x1, y1, x2, y2 in (truth.boxes * 128).round().astype(int):
                middle = saturation[(y1 + y2) // 2, (x1 + x2) // 2]
                assert middle > 110
                boxes += 1
    assert boxes >= 16


def test_jitter_moves_boxes_by_no_more_than_asked(dataset: Dataset):
    still = WindowBatches(collect_windows(dataset), recipe(windows={"whole": 1.0}))
    moved = WindowBatches(
        collect_windows(dataset), recipe(windows={"whole": 1.0, "box_jitter": 0.1})
    )
    largest = 0.0
    for step in range(6):
        for one, other in zip(still.make(step)[1], moved.make(step)[1], strict=True):
            sides = np.tile(one.boxes[:, 2:] - one.boxes[:, :2], 2)
            share = np.abs(other.boxes - one.boxes) / sides
            largest = max(largest, float(share.max(initial=0)))
    assert 0.02 < largest <= 0.1 + 1e-5


def test_difficult_boxes_count_and_boxes_without_area_do_not(dataset: Dataset):
    notes = Annotations(
        np.array([[5, 5, 30, 30], [7, 7, 7, 20], [40, 40, 60, 60]], np.float32),
        np.array([0, 1, 1]),
        difficult=np.array([True, False, False]),
        crowd=np.array([False, False, True]),
    )
    samples = (replace(dataset.samples[0], annotations=notes), *dataset.samples[1:])
    data = collect_windows(replace(dataset, samples=samples))
    assert data.boxes[0].tolist() == [[5, 5, 30, 30]]
    assert data.crowd[0].tolist() == [[40, 40, 60, 60]]


def test_a_split_without_boxes_is_refused(dataset: Dataset):
    empty = tuple(replace(sample, annotations=NO_ANNOTATIONS) for sample in dataset.samples)
    with pytest.raises(DataError, match="split 'train' has no boxes to learn from"):
        collect_windows(replace(dataset, samples=empty))


def test_packing_loses_nothing():
    none = np.zeros((0, 4), np.float32)
    truths = [
        Truth(np.array([[0, 0, 0.5, 0.5], [0.1, 0, 1, 1]], np.float32), none),
        Truth(none, np.array([[0.2, 0.2, 0.3, 0.4]], np.float32)),
        Truth(none, none),
    ]
    for one, other in zip(truths, unpack(pack(truths)), strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.crowd, other.crowd)
