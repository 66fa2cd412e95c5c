"""`classify` called from Python."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import save_image, texture

from detect.errors import UsageError
from detect.models.cards import ImageClassifierCard
from detect.models.checkpoints import save_model
from detect.models.image_classifier import ImageClassifier
from detect.stages import ClassifyOptions, classify


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a folder of classes and a classifier of them."""
    root = tmp_path_factory.mktemp("classify")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        for number in range(2):
            save_image(root / f"set/val/{name}/{name}{number}.png", texture(rng, (40, 48)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ImageClassifier(2, "bn", 0.25).eval()
    mean, std = model.normalisation
    card = ImageClassifierCard(
        variant="bn", width=0.25, classes=("cat", "dog"), input_size=32, mean=mean, std=std
    )
    save_model(root / "m.safetensors", model, card)
    return root


def test_it_returns_answers_and_says_nothing(root, tmp_path, capfd):
    image, out = root / "set/val/cat/cat0.png", tmp_path / "a.json"
    given = {"model": str(root / "m.safetensors"), "device": "cpu", "json": str(out)}
    result = classify(ClassifyOptions(images=str(image), **given))
    assert result.images == 1
    assert result.table == ()
    (answers,) = result.answers.values()
    assert answers.keys() == {"cat", "dog"}
    assert sum(answers.values()) == pytest.approx(1)
    assert json.loads(out.read_text()) == {"crops": 1, "images": result.answers}
    assert capfd.readouterr() == ("", "")


def test_a_split_gives_the_table(root, capfd):
    model = str(root / "m.safetensors")
    result = classify(
        ClassifyOptions(images=root / "set", split="val", model=model, crops=10, device="cpu")
    )
    assert (result.images, result.answers) == (4, {})
    assert [row.crops for row in result.table] == [1, 10]
    assert 0 <= result.table[0].top1_error <= 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"crops": 5}, "crops=5: Input should be 1, 10 or 144."),
        ({"split": "val"}, "split=val: goes with one data set, not with images."),
    ],
)
def test_an_error_names_arguments(root, more, text):
    with pytest.raises(UsageError, match="^" + text.replace(".", r"\.")):
        classify(ClassifyOptions(images=(root / "a", root / "b"), model=root / "m", **more))
