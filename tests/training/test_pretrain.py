"""Pre-training: initial weights by seed; figures by hand; memory that does not grow."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from class_sets import write_class_folders

from detect.config import PretrainRecipe, load_recipe, to_toml
from detect.data import read_pixels
from detect.data.labelled import LabelledImages, open_labelled
from detect.detector import batches
from detect.detector.image_scorer import ImageScorer
from detect.runs import RunFolder
from detect.training.pretrain import PretrainTask, build_image_classifier

CPU = torch.device("cpu")
CLASSES, IMAGES = 4000, 240


@pytest.fixture
def many(tmp_path: Path) -> LabelledImages:
    """Return six images again and again, of the first of many classes."""
    found = open_labelled(write_class_folders(tmp_path, {"val": 2}), "val").images
    classes = tuple(f"class {number}" for number in range(CLASSES))
    samples = found.samples * (IMAGES // len(found))
    ids = tuple(range(1, CLASSES + 1))
    images = replace(found, classes=classes, category_ids=ids, samples=samples)
    return LabelledImages(images, np.zeros(IMAGES, np.int64))


def test_only_places_are_kept_of_the_scores(
    many: LabelledImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(batches._AUTO_CROPS, "cpu", 12)
    model = {"input_size": 32, "width": 0.25}
    recipe = PretrainRecipe.model_validate(
        {"model": model, "optimizer": {"steps": 1}, "run": {"precision": "float32"}}
    )
    task = PretrainTask(recipe, many, RunFolder(tmp_path), CPU, None)
    network = build_image_classifier(recipe, CLASSES, print)
    scorer = ImageScorer([(network, task.card(network, {}))], CPU, precision="float32")
    pixels = map(read_pixels, many.images.samples[:6])
    order = np.stack([found[0, 0] for found in scorer.stream(pixels)]).argsort(axis=1)
    # Of six images the best class, the fifth, the sixth, and three times the worst.
    chosen = [order[0, -1], order[1, -5], order[2, -6], *order[3:, 0]]
    labels = np.array(chosen * (IMAGES // 6), np.int64)
    tracemalloc.start()
    figures = task.score(network, LabelledImages(many.images, labels))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert figures == {"top1_error": 5 / 6, "top5_error": 4 / 6}
    assert peak < IMAGES * CLASSES * 4


def test_networks_of_other_seeds_can_have_the_same_initial_weights(tmp_path: Path) -> None:
    model = {"input_size": 32, "width": 0.25}
    values = {"model": model, "optimizer": {"steps": 1}}

    def weights(**seeds: int) -> torch.Tensor:
        recipe = PretrainRecipe.model_validate({**values, **seeds})
        (tmp_path / "recipe.toml").write_text(to_toml(recipe))
        assert load_recipe(PretrainRecipe, tmp_path / "recipe.toml") == recipe
        network = build_image_classifier(recipe, 3, print)
        return torch.cat([value.detach().flatten() for value in network.parameters()])

    assert torch.equal(weights(seed=5, initial_seed=2), weights(seed=2))
    assert torch.equal(weights(seed=5, initial_seed=0), weights())
    assert not torch.equal(weights(seed=5), weights())
