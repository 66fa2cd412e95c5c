"""Starting from weights trained elsewhere."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models import googlenet

from detect.errors import DataError, EnvironmentProblem, UsageError
from detect.models.cards import RegionClassifierCard
from detect.models.checkpoints import save_model
from detect.models.pretrained import initialise
from detect.models.region_classifier import RegionClassifier

HALF = (127.5, 127.5, 127.5)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state dict file as torchvision publishes it, with random weights."""
    path = tmp_path_factory.mktemp("published") / "googlenet.pth"
    state = googlenet(num_classes=10, aux_logits=True, init_weights=False).state_dict()
    # State dicts of early PyTorch hold no counts of batches.
    kept = {name: state[name] for name in state if not name.endswith("num_batches_tracked")}
    torch.save(kept, path)
    return path


def test_torchvision_weights_with_their_normalisation(published: Path) -> None:
    model = RegionClassifier(3, "torchvision")
    head = model.network.fc.weight.detach().clone()
    report = initialise(model, str(published))
    state: dict[str, Tensor] = torch.load(published, weights_only=True)
    own = model.network.state_dict()
    for name, value in state.items():
        if not name.startswith(("fc", "aux")):
            assert torch.equal(own[name], value), name
    assert torch.equal(model.network.fc.weight, head)
    assert model.normalisation == (HALF, HALF)
    assert report.skipped == (
        *("aux1.conv", "aux1.fc1", "aux1.fc2", "aux2.conv", "aux2.fc1", "aux2.fc2"),
        "fc",
    )
    assert str(report) == (
        f"started from {published}: 57 of 64 layers copied; "
        "new: aux1.conv, aux1.fc1, aux1.fc2, aux2.conv and 3 more"
    )


def test_layers_of_another_shape_stay_with_their_normalisation(published: Path) -> None:
    model = RegionClassifier(3, "bn", auxiliary=False)
    report = initialise(model, str(published))
    blocks = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    assert report.skipped == (*(f"inception{name}.branch3.1" for name in blocks), "fc")
    skipped = model.network.inception3a.branch3[1]
    assert (skipped.bn.weight == 1).all()


def test_a_run_of_ours_with_its_normalisation(tmp_path: Path) -> None:
    mean, std = (100.0, 110.0, 120.0), (50.0, 60.0, 70.0)
    source = RegionClassifier(5, "paper", 0.25, mean, std)
    classes = ("a", "b", "c", "d", "e")
    card = RegionClassifierCard(
        variant="paper",
        width=0.25,
        classes=classes,
        input_size=64,
        mean=mean,
        std=std,
        context=16,
        crop_mode="warp",
        image_side=0,
    )
    save_model(tmp_path / "weights/best.safetensors", source, card)
    model = RegionClassifier(2, "paper", 0.25, auxiliary=False)
    report = initialise(model, str(tmp_path))
    assert report.skipped == ("fc",)
    assert model.normalisation == (mean, std)
    images = torch.randn(1, 3, 32, 32)
    expected = source.eval().network.features(images)
    assert torch.equal(model.eval().network.features(images), expected)


@pytest.mark.parametrize("before", ["module.", "_orig_mod.", "module._orig_mod."])
def test_names_as_data_parallel_and_compile_write_them(
    published: Path, tmp_path: Path, before: str
) -> None:
    state: dict[str, Tensor] = torch.load(published, weights_only=True)
    path = tmp_path / "w.pth"
    torch.save({before + name: value for name, value in state.items()}, path)
    expected = initialise(RegionClassifier(3, "torchvision"), str(published)).loaded
    assert initialise(RegionClassifier(3, "torchvision"), str(path)).loaded == expected


def test_weights_that_fit_nowhere_are_refused(published: Path) -> None:
    model = RegionClassifier(3, "paper", 0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(DataError, match=r"no layer of it fits the variant paper at width 0\.5"):
        initialise(model, str(published))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_files_that_are_no_weights_are_said(tmp_path: Path) -> None:
    model = RegionClassifier(2, "bn", 0.25)
    path = tmp_path / "w.pth"
    with pytest.raises(DataError, match=r"w\.pth: no such file\. init takes a state dict of"):
        initialise(model, str(path))
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"w\.pth: not a complete PyTorch state dict"):
        initialise(model, str(path))
    torch.save({"model": {"a": torch.zeros(1)}}, path)
    within = r"w\.pth: not a state dict of tensors but holds one under 'model': save that alone\."
    with pytest.raises(DataError, match=within):
        initialise(model, str(path))
    torch.save(model.network, path)
    whole = (
        r"w\.pth: holds an object of detect\.models\.googlenet\.GoogLeNet, a whole pickled model"
    )
    with pytest.raises(DataError, match=whole) as caught:
        initialise(model, str(path))
    assert "write torch.save(model.state_dict(), FILE)" in str(caught.value)
    with pytest.raises(DataError, match=r"no such model\. Expected a run folder"):
        initialise(model, str(tmp_path / "run"))
    for state in ({1: torch.zeros(1)}, {"conv1.conv.weight": torch.zeros(1, device="meta")}):
        torch.save(state, path)
        with pytest.raises(DataError, match=r"w\.pth: not a state dict of tensors"):
            initialise(model, str(path))


def test_layers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = RegionClassifier(2, "bn", 0.25)
    state = model.network.state_dict()
    state["conv1.bn.bias"] = torch.full_like(state["conv1.bn.bias"], torch.nan)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"w\.pth: layer conv1 has numbers that are not finite"):
        initialise(model, str(tmp_path / "w.pth"))
    assert model.network.conv1.bn.bias.isfinite().all()


@pytest.mark.parametrize(("variant", "width"), [("bn", 1.0), ("torchvision", 0.5)])
def test_imagenet_needs_the_network_it_was_trained_with(variant: str, width: float) -> None:
    expected = f"variant torchvision at width 1, got {variant} at width {width:g}"
    with pytest.raises(UsageError, match=expected):
        initialise(RegionClassifier(2, variant, width), "imagenet")


def test_without_network_imagenet_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # Nothing listens there.
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    model = RegionClassifier(2, "torchvision", auxiliary=False)
    with pytest.raises(EnvironmentProblem, match=r"download https://\S+\.pth and .* init=FILE"):
        initialise(model, "imagenet")
