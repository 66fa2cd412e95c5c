"""Pairs for box regression: which ones, with their own features, held once."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import write_voc
from networks import network

from detect.data import open_dataset, read_pixels
from detect.detector.refine import RegionEncoder
from detect.errors import DataError
from detect.storage.proposals import ProposalFile, write_proposals
from detect.structures import Dataset, Proposals, Sample
from detect.training.regression import collect_pairs


@pytest.fixture(scope="module")
def encoder() -> RegionEncoder:
    return RegionEncoder(*network(), torch.device("cpu"), "float32")


def _propose(dataset: Dataset, path: Path, copies: int) -> ProposalFile:
    """Store every object `copies` times, each moved a little, and a box far from all."""

    def one(sample: Sample) -> Proposals:
        moved = np.linspace(0, 0.5, copies, dtype=np.float32)[:, None, None]
        boxes = (sample.annotations.boxes + moved).reshape(-1, 4)
        boxes = np.concatenate([np.array([[0, 0, 2, 2]], np.float32), boxes])
        names = np.full(len(boxes), "test")
        return Proposals(sample.image_id, sample.size, boxes, np.ones(len(boxes)), names)

    write_proposals(path, map(one, dataset.samples), {"method": "test"})
    return ProposalFile(path)


def test_every_pair_has_the_features_of_its_own_region(
    tmp_path: Path, encoder: RegionEncoder
) -> None:
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 3}, seed=2), "train")
    found = collect_pairs(dataset.samples, _propose(dataset, tmp_path / "p.parquet", 2), encoder)
    count = sum(len(sample.annotations) for sample in dataset.samples)
    assert len(found) == 3 * count  # two proposals and the object itself
    seen = 0
    for label in range(len(dataset.classes)):
        own = [one for one in dataset.samples if label in one.annotations.labels]
        assert found.count(label) == len(own)
        for sample, part in zip(own, found.of(label), strict=True):
            truths = sample.annotations.boxes[sample.annotations.labels == label]
            np.testing.assert_array_equal(part.truths, np.tile(truths, (3, 1)))
            np.testing.assert_array_equal(part.boxes[-len(truths) :], truths)
            mine = encoder.features(read_pixels(sample), part.boxes)
            np.testing.assert_allclose(part.features, mine, rtol=1e-4, atol=1e-5)
            seen += len(part.boxes)
    assert seen == len(found)


def test_features_of_a_grid_are_the_maps_over_its_places() -> None:
    model, card = network()
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    boxes = np.array([[3, 3, 40, 50], [20, 5, 70, 50]], np.float32)
    how = (torch.device("cpu"), "float32")
    plain = RegionEncoder(model, card, *how)
    halves = RegionEncoder(model, card, *how, maps="4e", grid=2)
    assert (plain.dimensions, halves.dimensions) == (256, 4 * 208)
    found = halves.features(image, boxes)
    # The maps are 2x2 of 32 px: a place is a place.
    whole = RegionEncoder(model, card, *how, maps="4e").features(image, boxes)
    np.testing.assert_allclose(found.reshape(2, 208, 4).mean(axis=2), whole, atol=1e-5)
    with pytest.raises(DataError, match="3x3 places, and the maps 4e of bn are 2x2"):
        RegionEncoder(model, card, *how, maps="4e", grid=3)


def test_without_a_pair_there_is_no_part(tmp_path: Path, encoder: RegionEncoder) -> None:
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 1}), "train")
    found = collect_pairs((), _propose(dataset, tmp_path / "p.parquet", 1), encoder)
    assert len(found) == found.count(0) == 0
    assert list(found.of(0)) == []


def test_proposals_of_other_images_are_named_before_any_feature_is_computed(
    tmp_path: Path, encoder: RegionEncoder
) -> None:
    root = write_voc(tmp_path / "voc", {"train": 1, "test": 1})
    proposals = _propose(open_dataset(root, "train"), tmp_path / "p.parquet", 1)
    samples = [*open_dataset(root, "train").samples, *open_dataset(root, "test").samples]
    samples[0].path.write_bytes(b"is not read")
    with pytest.raises(DataError, match="no proposals for image test_000"):
        collect_pairs(samples, proposals, encoder)


def test_memory_holds_the_features_of_an_image(tmp_path: Path, encoder: RegionEncoder) -> None:
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 8}, seed=2, objects=2), "train")
    proposals = _propose(dataset, tmp_path / "p.parquet", 100)
    found = collect_pairs(dataset.samples, proposals, encoder)
    largest = max(len(one.labels) for one in found.images) * encoder.dimensions * 4
    assert len(found) * encoder.dimensions * 4 > 7 * largest
    next(found.of(0))  # What is loaded once is no part of it.
    tracemalloc.start()
    sizes = [part.features.nbytes for label in range(3) for part in found.of(label)]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) <= most < 4 * largest
