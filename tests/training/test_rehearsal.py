"""A few steps of every training: by the recipe, on what there is before there are regions."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from builders import CLASSES, write_voc

from detect.config import (
    AnyRecipe,
    MultiBoxRecipe,
    PretrainRecipe,
    RegionClassifierRecipe,
    SharedRecipe,
)
from detect.data import open_dataset
from detect.errors import DataError
from detect.models import kinds
from detect.models.checkpoints import load_model
from detect.runs import RunFolder
from detect.structures import NO_ANNOTATIONS, Dataset
from detect.training.call import Call
from detect.training.rehearsal import decoded_bytes, rehearse
from detect.training.step_time import StepTime

TINY = {
    "init": "imagenet",  # Not looked up: weights do not matter.
    "model": {"input_size": 32, "width": 0.25},
    "optimizer": {"steps": 500, "learning_rate": 1e9},
    "run": {"precision": "float32"},
}
REGIONS = RegionClassifierRecipe.model_validate({**TINY, "sampling": {"batch_size": 6}})
PRETRAINING = PretrainRecipe.model_validate({**TINY, "batch_size": 5})
SHARED = SharedRecipe.model_validate(
    {**TINY, "model": {"input_size": 64, "input_height": 48, "width": 0.25}, "batch_size": 3}
)
MULTIBOX = MultiBoxRecipe.model_validate({**TINY, "batch_size": 3, "priors": {"count": 7}})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("data") / "voc"
    return open_dataset(write_voc(root, {"train": 6}, size=(48, 64)), "train")


def run(recipe: AnyRecipe, dataset: Dataset, folder: Path) -> StepTime:
    return rehearse(recipe, dataset, Call(RunFolder(folder), torch.device("cpu")))


@pytest.mark.parametrize(
    ("recipe", "batch", "outputs", "expected"),
    [
        (
            REGIONS,
            6,
            lambda path: load_model(path, kinds.REGION_CLASSIFIER)[0].num_classes,
            len(CLASSES),
        ),
        (
            PRETRAINING,
            5,
            lambda path: load_model(path, kinds.IMAGE_CLASSIFIER)[0].num_classes,
            1000,
        ),
        (MULTIBOX, 3, lambda path: load_model(path, kinds.MULTIBOX)[1].slots, 7),
        (SHARED, 3, lambda path: load_model(path, kinds.SHARED)[0].num_classes, len(CLASSES)),
    ],
    ids=["region-classifier", "pretraining", "multibox", "shared"],
)
def test_a_few_steps_of_the_recipes_network_and_batch(
    recipe: AnyRecipe,
    batch: int,
    outputs: Callable[[Path], int],
    expected: int,
    dataset: Dataset,
    tmp_path: Path,
) -> None:
    found = run(recipe, dataset, tmp_path)
    assert (found.batch, found.samples) == (batch, batch)
    assert 2 <= found.steps < 12
    assert found.seconds > 0
    assert found.peak.memory > decoded_bytes(dataset.samples, 0)
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    weights = tmp_path / "weights/last.safetensors"
    best = weights.stat().st_size + weights.with_suffix(".json").stat().st_size
    assert found.disk == written + best
    assert outputs(weights) == expected


def test_images_take_three_bytes_a_pixel_as_they_are_kept(dataset: Dataset) -> None:
    assert decoded_bytes(dataset.samples, 0) == 6 * 3 * 48 * 64
    assert decoded_bytes(dataset.samples, 32) == 6 * 3 * 24 * 32
    assert decoded_bytes(dataset.samples, 1000) == decoded_bytes(dataset.samples, 0)


def test_multibox_without_a_box_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    bare = [dataclasses.replace(one, annotations=NO_ANNOTATIONS) for one in dataset.samples]
    without = dataclasses.replace(dataset, samples=tuple(bare))
    with pytest.raises(DataError, match="split 'train' has no boxes to learn from"):
        run(MULTIBOX, without, tmp_path)
