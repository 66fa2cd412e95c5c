"""Updates, rates and averages of weights, each step by hand."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from detect.config import OptimizerSection
from detect.training.optimization import (
    WeightAverage,
    learning_rate,
    make_optimizer,
    ramped_average,
)


class Scaled(nn.Module):
    """One kernel (1, 1) that begins at 2, and one bias (1,) that begins at 3."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.full((1, 1), 2.0))
        self.bias = nn.Parameter(torch.full((1,), 3.0))

    def update(self, optimizer: torch.optim.Optimizer, gradient: float) -> tuple[float, float]:
        """Step with `gradient` on both, and return both."""
        for parameter in self.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
        return self.kernel.item(), self.bias.item()


def section(**changes: object) -> OptimizerSection:
    return OptimizerSection.model_validate({"steps": 100, **changes})


def test_sgd_has_momentum_and_decays_kernels_alone() -> None:
    model = Scaled()
    optimizer = make_optimizer(model, section(learning_rate=0.1, momentum=0.5, weight_decay=0.25))
    # The kernel: g + w/4 = 1 + 0.5, w = 2 - 0.15; then v = 1.5/2 - 1 + 1.85/4 = 0.2125.
    assert model.update(optimizer, 1.0) == pytest.approx((1.85, 2.9))
    assert model.update(optimizer, -1.0) == pytest.approx((1.85 - 0.02125, 2.9 + 0.05))


def test_adamw_decays_by_the_rate_and_has_momentum_as_its_first_beta() -> None:
    model = Scaled()
    told = {"learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.25}
    optimizer = make_optimizer(model, section(algorithm="adamw", **told))
    # The first step is the rate times the sign; the kernel lost 0.1 * 0.25 of itself before.
    assert model.update(optimizer, 4.0) == pytest.approx((2 * 0.975 - 0.1, 2.9))
    # m = (0.5 * 2 - 0.5 * 2) = 0 at beta 0.5: nothing but decay.
    assert model.update(optimizer, -2.0) == pytest.approx((1.85 * 0.975, 2.9))
    # m = 0.5 * 2 over 1 - 1/8; v of 16, 4 and 4 at 0.999, over 1 - 0.999^3.
    v = (16 * 0.999**2 + 4 * 0.999 + 4) * 0.001 / (1 - 0.999**3)
    assert model.update(optimizer, 2.0)[1] == pytest.approx(2.9 - 0.1 * 8 / 7 / math.sqrt(v))


def test_momentum_and_decay_of_a_recipe_that_says_nothing() -> None:
    kernels, others = make_optimizer(Scaled(), section()).param_groups
    # Section 6 of the paper: momentum 0.9. The rest is ours.
    assert (kernels["momentum"], others["momentum"]) == (0.9, 0.9)
    assert (kernels["weight_decay"], others["weight_decay"]) == (0.0005, 0.0)


def test_what_is_frozen_is_left_alone() -> None:
    model = Scaled()
    model.kernel.requires_grad_(False)
    groups = make_optimizer(model, section()).param_groups
    assert [len(group["params"]) for group in groups] == [0, 1]


def test_the_papers_schedule_falls_4_percent_every_8_epochs() -> None:
    paper = section(learning_rate=1.0)
    # An epoch of 2.5 steps: eight of them are 20 steps.
    steps = (0, 19, 20, 39, 40, 60)
    rates = [learning_rate(paper, step, 2.5) for step in steps]
    assert rates == pytest.approx([1, 1, 0.96, 0.96, 0.9216, 0.884736])


def test_the_cosine_schedule_warms_up_and_ends_near_zero() -> None:
    cosine = section(learning_rate=2.0, schedule="cosine", warmup_steps=4)
    # cos 0, 60 and 90 degrees of 100 steps; before, a quarter more of the rate every step.
    assert learning_rate(cosine, 0, 1.0) == pytest.approx(2 * 1 / 4)
    assert learning_rate(cosine, 2, 1.0) == pytest.approx(2 * 3 / 4, rel=0.001)
    assert [learning_rate(cosine, step, 1.0) for step in (50, 75)] == pytest.approx(
        [1.0, 1 - math.sqrt(0.5)]
    )
    assert learning_rate(cosine, 99, 1.0) == pytest.approx(2 * 0.000246719, rel=1e-5)


def test_the_paper_warms_up_as_well() -> None:
    paper = section(learning_rate=1.0, warmup_steps=4)
    rates = [learning_rate(paper, step, 1.0) for step in (0, 1, 3, 4, 9)]
    assert rates == pytest.approx([0.25, 0.5, 1, 1, 0.96])


@pytest.mark.parametrize(
    ("updates", "kept"),
    # (1 + t) / (10 + t), which is 0.9 at 80; from there on the decay itself.
    [(0, 1 / 10), (1, 2 / 11), (8, 1 / 2), (71, 8 / 9), (80, 0.9), (10_000, 0.9)],
)
def test_an_average_keeps_its_decay_or_less_while_it_is_young(updates: int, kept: float) -> None:
    mean, value = torch.tensor([10.0, 0.0]), torch.tensor([0.0, 10.0])
    ramped_average(0.9)([mean], [value], torch.tensor(updates))
    assert mean.tolist() == pytest.approx([10 * kept, 10 * (1 - kept)])


def test_what_is_counted_is_copied() -> None:
    counts: list[Tensor] = [torch.tensor(3)]
    ramped_average(0.9)(counts, [torch.tensor(8)], 5)
    assert counts[0].item() == 8


def test_the_average_is_that_of_torch() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ours = WeightAverage(model, 0.9)
    theirs = AveragedModel(model, multi_avg_fn=ramped_average(0.9), use_buffers=True)
    for _ in range(4):
        model(torch.randn(8, 3))
        nn.init.normal_(model[0].weight)
        ours.update_parameters(model)
        theirs.update_parameters(model)
    expected = theirs.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in ours.state_dict().items())
