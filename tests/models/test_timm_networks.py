"""Networks of timm as classifiers and trunks: timm's outputs, shapes, cards, what is refused."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from detect.errors import DataError, EnvironmentProblem
from detect.models.box_coder import BoxCoder
from detect.models.box_head import BoxHeadDesign, check_grid
from detect.models.cards import ImageClassifierCard, MultiBoxCard, RegionClassifierCard
from detect.models.checkpoints import load_model, save_model
from detect.models.cost import module_costs
from detect.models.image_classifier import ImageClassifier
from detect.models.inference import prepare_for_inference, ready_on
from detect.models.kinds import IMAGE_CLASSIFIER, MULTIBOX, REGION_CLASSIFIER
from detect.models.map_sides import map_side
from detect.models.multibox import MultiBox, MultiBoxDesign
from detect.models.region_classifier import RegionClassifier
from detect.models.timm_models import check_input, map_shape, normalisation
from detect.models.timm_networks import TimmMaps, TimmNetwork

timm = pytest.importorskip("timm", reason='networks of timm: pip install "detect[timm]"')

SMALL = "timm/resnet10t"
# The successors of GoogLeNet, their last maps of 96 px, the maps of stride 16, and their last layer
# as timm names it.
SUCCESSORS = {
    "inception_v3": ((2048, 1), (768, 4), "fc"),
    "inception_v4": ((1536, 1), (1024, 4), "last_linear"),
    "inception_resnet_v2": ((1536, 1), (1088, 4), "classif"),
    "legacy_xception": ((2048, 3), (728, 6), "fc"),
    "tf_efficientnet_lite0": ((1280, 3), (112, 6), "classifier"),
}
LARGE = ("inception_v4", "inception_resnet_v2", "legacy_xception")


def published(name: str) -> nn.Module:
    """Return timm's network with 5 classes and weights of which every layer tells."""
    torch.manual_seed(1)
    return timm.create_model(name, num_classes=5).eval()


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[pytest.mark.slow] if one in LARGE else []) for one in SUCCESSORS],
)
def test_outputs_are_those_of_timm(name: str) -> None:
    last, inner, classifier = SUCCESSORS[name]
    theirs = published(name)
    ours = TimmNetwork(5, f"timm/{name}", dropout=0.5).eval()
    ours.trunk.load_state_dict(theirs.state_dict(), strict=False)
    ours.fc.load_state_dict(theirs.get_submodule(classifier).state_dict())
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(ours(images), theirs(images), atol=1e-5, rtol=1e-5)
        assert torch.equal(ours.features(images), theirs.forward_features(images))
    assert map_shape(f"timm/{name}", "", 96) == last
    assert map_shape(f"timm/{name}", "4e", 96) == inner


@pytest.mark.parametrize("until", ["4e", "5b"])
@pytest.mark.parametrize("name", ["resnet10t", "legacy_xception", "mobilenetv3_small_050"])
def test_maps_are_those_of_timm_of_their_stride(name: str, until: str) -> None:
    stride = {"4e": 16, "5b": 32}[until]
    theirs = timm.create_model(name, features_only=True).eval()
    (place,) = (i for i, one in enumerate(theirs.feature_info.reduction()) if one == stride)
    ours = TimmMaps(f"timm/{name}", until).eval()
    ours.trunk.load_state_dict(theirs.state_dict(), strict=False)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours.features(images, until), theirs(images)[place])
        again = copy.deepcopy(ours)  # As it is averaged and prepared.
        assert torch.equal(again.features(images, until), theirs(images)[place])
    with pytest.raises(ValueError, match=f"makes the maps {until}, got '3b'"):
        ours.features(images, "3b")


def test_the_last_layer_has_an_output_a_class_and_the_background() -> None:
    regions, images = RegionClassifier(3, SMALL), ImageClassifier(3, SMALL)
    assert (regions.network.fc.out_features, images.network.fc.out_features) == (4, 3)
    assert regions.network.fc.in_features == 512
    crops = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert regions(crops).shape == (2, 4)
    assert not regions.eval().pooled(crops).isnan().any()
    assert regions.pooled(crops).shape == (2, 512)


def test_mean_and_std_are_timms_in_units_of_bytes() -> None:
    half = (127.5, 127.5, 127.5)
    assert normalisation("timm/tf_efficientnet_lite0") == (half, half)
    assert normalisation("timm/inception_v3.tf_in1k") == (half, half)
    mean, std = normalisation("timm/resnet50.tv_in1k")
    assert mean == (123.675, 116.28, 103.53)
    assert std == (58.395, 57.12, 57.375)


def test_every_weight_that_is_trained_has_a_gradient() -> None:
    # An update without one would leave an optimizer's state that cannot be gone on from.
    for name in ("vgg11", "mobilenetv3_small_050", "convnext_atto"):
        model = TimmNetwork(2, f"timm/{name}").eval()
        model(torch.randn(1, 3, 32, 32)).sum().backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        assert all(p.grad is not None for p in trained)
        assert len(trained) == len([*model.parameters()])
    # Of those that timm's maps do not need none is trained.
    maps = TimmMaps("timm/tf_efficientnet_lite0", "4e").eval()
    maps.features(torch.randn(1, 3, 32, 32), "4e").sum().backward()
    assert all(p.grad is not None for p in maps.parameters() if p.requires_grad)


