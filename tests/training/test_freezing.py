"""What stays of a network while it trains: stages, statistics; and the trunk's own rate."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from detect.config import OptimizerSection
from detect.errors import DataError
from detect.models.box_coder import BoxCoder
from detect.models.multibox import MultiBox, MultiBoxDesign
from detect.models.normalised import NormalisedNetwork
from detect.models.region_classifier import RegionClassifier
from detect.training.freezing import Frozen
from detect.training.optimization import make_optimizer, set_rate

FIRST_TWO = ("conv1.", "conv2.", "conv3.")


def section(**changes: object) -> OptimizerSection:
    return OptimizerSection.model_validate({"steps": 100, **changes})


def loss(model: NormalisedNetwork) -> Tensor:
    crops = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255
    found = model(crops)
    return sum((one.square().sum() for one in found), torch.zeros(()))


def changed(model: NormalisedNetwork, told: OptimizerSection, steps: int = 2) -> set[str]:
    """Train `model` for a few steps and return the names of the tensors that moved."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    frozen = Frozen(model, told)
    optimizer = make_optimizer(model, told)
    for _ in range(steps):
        optimizer.zero_grad()
        with frozen.training():
            loss(model).backward()
        optimizer.step()
    after = model.state_dict()
    return {name for name, value in before.items() if not torch.equal(after[name], value)}


def networks() -> Iterator[NormalisedNetwork]:
    torch.manual_seed(0)
    yield RegionClassifier(2, "bn", 0.25)
    design = MultiBoxDesign("bn", 0.25, "conv", "4e", 64, 16, 1, 1, BoxCoder())
    yield MultiBox(design, torch.rand(16, 4))


def statistics(names: set[str]) -> set[str]:
    return {name for name in names if "running_" in name or "num_batches" in name}


def test_by_default_everything_trains() -> None:
    for model in networks():
        names = set(model.state_dict()) - {"mean", "std", "priors"}
        assert changed(model, section()) == names


def test_first_stages_stay_with_their_statistics_and_the_rest_trains() -> None:
    for model in networks():
        moved = changed(model, section(frozen_stages=2))
        stays = {n for n in model.state_dict() if n.removeprefix("network.").startswith(FIRST_TWO)}
        assert stays
        assert moved == set(model.state_dict()) - stays - {"mean", "std", "priors"}


def test_frozen_statistics_are_the_trunks_alone() -> None:
    for model in networks():
        moved = statistics(changed(model, section(frozen_statistics=True)))
        heads = {f"network.{name}" for name in ("aux1", "aux2")} | {"head"}
        new = {n for n in statistics(set(model.state_dict())) if n.startswith(tuple(heads))}
        assert new
        assert moved == new


def test_frozen_statistics_are_those_that_are_used() -> None:
    model = RegionClassifier(2, "bn", 0.25, auxiliary=False, dropout=0.0).double()
    crops = torch.rand(3, 3, 32, 32, dtype=torch.float64) * 255
    expected = model.eval()(crops)
    with Frozen(model, section(frozen_statistics=True)).training():
        assert model.training
        # In another order of sums: to the last digits of float64.
        torch.testing.assert_close(model(crops), expected, rtol=1e-11, atol=1e-13)


def test_a_stage_ends_where_maps_are_halved() -> None:
    stages = RegionClassifier(2, "paper", 0.25).network.stages()
    assert [len(stage) for stage in stages] == [1, 4, 2, 5, 2]  # LRN is of the second.


def test_more_stages_than_there_are_is_said() -> None:
    with pytest.raises(DataError, match=r"frozen_stages: the trunk has 5 stages, got 6\."):
        Frozen(RegionClassifier(2, "bn", 0.25), section(frozen_stages=6))


class Tiny(NormalisedNetwork):
    """A trunk (1, 1) that begins at 2, and a new layer (1, 1) that begins at 3."""

    def __init__(self) -> None:
        super().__init__((0, 0, 0), (1, 1, 1))
        self.network = nn.ModuleDict({"trunk": nn.Linear(1, 1), "fc": nn.Linear(1, 1)})
        for layer, value in ((self.network["trunk"], 2.0), (self.network["fc"], 3.0)):
            nn.init.constant_(layer.weight, value)
            nn.init.constant_(layer.bias, value)

    def new_layers(self) -> list[nn.Module]:
        return [self.network["fc"]]


def test_the_trunk_takes_its_share_of_the_rate() -> None:
    model = Tiny()
    told = section(trunk_rate=0.1, momentum=0.5, weight_decay=0.25, learning_rate=7.0)
    optimizer = make_optimizer(model, told)
    set_rate(optimizer, 0.5)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    trunk, fc = model.network["trunk"], model.network["fc"]
    # Kernels: g + w/4 = 1.5 and 1.75; the trunk's rate is 0.05, the new layer's 0.5.
    assert trunk.weight.item() == pytest.approx(2 - 0.05 * 1.5)
    assert trunk.bias.item() == pytest.approx(2 - 0.05)
    assert fc.weight.item() == pytest.approx(3 - 0.5 * 1.75)
    assert fc.bias.item() == pytest.approx(3 - 0.5)
    set_rate(optimizer, 0.25)  # v = v/2 + g + w/4
    optimizer.step()
    assert trunk.bias.item() == pytest.approx(1.95 - 0.025 * 1.5)
    assert fc.bias.item() == pytest.approx(2.5 - 0.25 * 1.5)


def test_a_share_of_one_leaves_two_groups_and_the_rate_as_it_is() -> None:
    optimizer = make_optimizer(RegionClassifier(2, "bn", 0.25), section(learning_rate=0.3))
    set_rate(optimizer, 0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]
