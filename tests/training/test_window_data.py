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
from detect.structures import NO_ANNOTATIONS, Annotations, Dataset, FloatArray, Size
from detect.training.multibox import pack, unpack
from detect.training.multibox_loss import WindowTruth
from detect.training.window_data import WindowBatches, collect_windows, shown

Box = tuple[float, float, float, float]


def recipe(**sections: object) -> MultiBoxRecipe:
    small = {"model": {"input_size": 64}, "optimizer": {"steps": 2}, "batch_size": 4}
    return MultiBoxRecipe.model_validate({**small, **sections})


def plain(**sections: object) -> MultiBoxRecipe:
    """Return a recipe that changes no window once drawn."""
    augment = {"mirror": False, "photometric": False}
    return recipe(**{"augment": augment, "windows": {"whole": 1.0}, **sections})


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return open_dataset(write_voc(tmp_path / "voc", {"train": 6}, seed=3), "train")


def test_a_box_belongs_by_its_centre_or_half_of_it():
    boxes = np.array(
        [
            [10, 10, 20, 20],  # inside
            [36, 0, 56, 10],  # centre at 46: inside, cut at 50
            [30, 30, 60, 60],  # centre inside, 4 ninths visible
            [40, 0, 60, 10],  # centre on the right side, outside by a hair, but half visible
            [40, 40, 60, 60],  # centre on the corner, a quarter visible
            [41, 0, 61, 10],  # centre outside, 45 % visible
            [-30, 0, 20, 10],  # centre outside, 40 % visible
            [49, 49, 49, 60],  # no area
        ],
        np.float32,
    )
    found = shown(boxes, (0, 0, 50, 50))
    expected = [[0.2, 0.2, 0.4, 0.4], [0.72, 0, 1, 0.2], [0.6, 0.6, 1, 1], [0.8, 0, 1, 0.2]]
    np.testing.assert_allclose(found, expected)


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
    """A crowd region as many px wide as its image has a number says which image it is."""
    data = collect_windows(dataset)
    numbers = [np.array([[0, 0, number, 1]], np.float32) for number in range(6)]
    batches = WindowBatches(replace(data, crowd=tuple(numbers)), plain(batch_size=3))
    for epoch in (0, 1):
        truths = batches.make(2 * epoch)[1] + batches.make(2 * epoch + 1)[1]
        sides = [one.crowd[0, 2] - one.crowd[0, 0] for one in truths]
        width = dataset.samples[0].size[1]
        np.testing.assert_allclose(sorted(sides), np.arange(6) / width, atol=1e-6)


def test_rows_of_a_batch_are_rows_of_the_whole(dataset: Dataset):
    batches = WindowBatches(collect_windows(dataset), recipe(windows={"box_jitter": 0.1}))
    windows, truths = batches.make(3)
    some, shown_there = batches.make(3, slice(1, 3))
    np.testing.assert_array_equal(some, windows[1:3])
    for one, other in zip(shown_there, truths[1:3], strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)