def test_stages_hold_every_weight_once_in_the_order_they_run() -> None:
    model = TimmNetwork(2, "timm/inception_v4")
    stages = [[id(p) for m in stage for p in m.parameters()] for stage in model.stages()]
    assert len(stages) == 5
    assert sorted(one for stage in stages for one in stage) == sorted(
        id(p) for p in model.trunk.parameters()
    )
    first = {id(p) for p in model.trunk.features[:3].parameters()}
    assert set(stages[0]) == first
    flattened = TimmMaps("timm/inception_v4", "4e").stages()
    counts = [sum(p.numel() for m in stage for p in m.parameters()) for stage in model.stages()]
    found = [sum(p.numel() for m in stage for p in m.parameters()) for stage in flattened]
    assert found == counts[:4]


def card(**changes: object) -> RegionClassifierCard:
    mean, std = normalisation(SMALL)
    values = {
        "variant": SMALL, "width": 1.0, "classes": ("a", "b"), "input_size": 32, "mean": mean,
        "std": std, "context": 16, "crop_mode": "warp", "image_side": 0, **changes,
    }  # fmt: skip
    return RegionClassifierCard(**values)


def stored(path: Path) -> RegionClassifier:
    torch.manual_seed(3)
    model = RegionClassifier(2, SMALL, 1.0, *normalisation(SMALL)).eval()
    save_model(path, model, card())
    return model


