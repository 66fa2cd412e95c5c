"""Image classifiers: what they compute, on disk, and as the beginning of other networks."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from detect.errors import DataError
from detect.models.cards import ImageClassifierCard
from detect.models.checkpoints import load_model, save_model
from detect.models.image_classifier import ImageClassifier
from detect.models.kinds import IMAGE_CLASSIFIER, REGION_CLASSIFIER
from detect.models.pretrained import initialise
from detect.models.region_classifier import RegionClassifier

MEAN, STD = (100.0, 110.0, 120.0), (50.0, 60.0, 70.0)
CARD = ImageClassifierCard(
    variant="paper",
    width=0.25,
    input_size=32,
    mean=MEAN,
    std=STD,
    classes=("cat", "dog"),
    metrics={"full_val_top1_error": 0.25},
)


@pytest.fixture
def model() -> ImageClassifier:
    torch.manual_seed(0)
    return ImageClassifier(2, "paper", 0.25, MEAN, STD, dropout=0.0, auxiliary_dropout=0.0)


def test_no_background_and_three_logits_in_training(model: ImageClassifier) -> None:
    images = torch.rand(2, 3, 32, 32) * 255
    outputs = model.train()(images)
    assert [tuple(output.shape) for output in outputs] == [(2, 2)] * 3
    # Without dropout, in the auxiliary classifiers too, nothing is random.
    for one, other in zip(outputs, model(images), strict=True):
        assert torch.equal(one, other)
    assert model.eval()(images).shape == (2, 2)


def test_auxiliary_dropout_is_the_papers() -> None:
    network = ImageClassifier(2, "bn", 0.25).network
    assert network.aux1.dropout.p == network.aux2.dropout.p == 0.7


def test_a_round_trip_over_the_disk(model: ImageClassifier, tmp_path: Path) -> None:
    save_model(tmp_path / "weights/best.safetensors", model, CARD)
    again, card = load_model(tmp_path, IMAGE_CLASSIFIER)
    assert card == CARD
    images = torch.rand(2, 3, 32, 32) * 255
    assert torch.equal(again(images), model.eval()(images))
    assert not again.network.has_auxiliary


def test_a_card_of_another_model_is_a_bug(model: ImageClassifier, tmp_path: Path) -> None:
    other = dataclasses.replace(CARD, classes=("cat", "dog", "cow"))
    with pytest.raises(ValueError, match=r"width=0\.25, classes=3, regression=None\), the model"):
        save_model(tmp_path / "m.safetensors", model, other)


def test_kinds_of_models_are_told_apart(model: ImageClassifier, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(path, model, CARD)
    with pytest.raises(DataError, match=r"not the card of a region classifier \(kind is 'image-cl"):
        load_model(path, REGION_CLASSIFIER)
    values = json.loads(path.with_suffix(".json").read_text())
    values["kind"] = "multibox"
    path.with_suffix(".json").write_text(json.dumps(values))
    with pytest.raises(
        DataError, match=r"m\.json: kind: expected 'image-classifier', got 'multibo"
    ):
        load_model(path, IMAGE_CLASSIFIER)


def test_a_region_classifier_starts_from_it(model: ImageClassifier, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", model, CARD)
    started = RegionClassifier(2, "paper", 0.25, auxiliary=False)
    report = initialise(started, str(tmp_path / "m.safetensors"))
    assert report.skipped == ("fc",)
    assert started.normalisation == (MEAN, STD)
    images = torch.randn(1, 3, 32, 32)
    expected = model.eval().network.features(images)
    assert torch.equal(started.eval().network.features(images), expected)
