"""The validation sample: fixed, spread over the split, only images that can be scored."""

from pathlib import Path

import numpy as np
import pytest
from builders import write_voc

from detect.data import open_dataset
from detect.errors import DataError
from detect.storage.proposals import ProposalFile, writing
from detect.structures import Dataset, Proposals
from detect.training.region_classifier import Validation


def opened(tmp_path: Path, empty: tuple[int, ...]) -> tuple[Dataset, ProposalFile]:
    """Write five images, those in `empty` with difficult objects alone, and no proposals."""
    root = write_voc(tmp_path / "voc", {"val": 5}, seed=2)
    for number in empty:
        path = root / f"Annotations/val_{number:03d}.xml"
        path.write_text(path.read_text().replace("<difficult>0", "<difficult>1"))
    dataset = open_dataset(root, "val")
    with writing(tmp_path / "p.parquet", {}) as writer:
        for sample in dataset.samples:
            none = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.str_)
            writer.write(Proposals(sample.image_id, sample.size, *none))
    return dataset, ProposalFile(tmp_path / "p.parquet")


def test_the_sample_is_spread_over_images_with_counted_objects(tmp_path: Path) -> None:
    validation = Validation(*opened(tmp_path, empty=(0, 2)))
    chosen = [sample.image_id for sample in validation.sample(2).dataset.samples]
    assert chosen == ["val_001", "val_004"]
    assert len(validation.sample(100).dataset) == 3


def test_a_split_without_counted_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="validation split val: no object to score against"):
        Validation(*opened(tmp_path, empty=(0, 1, 2, 3, 4)))