def test_a_stored_network_is_the_same_and_reading_it_draws_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = stored(path)
    before = torch.random.get_rng_state()
    again, told = load_model(path, REGION_CLASSIFIER)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert told == card()
    crops = torch.randint(0, 256, (2, 3, 40, 40), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(again(crops), model(crops))


def test_an_image_classifier_and_a_multibox_are_stored_alike(tmp_path: Path) -> None:
    mean, std = normalisation(SMALL)
    shared = {"variant": SMALL, "width": 1.0, "input_size": 64, "mean": mean, "std": std}
    model = ImageClassifier(2, SMALL, 1.0, mean, std).eval()
    save_model(tmp_path / "i.safetensors", model, ImageClassifierCard(**shared, classes=("a", "b")))
    images = torch.rand(1, 3, 64, 64) * 255
    again, _ = load_model(tmp_path / "i.safetensors", IMAGE_CLASSIFIER)
    assert torch.equal(again(images), model(images))
    assert map_side(SMALL, "4e", 64) == 4
    design = MultiBoxDesign(SMALL, 1.0, "conv", "4e", 64, 32, 1, 2, BoxCoder())
    proposer = MultiBox(design, torch.rand(32, 4), mean, std).eval()
    told = {"views": "squares", "per_view": 50, "nms": 0.5, "boxes": 200, "levels": 1, "shapes": 2}
    told |= {"head": "conv", "until": "4e", "slots": 32, "encoding": "corners", "scale": 0.01}
    save_model(tmp_path / "p.safetensors", proposer, MultiBoxCard(**shared, **told))
    found, _ = load_model(tmp_path / "p.safetensors", MULTIBOX)
    for one, other in zip(found(images), proposer(images), strict=True):
        assert torch.equal(one, other)


def unlike_fresh(model: nn.Module) -> None:
    """Draw statistics and weights of batch norms that are not those of a fresh network."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.running_mean, module.bias):
                nn.init.normal_(value, std=0.1)
            for value in (module.running_var, module.weight):
                nn.init.uniform_(value, 0.8, 1.2)


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


# How many batch norms stay: ResNetV2's and DenseNet's come before their convolutions.
@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("tf_efficientnet_lite0", 0),
        ("inception_v3", 0),
        ("legacy_xception", 0),
        ("densenet121", 62),
    ],
)
def test_prepared_for_inference_the_scores_are_the_same(name: str, left: int) -> None:
    torch.manual_seed(0)
    model = RegionClassifier(3, f"timm/{name}").eval()
    unlike_fresh(model)
    nn.init.normal_(model.network.fc.weight)
    crops = torch.rand(2, 3, 96, 96) * 255
    with torch.no_grad():
        prepared = prepare_for_inference(model)
        expected = model(crops)
        assert torch.allclose(prepared(crops), expected, rtol=1e-3, atol=1e-3)
        assert expected.std() > 0.1
    assert norms(prepared) == left
    assert norms(model) > left


def test_with_bfloat16_weights_the_scores_are_nearly_the_same() -> None:
    torch.manual_seed(0)
    model = RegionClassifier(3, "timm/tf_efficientnet_lite0").eval()
    unlike_fresh(model)
    nn.init.normal_(model.network.fc.weight)
    crops = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        ready = ready_on(torch.device("cpu"), model, "bfloat16")
        found, expected = ready(crops), model(crops)
    assert found.dtype == torch.bfloat16
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "inception_v3", "legacy_xception"])
def test_prepared_it_is_one_graph_with_equal_outputs(name: str) -> None:
    torch.compiler.reset()
    model = prepare_for_inference(RegionClassifier(3, f"timm/{name}"))
    crops = torch.rand(1, 3, 96, 96).mul(255).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        whole = torch.compile(model, fullgraph=True, backend="eager")
        torch.testing.assert_close(whole(crops), model(crops), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["legacy_xception", "mobilenetv3_small_050"])
def test_a_multibox_prepared_has_the_same_maps(name: str) -> None:
    torch.manual_seed(0)
    maps = nn.Sequential(TimmMaps(f"timm/{name}", "4e")).eval()
    unlike_fresh(maps)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = prepare_for_inference(maps)[0].features(images, "4e")
        torch.testing.assert_close(found, maps[0].features(images, "4e"), rtol=1e-3, atol=1e-3)


def test_costs_count_the_multiply_adds_of_timms_layers() -> None:
    costs = module_costs(TimmNetwork(1000, "timm/resnet18"), (3, 224, 224))[""]
    # torchvision's page of ResNet-18: 11,689,512 parameters, 1.81 GFLOPS.
    assert costs.parameters == 11_689_512
    assert round(costs.multiply_adds / 1e9, 2) == 1.81


def test_a_name_that_timm_does_not_have_comes_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"no network inception_v5\. Nearest: timm/inception_v"):
        TimmNetwork(2, "timm/inception_v5")
    with pytest.raises(DataError, match=r"no network resnet50\.a9_in1k\. Nearest: timm/resnet50"):
        TimmNetwork(2, "timm/resnet50.a9_in1k")


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_networks_without_maps_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"its features are no maps .* Expected a convolutional"):
        TimmNetwork(2, f"timm/{name}")


def test_inputs_that_a_network_does_not_take_are_refused() -> None:
    with pytest.raises(DataError, match="timm/inception_v4 cannot be used at 64 px: a larger"):
        check_input("timm/inception_v4", 64)
    check_input("timm/inception_v4", 96)
    check_input("bn", 32)


def test_without_timm_a_card_is_read_and_its_network_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path / "m.safetensors")
    values = card().to_json()
    monkeypatch.setitem(sys.modules, "timm", None)
    assert RegionClassifierCard.from_json(values, "card").variant == SMALL
    with pytest.raises(EnvironmentProblem, match=r'pip install "detect\[timm\]"'):
        load_model(tmp_path / "m.safetensors", REGION_CLASSIFIER)


def test_a_card_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"width: expected 1 of a network of timm, got 0\.5"):
        card(width=0.5)


def weights(model: nn.Module) -> list[Tensor]:
    return [*model.state_dict().values()]


def test_the_same_seed_draws_the_same_weights() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(weights(RegionClassifier(2, SMALL)))
    assert all(torch.equal(one, other) for one, other in zip(*drawn, strict=True))


@pytest.mark.parametrize(
    "name",
    ["resnet10t", "inception_v4", "legacy_xception", "mobilenetv3_small_050"],
)
def test_a_classifier_gives_the_maps_of_the_trunk_in_the_same_pass(name: str) -> None:
    model = TimmNetwork(3, f"timm/{name}", maps="4e").eval()
    theirs = timm.create_model(name, features_only=True).eval()
    # Parts of a network that timm takes out spell the names of its layers in other ways.
    own = model.trunk.state_dict()
    names = {
        one: one.removeprefix("body.").replace("features_", "features.")
        for one in theirs.state_dict()
    }
    theirs.load_state_dict(
        {one: own[name] for one, name in names.items() if name in own}, strict=False
    )
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        expected = theirs(images)[theirs.feature_info.reduction().index(16)]
        again = copy.deepcopy(model)  # As it is averaged and prepared.
        for one in (model, again):
            logits, found = one.with_maps(images, "4e")
            assert torch.equal(found, expected)
            assert torch.equal(logits, model(images))
        assert found.shape[1] == model.channels("4e")
        assert torch.equal(model.with_maps(images, "5b")[1], model.features(images))


def test_a_network_of_timm_moves_boxes_folded_as_it_was_trained() -> None:
    design = BoxHeadDesign("agnostic", "4e", 2)
    torch.manual_seed(0)
    model = RegionClassifier(2, "timm/tf_efficientnet_lite0", regression=design).eval()
    model.regression.fc.weight.data.mul_(1000)
    crops = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        expected, found = model(crops), prepare_for_inference(model)(crops)
    assert expected.deltas.std() > 0.01
    torch.testing.assert_close(found.deltas, expected.deltas, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-3)


def test_a_grid_larger_than_the_maps_of_timm_is_refused() -> None:
    with pytest.raises(DataError, match=r"are 3x3 at model\.input_size 48\. Its smallest input"):
        check_grid("timm/tf_efficientnet_lite0", BoxHeadDesign("agnostic", "4e", 4), 48)
