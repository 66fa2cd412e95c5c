"""GoogLeNet against Table 1 and against torchvision's network."""

import pytest
import torch
from torch import nn
from torchvision.models import googlenet

from detect.models.cost import module_costs
from detect.models.googlenet import GoogLeNet
from detect.models.layers import NaiveInception
from detect.models.variants import INCEPTIONS, VARIANTS, scale_channels

# Table 1, column "output size" (channels, height, width), at 224x224.
TABLE_1 = {
    "conv1": (64, 112, 112),
    "maxpool1": (64, 56, 56),
    "conv3": (192, 56, 56),
    "maxpool2": (192, 28, 28),
    "inception3a": (256, 28, 28),
    "inception3b": (480, 28, 28),
    "maxpool3": (480, 14, 14),
    "inception4a": (512, 14, 14),
    "inception4b": (512, 14, 14),
    "inception4c": (512, 14, 14),
    "inception4d": (528, 14, 14),
    "inception4e": (832, 14, 14),
    "maxpool4": (832, 7, 7),
    "inception5a": (832, 7, 7),
    "inception5b": (1024, 7, 7),
    "avgpool": (1024, 1, 1),
    "fc": (1000,),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_those_of_table_1(variant: str) -> None:
    costs = module_costs(GoogLeNet(1000, variant), (3, 224, 224))
    assert {name: costs[name].output for name in TABLE_1} == TABLE_1


def test_parameters_and_multiply_adds_follow_from_the_shapes() -> None:
    alone = module_costs(GoogLeNet(1000, "paper", auxiliary=False), (3, 224, 224))[""]
    assert (alone.parameters, alone.multiply_adds) == (6_998_552, 1_582_671_872)
    assert module_costs(GoogLeNet(1000, "paper"), (3, 224, 224))[""].parameters == 13_378_280


def test_torchvision_variant_has_the_published_number_of_parameters() -> None:
    network = GoogLeNet(1000, "torchvision", auxiliary=False)
    assert module_costs(network, (3, 224, 224))[""].parameters == 6_624_904


def test_naive_module_costs_more_than_the_reduced_one_and_keeps_the_pooled_channels() -> None:
    naive = module_costs(NaiveInception(192, 64, 128, 32), (192, 28, 28))[""]
    weights = 192 * 64 + 192 * 128 * 9 + 192 * 32 * 25
    assert naive.output == (64 + 128 + 32 + 192, 28, 28)
    assert (naive.weights, naive.parameters) == (weights, weights + 64 + 128 + 32)
    assert naive.multiply_adds == weights * 28 * 28
    reduced = module_costs(GoogLeNet(2, "paper"), (3, 224, 224))["inception3a"]
    assert reduced.multiply_adds * 2 < naive.multiply_adds


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_trunk_runs_in_the_order_of_the_caffe_model(variant: str) -> None:
    network = GoogLeNet(2, variant, 0.25, auxiliary=False).eval()
    ran: list[str] = []
    for name, module in network.named_children():
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    network(torch.zeros(1, 3, 32, 32))
    # bvlc_googlenet: pool1/norm1 and conv2/norm2; batch normalisation takes their place.
    stem = ["conv1", "maxpool1", "norm1", "conv2", "conv3", "norm2", "maxpool2"]
    if variant != "paper":
        stem = [name for name in stem if not name.startswith("norm")]
    assert ran == [*stem, *list(TABLE_1)[4:-1], "dropout", "fc"]


@pytest.mark.parametrize("variant", ["paper", "bn"])
def test_kernels_and_dropout_are_those_of_table_1(variant: str) -> None:
    network = GoogLeNet(2, variant, 0.25)
    pixel = torch.zeros(1, 1, 14, 14)
    pixel[0, 0, 2, 2] = 1
    for pool in (network.maxpool1, network.maxpool2, network.maxpool3, network.maxpool4):
        assert pool(pixel).sum() == 4  # windows of 3x3 every 2 px: two see it each way
    for name in INCEPTIONS:
        module = getattr(network, f"inception{name}")
        sides = [branch[1].conv.kernel_size for branch in (module.branch2, module.branch3)]
        assert sides == [(3, 3), (5, 5)]
    assert network.dropout.p == 0.4
    assert GoogLeNet(2, variant, 0.25, dropout=0.1).dropout.p == 0.1


def test_auxiliary_pooling_is_5x5_by_3_at_14x14_and_adaptive_elsewhere() -> None:
    network = GoogLeNet(2, "paper", 0.25)
    maps = torch.randn(1, 8, 14, 14)
    first = network.aux1._pool(maps)[0, :, 0, 0]
    assert torch.allclose(first, maps[0, :, :5, :5].mean((1, 2)))
    assert network.aux1._pool(torch.randn(1, 8, 4, 4)).shape == (1, 8, 4, 4)
    assert network.aux1._pool(torch.randn(1, 8, 2, 2)).shape == (1, 8, 4, 4)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [32, 40, 64, 96, 97, 224])
