"""Composed scenes: read back as a data set, boxes where the objects are, nothing shared."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")

from detect.boxes import areas
from detect.data import open_dataset
from detect.demo.backgrounds import TEST, TRAIN
from detect.demo.cutouts import CLASSES, Cutout, load_cutouts, photograph
from detect.demo.scenes import SIZE, compose, write_scenes
from detect.errors import EnvironmentProblem


@pytest.fixture(scope="module")
def cutouts() -> dict[str, list[Cutout]]:
    return load_cutouts()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("demo") / "data", train=8, test=4)


def test_scenes_are_a_voc_data_set(root: Path) -> None:
    train, test = open_dataset(root, "train"), open_dataset(root, "test")
    assert (len(train), len(test)) == (8, 4)
    assert train.layout == "voc"
    assert train.classes == test.classes == CLASSES
    for sample in (*train.samples, *test.samples):
        assert sample.size == SIZE
        boxes = sample.annotations.boxes
        assert 1 <= len(boxes) <= 5
        assert boxes.min() >= 0
        assert boxes[:, 2].max() <= SIZE[1]
        assert boxes[:, 3].max() <= SIZE[0]
        assert areas(boxes).min() > 100


def test_the_same_seed_writes_the_same_files(root: Path, tmp_path: Path) -> None:
    again = write_scenes(tmp_path / "again", train=8, test=4)
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert len(files) == 2 * 12 + 3
    for path in files:
        assert (again / path).read_bytes() == (root / path).read_bytes(), path
    other = write_scenes(tmp_path / "other", train=1, test=1, seed=1)
    name = Path("JPEGImages/train_000.jpg")
    assert (other / name).read_bytes() != (root / name).read_bytes()


def test_boxes_lie_around_the_pixels_that_changed() -> None:
    # A white square without soft edges on black: what is bright is the object.
    square = Cutout(np.full((60, 60, 3), 255, np.uint8), np.full((60, 60), 255, np.uint8))
    black = np.zeros((*SIZE, 3), np.float32)
    kinds = {key: [square] for key in CLASSES}
    for seed in range(10):
        image, annotations = compose(np.random.default_rng(seed), kinds, black)
        bright = (image.min(axis=2) > 80).astype(np.uint8)
        covered = np.zeros(SIZE, np.uint8)
        for x1, y1, x2, y2 in annotations.boxes.astype(int):
            covered[y1:y2, x1:x2] = 1
            inner = bright[y1:y2, x1:x2]
            rows, columns = inner.any(axis=1), inner.any(axis=0)
            # Turned squares touch each side of their box with a corner, which noise may hide.
            assert rows[:3].any()
            assert rows[-3:].any()
            assert columns[:3].any()
            assert columns[-3:].any()
        assert bright[covered == 0].mean() < 0.002


def test_objects_hide_nothing_of_each_other(cutouts: dict[str, list[Cutout]]) -> None:
    ground = np.zeros((*SIZE, 3), np.float32)
    for seed in range(5):
        _, annotations = compose(np.random.default_rng(seed), cutouts, ground)
        boxes = annotations.boxes
        for index, box in enumerate(boxes):
            for other in boxes[index + 1 :]:
                sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
                shared = np.maximum(sides, 0).prod()
                assert shared <= 0.08 * min(areas(box[None])[0], areas(other[None])[0])


def test_every_object_comes_at_many_sizes(cutouts: dict[str, list[Cutout]]) -> None:
    ground, sides = np.zeros((*SIZE, 3), np.float32), []
    rng = np.random.default_rng(0)
    for _ in range(60):
        boxes = compose(rng, cutouts, ground)[1].boxes
        sides += (boxes[:, 2:] - boxes[:, :2]).max(axis=1).tolist()
    assert min(sides) < 45
    assert max(sides) > 130


def test_train_and_test_share_no_background() -> None:
    assert not set(TRAIN) & set(TEST)


def test_cutouts_are_one_piece_with_soft_edges(cutouts: dict[str, list[Cutout]]) -> None:
    assert set(cutouts) == set(CLASSES)
    assert len(cutouts["coin"]) == 24  # as many as the photograph shows
    for name in CLASSES:
        for cutout in cutouts[name]:
            assert cutout.image.shape == (*cutout.alpha.shape, 3)
            pieces, _ = cv2.connectedComponents((cutout.alpha > 127).astype(np.uint8))
            assert pieces == 2  # the background and the object
            assert 0.3 < (cutout.alpha > 127).mean() < 0.95
            assert ((cutout.alpha > 20) & (cutout.alpha < 235)).any()


def test_a_photograph_that_is_not_there_names_the_remedy() -> None:
    with pytest.raises(EnvironmentProblem, match=r'pip install "scikit-image>=') as caught:
        photograph("eagle_that_never_was")
    assert "eagle_that_never_was" in str(caught.value)
