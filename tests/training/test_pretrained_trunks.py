"""Trainings that begin with a network of timm, and those that freeze: exact resume, cards."""

from pathlib import Path
from typing import Any

import pytest
import torch
from builders import write_voc
from proposing import propose_randomly
from recipes import TINY_MULTIBOX, TINY_REGION_CLASSIFIER
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import googlenet

from detect.config import PretrainRecipe
from detect.data import open_dataset
from detect.errors import DataError, EnvironmentProblem
from detect.models.checkpoints import load_model
from detect.models.kinds import MULTIBOX, REGION_CLASSIFIER
from detect.models.region_classifier import RegionClassifier
from detect.runs import RunFolder
from detect.stages import (
    TrainClassifierOptions,
    TrainMultiboxOptions,
    train_classifier,
    train_multibox,
)
from detect.training.call import Call
from detect.training.distributed import ALONE, Processes
from detect.training.loop import Trainer

SMALL = "timm/resnet10t"


class Crops:
    """Tell two classes of noise apart."""

    def batch(self, step: int, processes: Processes = ALONE) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(step)
        return torch.rand(4, 3, 32, 32, generator=generator) * 255, torch.tensor([0, 1, 0, 1])

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        logits = model(batch[0])
        main = logits if isinstance(logits, Tensor) else logits[0]
        return {"loss": cross_entropy(main, batch[1])}

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {}

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None: ...


def trainer(folder: Path, variant: str, steps: int, told: dict[str, Any]) -> Trainer:
    torch.manual_seed(0)
    model = RegionClassifier(1, variant, 1.0 if variant == SMALL else 0.25, auxiliary=False)
    optimizer = {"steps": steps, "learning_rate": 0.01, **told}
    values = {"optimizer": optimizer, "run": {"precision": "float32"}}
    call = Call(RunFolder(folder), torch.device("cpu"), threads=1)
    return Trainer(model, Crops(), PretrainRecipe.model_validate(values), 10.0, call)


FROZEN = {"trunk_rate": 0.1, "frozen_statistics": True, "frozen_stages": 1}


@pytest.mark.parametrize(
    ("variant", "told"),
    [("bn", FROZEN), (SMALL, {}), (SMALL, FROZEN), (SMALL, {**FROZEN, "algorithm": "adamw"})],
)
def test_a_training_goes_on_as_if_it_had_not_stopped(
    tmp_path: Path, variant: str, told: dict[str, Any]
) -> None:
    if variant == SMALL:
        pytest.importorskip("timm", reason='networks of timm: pip install "detect[timm]"')
    whole = trainer(tmp_path / "whole", variant, 4, told)
    before = {name: value.clone() for name, value in whole.model.state_dict().items()}
    whole.run()
    trainer(tmp_path / "half", variant, 2, told).run()
    resumed = trainer(tmp_path / "half", variant, 4, told)
    resumed.resume()
    resumed.run()
    own, other = (one.averaged.state_dict() for one in (resumed, whole))
    assert all(torch.equal(own[name], other[name]) for name in other)
    kept = {name for name, value in before.items() if torch.equal(own[f"module.{name}"], value)}
    statistics = {name for name in before if "running_" in name}
    assert statistics <= kept if told else not statistics & kept
    first = {f"network.{name}" for name in ("conv1.conv.weight", "trunk.conv1.0.weight")}
    assert len(kept & first) == (1 if told else 0)


def write(root: Path, variant: str) -> Path:
    """Write a data set, its proposals and the recipe of a network of `variant` into `root`."""
    write_voc(root / "voc", {"train": 3}, seed=1)
    propose_randomly(open_dataset(root / "voc", "train"), root / "p.parquet", 60)
    text = TINY_REGION_CLASSIFIER.replace("width = 0.25", f'variant = "{variant}"')
    (root / "r.toml").write_text(text)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("timm", reason='networks of timm: pip install "detect[timm]"')
    return write(tmp_path_factory.mktemp("train"), SMALL)