def test_every_size_from_32_px_gives_logits_in_training_and_evaluation(
    variant: str, size: int
) -> None:
    network = GoogLeNet(5, variant, width=0.25)
    images = torch.randn(2, 3, size, size)
    assert [logits.shape for logits in network(images)] == [(2, 5)] * 3
    assert network.eval()(images).shape == (2, 5)


def test_inputs_below_32_px_are_refused() -> None:
    with pytest.raises(ValueError, match="inputs of at least 32 px, got 40x31"):
        GoogLeNet(2, width=0.25)(torch.zeros(1, 3, 40, 31))


def test_an_unknown_variant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="one of paper, bn, torchvision, got 'vgg'"):
        GoogLeNet(2, "vgg")


def test_auxiliary_classifiers_are_there_in_training_only() -> None:
    network = GoogLeNet(3, "bn", 0.25)
    assert isinstance(network(torch.randn(2, 3, 32, 32)), tuple)
    network.drop_auxiliary()
    network.drop_auxiliary()  # Dropping what is gone changes nothing.
    assert not network.has_auxiliary
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 3)
    assert not any(name.startswith("aux") for name in network.state_dict())


def test_features_end_where_asked() -> None:
    network = GoogLeNet(2, "bn", auxiliary=False).eval()
    images = torch.randn(1, 3, 64, 64)
    assert network.features(images, "4e").shape == (1, 832, 4, 4)
    maps = network.features(images)
    assert maps.shape == (1, 1024, 2, 2)
    assert torch.equal(network.fc(maps.mean((2, 3))), network(images))


def test_width_scales_every_layer_and_1_is_table_1() -> None:
    assert [widths.scaled(1.0) for widths in INCEPTIONS.values()] == list(INCEPTIONS.values())
    assert [scale_channels(16, width) for width in (0.1, 0.5, 1.25, 2.0)] == [8, 8, 24, 32]
    assert GoogLeNet(2, "bn", 2.0).fc.in_features == 2048


def test_fresh_weights_follow_the_caffe_model_or_he() -> None:
    paper, bn = GoogLeNet(4, "paper"), GoogLeNet(4, "bn")
    weight = paper.inception4e.branch2[1].conv.weight
    limit = (3 / weight[0].numel()) ** 0.5
    assert weight.abs().max() <= limit
    assert weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.01)
    assert (paper.conv1.conv.bias == 0.2).all()
    assert (paper.fc.bias == 0).all()
    assert (paper.aux1.fc2.bias == 0).all()
    he = bn.inception4e.branch2[1].conv.weight
    assert he.std().item() == pytest.approx((2 / he[0].numel()) ** 0.5, rel=0.01)
    assert bn.fc.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert bn.aux1.fc2.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert (bn.aux1.fc1.bias == 0).all()
    assert (bn.fc.bias == 0).all()


@pytest.mark.parametrize("size", [224, 64])
def test_torchvision_weights_give_torchvision_outputs_in_training_and_evaluation(
    size: int,
) -> None:
    torch.manual_seed(1)
    theirs = googlenet(num_classes=7, aux_logits=True, init_weights=False)
    ours = GoogLeNet(7, "torchvision")
    ours.load_state_dict(theirs.state_dict())
    for module in (*theirs.modules(), *ours.modules()):
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # Evaluation with the batch's statistics: no signal dies out.
    images = torch.randn(3, 3, size, size)
    torch.manual_seed(2)  # For dropout.
    logits, aux_4d, aux_4a = theirs(images)
    torch.manual_seed(2)
    for actual, expected in zip(ours(images), (logits, aux_4a, aux_4d), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    # The statistics of batch normalisation were updated alike.
    expected = theirs.eval()(images)
    assert expected.std(0).min() > 1e-3
    torch.testing.assert_close(ours.eval()(images), expected, rtol=0, atol=0)
