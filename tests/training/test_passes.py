"""Fewer passes over the maps: the same losses and gradients, the same network afterwards."""

import copy

import pytest
import torch
from torch import Tensor, nn

from detect.config import OptimizerSection
from detect.models.box_head import BoxHeadDesign
from detect.models.normalised import NormalisedNetwork
from detect.models.region_classifier import RegionClassifier
from detect.models.timm_networks import TimmNetwork
from detect.training.freezing import Frozen
from detect.training.passes import keep_inputs, pairs_of

# TensorFlow's padding and an activation within the norm; ReLU6; layers of our own.
VARIANTS = ("timm/tf_efficientnet_lite0", "timm/mobilenetv2_035", "bn")


def network(variant: str) -> NormalisedNetwork:
    if variant != "bn":
        pytest.importorskip("timm")
    torch.manual_seed(0)
    model = RegionClassifier(2, variant, dropout=0.0, auxiliary=False).double()
    for norm in norms(model):  # As those of a network that has learned: none is 0 or 1.
        for values in (norm.weight.data, norm.running_var, norm.bias.data, norm.running_mean):
            values.uniform_(0.5, 1.5)
    return model


def norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def gradients(model: nn.Module) -> dict[str, Tensor]:
    """Return what a loss of two crops and each weight's gradient is; nothing remains."""
    crops = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double() * 255
    loss = model(crops).square().sum()
    loss.backward()
    found = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    model.zero_grad()
    return {"loss": loss.detach(), **found}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_convolution_that_normalises_has_the_same_gradients(variant: str) -> None:
    model = network(variant)
    frozen = Frozen(model, OptimizerSection(steps=1, frozen_statistics=True))
    model.train()
    for norm in norms(model):
        norm.eval()
    expected = gradients(model)
    with frozen.training():
        found = gradients(model)
    assert len(pairs_of(model, norms(model))) == len(norms(model))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-8, atol=1e-10)


def test_nothing_of_it_stays_when_a_step_fails() -> None:
    model = network("bn")
    before = copy.deepcopy(model)
    frozen = Frozen(model, OptimizerSection(steps=1, frozen_statistics=True))
    with frozen.training():
        assert any("forward" in vars(module) for module in model.modules())
    with pytest.raises(RuntimeError, match="5"), frozen.training():
        model(torch.zeros(2, 5, 64, 64))
    assert not any("forward" in vars(module) for module in model.modules())
    assert model.state_dict().keys() == before.state_dict().keys()


def test_statistics_that_move_are_not_taken_into_convolutions() -> None:
    model = network("bn")
    assert pairs_of(model, []) == []
    stages = model.network.stages()
    some = pairs_of(model, [module for stage in stages[:1] for module in stage])
    assert [pair.norm.name for pair in some] == ["bn"]


@pytest.mark.parametrize("variant", VARIANTS[:2])
def test_activations_that_keep_their_input_change_no_gradient(variant: str) -> None:
    model = network(variant)
    kept = copy.deepcopy(model)
    keep_inputs(kept)
    acts = [module for module in kept.modules() if isinstance(module, nn.Hardtanh)]
    assert acts
    assert not any(act.inplace for act in acts)
    model.train()
    kept.train()
    expected, found = gradients(model), gradients(kept)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_a_network_that_keeps_maps_keeps_none_of_the_search_for_pairs() -> None:
    head = BoxHeadDesign("agnostic", "4e", 2)
    model = RegionClassifier(2, VARIANTS[0], dropout=0.0, regression=head)
    assert isinstance(model.network, TimmNetwork)
    assert len(pairs_of(model, norms(model))) == 49
    copied = copy.deepcopy(model).eval()
    crops = torch.rand(1, 3, 64, 64) * 255
    assert torch.equal(copied(crops).deltas, model.eval()(crops).deltas)
