"""Positives of another split: read once, drawn anew for every network."""

import shutil
from pathlib import Path

import numpy as np
from builders import write_voc

from detect.data import open_dataset
from detect.progress import SILENT
from detect.stages.positives import ExtraPositives, open_positives


def boxes(positives: ExtraPositives, seed: int) -> list[list[float]]:
    drawn = positives.draw(seed, SILENT)
    return np.concatenate([sample.annotations.boxes for sample in drawn]).tolist()


def test_what_was_read_once_is_drawn_for_every_seed(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"train": 2, "more": 8}, seed=1, objects=3)
    dataset = open_dataset(root, "train")
    positives = open_positives(root, "more", 1, dataset, skip_bad=False)
    assert positives is not None
    shutil.rmtree(root)
    first = boxes(positives, 0)
    assert len(first) == len(dataset.classes)
    assert first == boxes(positives, 0)
    assert any(boxes(positives, seed) != first for seed in (1, 2, 3))
