"""Online hard example mining: which rows count, and that a training with it resumes exactly."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from builders import write_voc
from proposing import propose_randomly
from recipes import TINY_REGION_CLASSIFIER
from safetensors.torch import load_file
from torch import Tensor, nn

from detect.config import RegionClassifierRecipe
from detect.data import open_dataset
from detect.matching import pools
from detect.models.region_classifier import Outputs
from detect.progress import Silence
from detect.runs import RunFolder
from detect.stages import TrainClassifierOptions, train_classifier
from detect.training.hard_examples import hardest
from detect.training.losses import classification_losses
from detect.training.region_classifier import RegionTask
from detect.training.region_data import RegionData


def odds(*right: float) -> Tensor:
    """Return logits (N, 2) that give class 1 the odds `right` (N,) to one."""
    return torch.stack([torch.zeros(len(right)), torch.tensor(right).log()], dim=1)


# Of class 1, probabilities 1/2, 1/16, 1/4, 1/8 and 1/2: -log2 is 1, 4, 2, 3 and 1.
LOGITS = odds(1, 1 / 15, 1 / 3, 1 / 7, 1)
ONES = torch.ones(5, dtype=torch.int64)


@pytest.mark.parametrize(
    ("fraction", "rows"),
    [(1.0, [0, 1, 2, 3, 4]), (0.6, [1, 2, 3]), (0.5, [1, 2, 3]), (0.4, [1, 3]), (0.01, [1])],
)
def test_the_rows_with_the_highest_loss_count(fraction: float, rows: list[int]) -> None:
    logits, labels = hardest(LOGITS, torch.tensor([1, 1, 1, 1, 1]), fraction)
    torch.testing.assert_close(logits, LOGITS[rows])
    assert labels.tolist() == [1] * len(rows)


def test_a_label_decides_what_is_hard() -> None:
    # Of class 0 the other rows are hard: probabilities 1/2, 15/16, 3/4, 7/8, 1/2.
    logits, labels = hardest(LOGITS, torch.tensor([0, 0, 1, 0, 0]), 0.6)
    torch.testing.assert_close(logits, LOGITS[[0, 2, 4]])
    assert labels.tolist() == [0, 1, 0]


def test_the_network_chooses_for_its_auxiliary_classifiers() -> None:
    side = LOGITS.roll(1, 0)  # whose hardest are others
    logits, labels = hardest((LOGITS, side, side), ONES, 0.4)
    assert isinstance(logits, tuple)
    for found, whole in zip(logits, (LOGITS, side, side), strict=True):
        torch.testing.assert_close(found, whole[[1, 3]])
    # The network's losses are 4 and 3, each side's there 1 and 2.
    losses = classification_losses(logits, labels, 0.5)
    assert float(losses["main_loss"]) == pytest.approx(3.5 * math.log(2))
    assert float(losses["loss"]) == pytest.approx((3.5 + 1.5) * math.log(2))


def test_what_does_not_count_has_no_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    kept, labels = hardest(logits, ONES, 0.4)
    classification_losses(kept, labels, 0.3)["loss"].backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(1) > 0).tolist() == [False, True, False, True, False]


class Fixed(nn.Module):
    """Say LOGITS, whatever is shown."""

    def forward(self, crops: Tensor) -> Tensor:
        return LOGITS


@pytest.mark.parametrize(("fraction", "expected"), [(1.0, 11 / 5), (0.4, 3.5)])
def test_a_training_counts_the_hardest_alone(
    tmp_path: Path, fraction: float, expected: float
) -> None:
    told = {"optimizer": {"steps": 1}, "sampling": {"hard_fraction": fraction}}
    recipe = RegionClassifierRecipe.model_validate(told)
    data = RegionData((), (), *pools([]))
    task = RegionTask(recipe, data, ("one",), RunFolder(tmp_path), torch.device("cpu"), None)
    batch = (torch.zeros(5, 3, 32, 32, dtype=torch.uint8), ONES)
    assert float(task.losses(Fixed(), batch)["loss"]) == pytest.approx(expected * math.log(2))


class Impatient(Silence):
    """Stop a training as Ctrl-C does, after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def track(self, items, total, what):
        for number, item in enumerate(items):
            if what == "steps of training" and number == self.steps:
                raise KeyboardInterrupt
            yield item


def test_a_recipe_without_it_says_nothing_and_one_with_it_resumes_exactly(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", {"train": 2}, seed=1)
    propose_randomly(open_dataset(tmp_path / "voc", "train"), tmp_path / "p.parquet", 60)
    (tmp_path / "r.toml").write_text(TINY_REGION_CLASSIFIER)

    def weights(name: str, fraction: float, reporter: Silence | None = None, **more: object):
        told = {"data": tmp_path / "voc", "split": "train", "proposals": tmp_path / "p.parquet"}
        told |= {"config": tmp_path / "r.toml", "device": "cpu", "out": tmp_path / name, **more}
        changes = ("optimizer.steps=4", "run.save_every=2", f"sampling.hard_fraction={fraction}")
        train_classifier(TrainClassifierOptions(**told, set=changes), reporter or Silence())
        return load_file(tmp_path / name / "weights/last.safetensors")

    whole, plain = weights("whole", 0.5), weights("plain", 1.0)
    assert not all(torch.equal(whole[name], plain[name]) for name in plain)
    assert "hard_fraction" not in (tmp_path / "plain/config.toml").read_text()
    assert "hard_fraction = 0.5" in (tmp_path / "whole/config.toml").read_text()
    with pytest.raises(KeyboardInterrupt):
        weights("stopped", 0.5, Impatient(3))
    resumed = weights("stopped", 0.5, resume=True)
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


class Moving(nn.Module):
    """Say LOGITS and that box n moves by n, whatever is shown."""

    regression = SimpleNamespace(std=torch.ones(4))

    def forward(self, crops: Tensor) -> Outputs:
        return Outputs(LOGITS, torch.arange(5.0).view(5, 1, 1).expand(5, 1, 4))


def test_boxes_learn_from_every_row(tmp_path: Path) -> None:
    told = {"optimizer": {"steps": 1}, "sampling": {"hard_fraction": 0.4}}
    recipe = RegionClassifierRecipe.model_validate({**told, "regression": {"kind": "agnostic"}})
    data = RegionData((), (), *pools([]))
    task = RegionTask(recipe, data, ("one",), RunFolder(tmp_path), torch.device("cpu"), None)
    moves = (torch.zeros(5, 4), torch.zeros(5, dtype=torch.int64))
    losses = task.losses(Moving(), (torch.zeros(5, 3, 32, 32), ONES, *moves))
    assert float(losses["box_loss"]) == pytest.approx(4 * (0 + 0.5 + 1.5 + 2.5 + 3.5) / 5)
    assert float(losses["loss"]) == pytest.approx(3.5 * math.log(2) + 6.4)