def test_transforms_change_windows_and_nothing_else(dataset: Dataset):
    data, moving = collect_windows(dataset), {"windows": {"box_jitter": 0.1}}
    batches = WindowBatches(data, recipe(augment={"more": [{"name": "InvertImg"}]}, **moving))
    windows, truths = batches.make(3)
    plain, same = WindowBatches(data, recipe(**moving)).make(3)
    changed = [not np.array_equal(*pair) for pair in zip(windows, plain, strict=True)]
    assert any(changed)
    np.testing.assert_array_equal(windows[changed], 255 - plain[changed])
    for one, other in zip(truths, same, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
    np.testing.assert_array_equal(batches.make(3, slice(1, 3))[0], windows[1:3])


def drawn(
    root: Path, size: Size, boxes: list[Box], steps: int, **windows: float
) -> tuple[FloatArray, list[FloatArray]]:
    """Return windows (N, 4) px drawn from one image of `size` and what they show of its `boxes`.

    A crowd region as large as the image tells where in it a window lies.
    """
    one = open_dataset(write_voc(root / "one", {"train": 1}, size=size), "train")
    data = collect_windows(one)
    everything = np.array([[0, 0, size[1], size[0]]], np.float32)
    data = replace(data, boxes=(np.array(boxes, np.float32).reshape(-1, 4),), crowd=(everything,))
    batches = WindowBatches(data, plain(batch_size=100, windows=windows))
    truths = [truth for step in range(steps) for truth in batches.make(step)[1]]
    crowd = np.concatenate([truth.crowd for truth in truths])
    sides = (size[1], size[0]) / (crowd[:, 2:] - crowd[:, :2])
    start = -crowd[:, :2] * sides
    return np.concatenate([start, start + sides], axis=1), [truth.boxes for truth in truths]


def test_squares_are_of_any_side_allowed_and_anywhere(tmp_path: Path):
    found, _ = drawn(tmp_path, (60, 100), [], 6, whole=0.25, smallest=0.5)
    whole = np.isclose(found, [0, 0, 100, 60], atol=1e-3).all(axis=1)
    assert whole.mean() == pytest.approx(0.25, abs=0.06)  # 3.4 standard deviations of 600
    squares = found[~whole].round(2)
    sides = squares[:, 2] - squares[:, 0]
    np.testing.assert_allclose(squares[:, 3] - squares[:, 1], sides, atol=0.02)
    assert (sides.min(), sides.max()) == pytest.approx((30, 60), abs=0.02)
    assert sides.mean() == pytest.approx(45, abs=1.5)  # uniform on 30 to 60
    assert (squares[:, :2].min(axis=0) == 0).all()
    np.testing.assert_allclose(squares[:, 2:].max(axis=0), (100, 60), atol=0.02)
    spare = 100 - sides
    assert (squares[:, 0] / spare).mean() == pytest.approx(0.5, abs=0.05)
    assert not np.allclose(found[:100], found[100:200])


def test_a_square_that_shows_an_object_is_drawn_ten_times_in_search_of(tmp_path: Path):
    # Squares of 60 px start at 0 to 59; those from 0 to 5, one in ten, show the centre at 5.5.
    _, boxes = drawn(tmp_path, (60, 119), [(4, 28, 7, 32)], 10, whole=0.0, smallest=1.0)
    share = np.mean([len(shown_there) for shown_there in boxes])
    assert share == pytest.approx(1 - 0.9**10, abs=0.045)  # 3 standard deviations of 1,000


def test_a_crowd_region_moves_as_a_box_does(dataset: Dataset):
    data = collect_windows(dataset)
    chosen = recipe(windows={"whole": 1.0}, augment={"vertical_mirror": True, "transpose": True})
    batches = WindowBatches(replace(data, crowd=data.boxes), chosen)
    for truth in batches.make(0)[1] + batches.make(1)[1]:
        np.testing.assert_allclose(truth.crowd, truth.boxes, atol=1e-6)


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


def test_each_side_is_jittered_by_a_share_of_its_length_in_half_of_the_windows(tmp_path: Path):
    box = (20, 20, 80, 30)
    jitter = {"whole": 1.0, "box_jitter": 0.2}
    found = np.concatenate(drawn(tmp_path, (60, 100), [box], 4, **jitter)[1]) * [100, 60, 100, 60]
    shares = (found - box) / [60, 10, 60, 10]
    moved = shares[np.abs(shares).max(axis=1) > 1e-5]
    assert len(moved) / 400 == pytest.approx(0.5, abs=0.075)
    # Uniform on -0.2 to 0.2: mean 0, deviation 0.2 / sqrt(3).
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=0.025)
    np.testing.assert_allclose(moved.std(axis=0), 0.2 / 3**0.5, atol=0.015)
    assert 0.19 < np.abs(moved).max() <= 0.2 + 1e-5


def test_jittered_boxes_stay_in_their_window(tmp_path: Path):
    jitter = {"whole": 1.0, "box_jitter": 0.2}
    found = np.concatenate(drawn(tmp_path, (60, 100), [(0, 0, 100, 60)], 1, **jitter)[1])
    assert found.min() == 0
    assert found.max() == 1


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
        WindowTruth(np.array([[0, 0, 0.5, 0.5], [0.1, 0, 1, 1]], np.float32), none),
        WindowTruth(none, np.array([[0.2, 0.2, 0.3, 0.4]], np.float32)),
        WindowTruth(none, none),
    ]
    for one, other in zip(truths, unpack(pack(truths)), strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.crowd, other.crowd)
