"""Which regions SVMs are trained on, and their features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import save_image, scene
from networks import network

from detect.detector.refine import RegionEncoder
from detect.errors import DataError
from detect.images import read_image
from detect.storage.features import FeatureStore
from detect.storage.proposals import ProposalFile, write_proposals
from detect.structures import Annotations, Proposals, Sample
from detect.training.svm import MinedImage, check_negatives, check_positives, compute_features

SIZE = (96, 128)
TRUTH = Annotations(
    np.array([[0, 0, 20, 20], [40, 40, 60, 60], [70, 0, 90, 20], [0, 62, 60, 96]]),
    np.array([0, 1, 1, 0]),
    np.array([False, True, False, False]),
    np.array([False, False, False, True]),
)
PROPOSED = np.array([[0, 0, 20, 10], [41, 41, 61, 61], [30, 5, 30, 25], [0, 60, 30, 90]])


@pytest.fixture
def proposals(tmp_path: Path) -> ProposalFile:
    one = Proposals("a", SIZE, PROPOSED, np.ones(4), np.full(4, "test"))
    write_proposals(tmp_path / "p.parquet", [one], {"method": "test"})
    return ProposalFile(tmp_path / "p.parquet")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    save_image(tmp_path / "a.png", scene(np.random.default_rng(0), SIZE)[0])
    return Sample("a", tmp_path / "a.png", SIZE, TRUTH)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


@pytest.fixture(scope="module")
def encoder() -> RegionEncoder:
    return RegionEncoder(*network(), torch.device("cpu"), "float32")


def test_structures_are_the_ordinary_objects_and_the_proposals_with_area(
    sample: Sample, proposals: ProposalFile, store: FeatureStore, encoder: RegionEncoder
) -> None:
    image = MinedImage(sample, proposals)
    boxes, truths = image.regions()
    assert boxes.tolist() == [*TRUTH.boxes[[0, 2]].tolist(), *PROPOSED[[0, 1, 3]].tolist()]
    assert truths.tolist() == [0, 1, -1, -1, -1]
    compute_features([image], encoder, store)
    read = image.features(store, 2)
    expected = encoder.features(read_image(sample.path), boxes)
    np.testing.assert_allclose(read.features, expected, rtol=1e-3, atol=1e-6)
    assert read.truths.tolist() == truths.tolist()
    # Half of the first object; on the difficult object; in the crowd of class 0.
    assert read.overlaps[2:, 0].tolist() == [0.5, 0, 1]
    assert read.overlaps[3, 1] == pytest.approx(361 / 439)
    assert read.overlaps[[2, 4], 1].tolist() == [0, 0]


def test_without_proposals_objects_are_positives_and_nothing_is_negative(
    sample: Sample, store: FeatureStore, encoder: RegionEncoder
) -> None:
    image = MinedImage(sample, None)
    compute_features([image], encoder, store)
    read = image.features(store, 2)
    assert read.truths.tolist() == [0, 1]
    assert read.overlaps.tolist() == [[1, 1], [1, 1]]


def test_proposals_of_another_image_are_refused(sample: Sample, proposals: ProposalFile) -> None:
    with pytest.raises(DataError, match=r"for an image of 128x96 px, this one has 100x96"):
        MinedImage(replace(sample, size=(96, 100)), proposals).regions()


def test_an_image_that_cannot_be_read_is_left_out_where_asked(
    sample: Sample, proposals: ProposalFile, store: FeatureStore, encoder: RegionEncoder
) -> None:
    image = MinedImage(sample, proposals)
    sample.path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png"):
        compute_features([image], encoder, store)
    bad: dict[str, str] = {}
    compute_features([image], encoder, store, bad)
    assert list(bad) == ["a"]
    assert "a.png" in bad["a"]
    assert not store.has("a", image.regions()[0])


def test_a_class_that_cannot_be_learned_is_named(sample: Sample, proposals: ProposalFile) -> None:
    images = [MinedImage(sample, proposals)]
    check_positives(images, ("cat", "dog"))
    with pytest.raises(
        DataError, match=r"no object .* is of class bird, cow: it cannot be learned"
    ):
        check_positives(images, ("cat", "dog", "bird", "cow"))
    with pytest.raises(DataError, match=r"no object .* is of class cat, dog: it cannot"):
        check_positives([], ("cat", "dog"))
    check_negatives(np.array([3, 1]), ("cat", "dog"))
    with pytest.raises(
        DataError, match=r"negative \(IoU below 0\.3 with its objects\) of class dog"
    ):
        check_negatives(np.array([3, 0]), ("cat", "dog"))
