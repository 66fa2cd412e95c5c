"""How long an epoch is in each training: the paper's rate falls after eight of them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import write_voc
from class_sets import write_class_folders

from detect.config import MultiBoxRecipe, PretrainRecipe, RegionClassifierRecipe
from detect.data import open_dataset
from detect.data.labelled import open_labelled
from detect.runs import RunFolder
from detect.storage.proposals import ProposalFile, write_proposals
from detect.structures import Dataset, Proposals
from detect.training.call import Call
from detect.training.multibox import train_multibox
from detect.training.pretrain import pretrain
from detect.training.region_classifier import train_region_classifier
from detect.training.region_data import collect
from detect.training.window_data import collect_windows

CPU = torch.device("cpu")
MODEL = {"input_size": 32, "width": 0.25}


def told(steps: int) -> dict[str, object]:
    """Return what every recipe here is told: the losses do not matter, the rates do."""
    run = {"validate_every": 1, "save_every": 1000, "precision": "float32"}
    return {
        "model": MODEL,
        "optimizer": {"steps": steps, "learning_rate": 0.0001, "schedule": "paper"},
        "run": run,
        "augment": {"photometric": False},
    }


def first_fall(folder: Path) -> int:
    """Return the first step whose rate is lower, of a run that noted every step."""
    with (folder / "results.csv").open() as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    fallen = [step for step, rate in enumerate(rates) if rate < 0.0001]
    assert rates[fallen[0]] == pytest.approx(0.000096)
    return fallen[0]


def far_from_all(dataset: Dataset, path: Path) -> ProposalFile:
    """Store one region an image that is an object's nowhere."""
    box, names = np.array([[0, 0, 3, 3]], np.float32), np.array(["test"])
    write_proposals(
        path,
        (Proposals(s.image_id, s.size, box, np.ones(1), names) for s in dataset.samples),
        {"method": "test"},
    )
    return ProposalFile(path)


def test_an_epoch_of_regions_shows_every_positive_once(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", {"train": 3}, ("circle",), seed=4, objects=2)
    dataset = open_dataset(root, "train")
    sampling = {"batch_size": 8, "foreground_fraction": 0.5}
    recipe = RegionClassifierRecipe.model_validate({**told(14), "sampling": sampling})
    data = collect(dataset, far_from_all(dataset, tmp_path / "p.parquet"), recipe)
    assert len(data.foreground) == 6  # the objects themselves, four a batch: 1.5 steps an epoch
    train_region_classifier(recipe, data, dataset.classes, Call(RunFolder(tmp_path / "run"), CPU))
    assert first_fall(tmp_path / "run") == 12


def test_an_epoch_of_pre_training_shows_every_image_once(tmp_path: Path) -> None:
    data = open_labelled(write_class_folders(tmp_path / "data", {"train": 1}), "train")
    recipe = PretrainRecipe.model_validate({**told(14), "batch_size": 2})
    assert len(data) == 3
    pretrain(recipe, data, Call(RunFolder(tmp_path / "run"), CPU))
    assert first_fall(tmp_path / "run") == 12


def test_an_epoch_of_multibox_shows_every_image_once(tmp_path: Path) -> None:
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 3}, seed=4), "train")
    settings = {**told(14), "batch_size": 2, "priors": {"count": 2}}
    recipe = MultiBoxRecipe.model_validate(settings)
    train_multibox(recipe, collect_windows(dataset), Call(RunFolder(tmp_path / "run"), CPU))
    assert first_fall(tmp_path / "run") == 12


def test_an_epoch_is_a_step_at_least(tmp_path: Path) -> None:
    data = open_labelled(write_class_folders(tmp_path / "data", {"train": 1}), "train")
    recipe = PretrainRecipe.model_validate({**told(9), "batch_size": 6})
    pretrain(recipe, data, Call(RunFolder(tmp_path / "run"), CPU))
    assert first_fall(tmp_path / "run") == 8