def options(root: Path, out: Path, **more: Any) -> TrainClassifierOptions:
    told = {"data": root / "voc", "split": "train", "proposals": root / "p.parquet"}
    told |= {"config": root / "r.toml", "device": "cpu", "out": out, **more}
    return TrainClassifierOptions(**told)


def test_a_region_classifier_from_weights_in_a_file(root: Path, tmp_path: Path) -> None:
    import timm

    torch.save(timm.create_model("resnet10t").state_dict(), tmp_path / "w.pth")
    told = {"init": str(tmp_path / "w.pth"), "set": ("optimizer.frozen_stages=5",)}
    train_classifier(options(root, tmp_path / "run", **told))
    model, card = load_model(tmp_path / "run", REGION_CLASSIFIER)
    weights = torch.load(tmp_path / "w.pth", weights_only=True)
    trained = model.network.trunk.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in trained.items())
    assert (card.variant, card.mean) == (SMALL, (123.675, 116.28, 103.53))
    assert card.recipe["model"]["mean"] == [123.675, 116.28, 103.53]
    assert card.recipe["optimizer"]["frozen_stages"] == 5


def test_torchvisions_weights_take_the_same_recipe(tmp_path: Path) -> None:
    state = googlenet(num_classes=10, aux_logits=True, init_weights=False).state_dict()
    torch.save(state, tmp_path / "w.pth")
    changes = ("optimizer.trunk_rate=0.1", "optimizer.frozen_stages=2")
    told = {"init": str(tmp_path / "w.pth"), "set": (*changes, "optimizer.frozen_statistics=true")}
    train_classifier(options(write(tmp_path, "torchvision"), tmp_path / "run", **told))
    model, card = load_model(tmp_path / "run", REGION_CLASSIFIER)
    own = model.network.state_dict()
    kept = {name for name in own if torch.equal(own[name], state.get(name, torch.empty(0)))}
    assert {name for name in own if "running_" in name} <= kept
    assert {name for name in own if name.startswith(("conv1", "conv2", "conv3"))} <= kept
    assert not {name for name in own if name.endswith("conv.weight") and "inception" in name} & kept
    assert card.mean == (127.5, 127.5, 127.5)


def test_what_is_wrong_is_said_before_a_folder_is_made(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for change, text in (
        ("model.variant=timm/resnet10x", "no network resnet10x. Nearest: timm/resnet10t"),
        ("model.variant=timm/inception_v4", "timm/inception_v4 cannot be used at 32 px"),
        ("model.variant=timm/vit_tiny_patch16_224", "cannot be used at 32 px"),
        ("optimizer.frozen_stages=6", "frozen_stages: the trunk has 5 stages, got 6."),
    ):
        with pytest.raises(DataError) as caught:
            train_classifier(options(root, out, set=(change,)))
        assert text in str(caught.value)
        assert not out.exists()


def test_without_timm_a_training_says_what_to_install(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(EnvironmentProblem, match=r'pip install "detect\[timm\]"'):
        # Before any data is read.
        train_classifier(options(root / "no such folder", tmp_path / "run", config=root / "r.toml"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("head", ["fc", "conv"])
def test_a_multibox_on_maps_of_stride_16(root: Path, tmp_path: Path, head: str) -> None:
    text = TINY_MULTIBOX.replace("width = 0.25", f'variant = "{SMALL}"\nuntil = "4e"')
    if head == "conv":
        text = text.replace("[model]", '[model]\nhead = "conv"').replace("count = 3", "shapes = 2")
    (tmp_path / "m.toml").write_text(text)
    told = {"data": root / "voc", "split": "train", "config": tmp_path / "m.toml", "device": "cpu"}
    train_multibox(TrainMultiboxOptions(**told, out=tmp_path / "run"))
    model, card = load_model(tmp_path / "run", MULTIBOX)
    assert (card.variant, card.until, card.mean) == (SMALL, "4e", (123.675, 116.28, 103.53))
    offsets, logits = model(torch.zeros(1, 3, 32, 32))
    assert offsets.shape[:2] == logits.shape == (1, {"fc": 3, "conv": 2 * 2 * 2}[head])
