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
from detect.structures import Dataset, FloatArray, Proposals, Sample
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


def _features(encoder: RegionEncoder, sample: Sample, boxes: FloatArray) -> FloatArray:
    return encoder.features(read_pixels(sample), boxes)


def test_every_pair_has_the_features_of_its_own_region(
    tmp_path: Path, encoder: RegionEncoder
) -> None:
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 3}, seed=2), "train")
    proposals = _propose(dataset, tmp_path / "p.parquet", 2)
    found = collect_pairs(dataset.samples, proposals, encoder)
    start = 0
    for sample in dataset.samples:
        truth = sample.annotations
        rows = slice(start, start := start + 3 * len(truth))  # two proposals and the object itself
        np.testing.assert_array_equal(found.truths[rows], np.tile(truth.boxes, (3, 1)))
        np.testing.assert_array_equal(found.labels[rows], np.tile(truth.labels, 3))
        np.testing.assert_array_equal(found.boxes[rows][-len(truth) :], truth.boxes)
        mine = _features(encoder, sample, found.boxes[rows])
        np.testing.assert_allclose(found.features[rows], mine, rtol=1e-4, atol=1e-5)
    assert len(found) == start == len(found.features) == len(found.boxes)


def test_without_a_pair_there_are_no_rows(tmp_path: Path, encoder: RegionEncoder) -> None:
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 1}), "train")
    found = collect_pairs((), _propose(dataset, tmp_path / "p.parquet", 1), encoder)
    assert found.features.shape == (0, encoder.dimensions)
    assert (found.boxes.shape, found.labels.shape) == ((0, 4), (0,))


def test_proposals_of_other_images_are_named_before_any_feature_is_computed(
    tmp_path: Path, encoder: RegionEncoder
) -> None:
    root = write_voc(tmp_path / "voc", {"train": 1, "test": 1})
    proposals = _propose(open_dataset(root, "train"), tmp_path / "p.parquet", 1)
    samples = [*open_dataset(root, "train").samples, *open_dataset(root, "test").samples]
    samples[0].path.write_bytes(b"is not read")
    with pytest.raises(DataError, match="no proposals for image test_000"):
        collect_pairs(samples, proposals, encoder)


def test_memory_holds_the_features_once(tmp_path: Path, encoder: RegionEncoder) -> None:
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 8}, seed=2, objects=2), "train")
    proposals = _propose(dataset, tmp_path / "p.parquet", 100)
    collect_pairs(dataset.samples[:1], proposals, encoder)  # What is loaded once is no part of it.
    tracemalloc.start()
    found = collect_pairs(dataset.samples, proposals, encoder)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.features.nbytes <= most < 1.5 * found.features.nbytes
