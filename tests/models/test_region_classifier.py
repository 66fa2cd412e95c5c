"""The region classifier: normalisation, background, and the copy for inference."""

import pytest
import torch
from torch import nn
from torchvision.models import googlenet

from detect.models.inference import prepare_for_inference
from detect.models.normalised import IMAGENET_MEAN, IMAGENET_STD
from detect.models.region_classifier import RegionClassifier


def _calibrated(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """Give batch normalisation the statistics of `images`, so that no signal dies out."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model.train()(images)
    return model.eval()


def _with_statistics(model: nn.Module) -> nn.Module:
    """Give batch normalisation statistics that differ from their start."""
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.uniform_(-0.5, 0.5, generator=generator)
    return model


def test_one_column_more_than_classes_in_training_and_evaluation() -> None:
    model = RegionClassifier(4, "bn", 0.25)
    crops = torch.rand(2, 3, 32, 32) * 255
    assert [logits.shape for logits in model(crops)] == [(2, 5)] * 3
    assert model.eval()(crops).shape == (2, 5)


def test_crops_are_normalised_inside_and_may_be_bytes() -> None:
    model = RegionClassifier(2, "bn", 0.25, mean=(10, 20, 30), std=(2, 4, 5)).eval()
    crops = torch.tensor([12, 28, 20], dtype=torch.uint8).reshape(1, 3, 1, 1).repeat(1, 1, 32, 32)
    assert model.normalise(crops)[0, :, 0, 0].tolist() == [1, 2, -2]
    assert torch.equal(model(crops), model(crops.float()))
    assert crops[0, :, 0, 0].tolist() == [12, 28, 20]
    assert model.normalisation == ((10, 20, 30), (2, 4, 5))


def test_the_features_are_what_the_last_layer_sees() -> None:
    torch.manual_seed(0)
    model, crops = RegionClassifier(2, "bn", 0.25), torch.rand(4, 3, 64, 64) * 255
    _calibrated(model, crops)
    with torch.no_grad():
        pooled = model.pooled(crops)  # of maps of 2x2
        torch.testing.assert_close(model.network.fc(pooled), model(crops), rtol=1e-4, atol=1e-5)
    assert pooled.std(dim=0).max() > 0.01


def test_mean_and_std_as_torchvisions_transform_input() -> None:
    torch.manual_seed(0)
    crops = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    images = (crops - mean) / std
    theirs = _calibrated(
        googlenet(num_classes=3, aux_logits=False, transform_input=True, init_weights=False), images
    )
    half = (127.5, 127.5, 127.5)
    ours = RegionClassifier(2, "torchvision", mean=half, std=half, auxiliary=False).eval()
    ours.network.load_state_dict(theirs.state_dict())
    expected = theirs(images)
    torch.testing.assert_close(ours(crops), expected, rtol=1e-4, atol=1e-4)
    # The check can fail: with ImageNet's mean and std alone the weights see another picture.
    ours.mean.copy_(torch.tensor(IMAGENET_MEAN))
    ours.std.copy_(torch.tensor(IMAGENET_STD))
    assert (ours(crops) - expected).abs().max() > 0.01


@pytest.mark.parametrize("variant", ["paper", "bn", "torchvision"])
def test_copy_for_inference_gives_the_same_logits(variant: str) -> None:
    torch.manual_seed(0)
    model = _with_statistics(RegionClassifier(3, variant, 0.5))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    crops = (torch.rand(4, 3, 64, 64) * 255).to(memory_format=torch.channels_last)
    prepared = prepare_for_inference(model)
    logits = prepared(crops)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in prepared.modules())
    assert not prepared.network.has_auxiliary
    assert not logits.requires_grad
    assert model.training
    torch.testing.assert_close(logits, model.eval()(crops), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
