"""Assignment of proposals to truths and sampling of training batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detect.boxes import iou_matrix
from detect.matching import BACKGROUND, IGNORED, Pool, assign, pools, sample_batch
from detect.structures import NO_ANNOTATIONS, Annotations

TRUTH = [0, 0, 10, 10]


def labels(boxes: list[list[float]], annotations: Annotations, **options: object) -> list[int]:
    return assign(np.array(boxes, np.float32), annotations, **options).labels.tolist()


def test_foreground_and_background_worked_by_hand() -> None:
    annotations = Annotations([TRUTH, [100, 100, 120, 120]], [4, 7])
    # IoU with the first: 1, 0.5, 0.49, 0; with the second 0.81.
    boxes = [TRUTH, [0, 0, 10, 5], [0, 0, 10, 4.9], [50, 50, 60, 60], [100, 100, 118, 118]]
    assignment = assign(np.array(boxes, np.float32), annotations)
    assert assignment.labels.tolist() == [4, 4, BACKGROUND, BACKGROUND, 7]
    assert assignment.truths.tolist() == [0, 0, 0, -1, 1]
    assert np.allclose(assignment.overlaps, [1, 0.5, 0.49, 0, 0.81])
    assert len(assignment) == 5


def test_between_the_bounds_is_ignored() -> None:
    annotations = Annotations([TRUTH], [0])
    boxes = [[0, 0, 10, share] for share in (7, 6, 5, 4, 1, 0.5)]  # IoU a tenth of it
    got = labels(boxes, annotations, foreground=0.65, background=(0.1, 0.5))
    assert got == [0, IGNORED, IGNORED, BACKGROUND, BACKGROUND, IGNORED]


def test_the_larger_overlap_wins_and_the_first_of_equals() -> None:
    annotations = Annotations([[0, 0, 10, 8], TRUTH, TRUTH], [1, 2, 3])
    assert assign(np.array([TRUTH], np.float32), annotations).truths.tolist() == [1]


def test_difficult_objects_are_neither_positive_nor_negative() -> None:
    hard = Annotations([TRUTH], [0], difficult=[True])
    assert labels([TRUTH, [0, 0, 10, 5], [0, 0, 10, 4], [50, 50, 60, 60]], hard) == [
        IGNORED,
        IGNORED,
        BACKGROUND,
        BACKGROUND,
    ]


def test_the_better_of_a_difficult_and_an_ordinary_object_decides() -> None:
    both = Annotations([TRUTH, [0, 0, 10, 8]], [0, 1], difficult=[False, True])
    assert labels([TRUTH, [0, 0, 10, 8]], both) == [0, IGNORED]


def test_of_equal_overlaps_the_ordinary_object_decides() -> None:
    both = Annotations([TRUTH, TRUTH], [0, 1], difficult=[True, False])
    assert labels([TRUTH], both) == [1]


def test_a_difficult_crowd_region_is_a_crowd_region() -> None:
    both = Annotations([[0, 0, 10, 8], TRUTH], [3, 0], difficult=[False, True], crowd=[False, True])
    assert labels([TRUTH, [0, 0, 10, 5], [0, 0, 10, 3]], both) == [3, 3, IGNORED]


def test_boxes_half_in_a_crowd_are_not_background() -> None:
    crowd = Annotations([[0, 0, 100, 100]], [0], crowd=[True])
    assert labels([[0, 0, 10, 10], [95, 0, 105, 10], [96, 0, 106, 10]], crowd) == [
        IGNORED,
        IGNORED,
        BACKGROUND,
    ]


def test_an_object_in_a_crowd_region_is_still_one() -> None:
    annotations = Annotations([[0, 0, 100, 100], TRUTH], [0, 5], crowd=[True, False])
    assert labels([TRUTH], annotations) == [5]


def test_a_crowd_is_never_matched() -> None:
    crowd = Annotations([TRUTH], [0], crowd=[True])
    assignment = assign(np.array([TRUTH], np.float32), crowd)
    assert assignment.truths.tolist() == [-1]
    assert assignment.overlaps.tolist() == [0]


def test_an_image_without_objects_is_background() -> None:
    assert labels([TRUTH, [5, 5, 6, 6]], NO_ANNOTATIONS) == [BACKGROUND] * 2
    assert labels([TRUTH], NO_ANNOTATIONS, background=(0.1, 0.5)) == [IGNORED]


def test_no_boxes() -> None:
    empty = assign(np.zeros((0, 4), np.float32), Annotations([TRUTH], [0], crowd=[True]))
    assert len(empty) == 0


@given(
    boxes=arrays(np.float32, (6, 4), elements=st.integers(0, 20)),
    truths=arrays(np.float32, (3, 4), elements=st.integers(0, 20)),
)
def test_ordinary_objects_follow_the_largest_overlap(boxes: np.ndarray, truths: np.ndarray) -> None:
    boxes[:, 2:] += boxes[:, :2]
    truths[:, 2:] += truths[:, :2]
    assignment = assign(boxes, Annotations(truths, [3, 4, 5]))
    best = iou_matrix(boxes, truths).max(axis=1)
    assert np.array_equal(assignment.overlaps, best)
    assert np.array_equal(assignment.labels >= 0, best >= 0.5)
    assert np.array_equal(assignment.labels == BACKGROUND, best < 0.5)


@pytest.mark.parametrize(
    ("foreground", "background"),
    [(0.5, (0.0, 0.6)), (0.5, (0.4, 0.3)), (1.5, (0.0, 0.5)), (0.5, (-0.1, 0.5))],
)
def test_bounds_that_overlap_are_refused(
    foreground: float, background: tuple[float, float]
) -> None:
    message = r"assign: expected 0 <= background\[0\] <= background\[1\] <= foreground <= 1, got "
    with pytest.raises(ValueError, match=message):
        assign(np.zeros((0, 4), np.float32), NO_ANNOTATIONS, foreground, background)


def make_pool(counts: dict[int, int]) -> Pool:
    """Return a pool with so many boxes of each class, interleaved."""
    label = np.repeat(list(counts), list(counts.values())).astype(np.int32)
    np.random.default_rng(5).shuffle(label)
    rows = np.arange(len(label), dtype=np.int32)
    return Pool(rows // 10, rows % 10, label)


def test_pools_name_image_and_box() -> None:
    first = assign(np.array([TRUTH, [50, 50, 60, 60]], np.float32), Annotations([TRUTH], [0]))
    hard = Annotations([TRUTH], [2], difficult=[True])
    second = assign(np.array([TRUTH, [50, 50, 60, 60]], np.float32), hard)
    foreground, background = pools([first, second])
    rows = (foreground.image.tolist(), foreground.box.tolist(), foreground.label.tolist())
    assert rows == ([0], [0], [0])
    assert (background.image.tolist(), background.box.tolist()) == ([0, 1], [1, 1])
    assert background.label.tolist() == [BACKGROUND] * 2


def test_no_images_make_empty_pools() -> None:
    foreground, background = pools([])
    assert len(foreground) == len(background) == 0


def test_a_batch_is_a_quarter_foreground_as_in_rcnn() -> None:
    foreground, background = make_pool({0: 50, 1: 5}), make_pool({BACKGROUND: 500})
    batch = sample_batch(np.random.default_rng(0), foreground, background)
    assert len(batch) == 128
    assert (batch.label[:32] >= 0).all()
    assert (batch.label[32:] == BACKGROUND).all()


@pytest.mark.parametrize(("size", "foreground"), [(1, 0), (2, 0), (3, 1), (5, 1), (7, 2), (64, 16)])
def test_the_share_of_foreground_is_rounded(size: int, foreground: int) -> None:
    """A quarter of each size; Python rounds one half down to 0."""
    pools_of_one = make_pool({0: 1}), make_pool({BACKGROUND: 1})
    batch = sample_batch(np.random.default_rng(0), *pools_of_one, size)
    assert (batch.label >= 0).sum() == foreground


def test_rows_drawn_are_rows_of_the_pool() -> None:
    foreground, background = make_pool({0: 50, 3: 5}), make_pool({BACKGROUND: 40})
    batch = sample_batch(np.random.default_rng(1), foreground, background, 64, balance=True)
    known = set(zip(foreground.image, foreground.box, foreground.label, strict=True))
    known |= set(zip(background.image, background.box, background.label, strict=True))
    assert set(zip(batch.image, batch.box, batch.label, strict=True)) <= known


def test_a_batch_is_a_function_of_the_generator() -> None:
    foreground, background = make_pool({0: 50, 1: 5}), make_pool({BACKGROUND: 500})
    batches = [
        sample_batch(np.random.default_rng(seed), foreground, background, balance=True)
        for seed in (3, 3, 4)
    ]
    images = [batch.image.tolist() for batch in batches]
    assert images[0] == images[1] != images[2]


def test_balance_draws_classes_equally_often() -> None:
    pool, empty = make_pool({0: 980, 4: 15, 9: 5}), make_pool({})
    drawn = sample_batch(np.random.default_rng(0), pool, empty, 30_000, 1.0, balance=True)
    assert np.allclose([(drawn.label == c).mean() for c in (0, 4, 9)], 1 / 3, atol=0.02)
    rare = drawn.box[drawn.label == 9] + 10 * drawn.image[drawn.label == 9]
    _, counts = np.unique(rare, return_counts=True)
    assert len(counts) == 5
    assert np.allclose(counts / counts.sum(), 0.2, atol=0.03)


def test_without_balance_boxes_are_drawn_equally_often() -> None:
    pool, empty = make_pool({0: 80, 1: 20}), make_pool({})
    drawn = sample_batch(np.random.default_rng(0), pool, empty, 30_000, 1.0)
    assert abs((drawn.label == 1).mean() - 0.2) < 0.02


def test_an_empty_pool_that_is_needed_is_refused() -> None:
    full, empty = make_pool({0: 3}), make_pool({})
    rng = np.random.default_rng(0)
    assert len(sample_batch(rng, empty, full, 8, 0.0, balance=True)) == 8
    with pytest.raises(ValueError, match="draw: expected boxes to draw 2 from, got an empty pool"):
        sample_batch(rng, empty, full, 8)
    with pytest.raises(ValueError, match=r"expected a fraction in \[0, 1\], got 1.5"):
        sample_batch(rng, full, full, 8, 1.5)
