"""The objective of classifiers with auxiliary classifiers, against sums worked by hand."""

import math
from pathlib import Path

import pytest
import torch
from class_sets import write_class_folders
from torch import Tensor, nn

from detect.config import PretrainRecipe, RegionClassifierRecipe
from detect.data.labelled import open_labelled
from detect.matching import pools
from detect.runs import RunFolder
from detect.training.losses import box_loss, classification_losses
from detect.training.pretrain import PretrainTask, build_image_classifier
from detect.training.region_classifier import RegionTask, build_region_classifier
from detect.training.region_data import RegionData
from detect.training.task import Task

CPU = torch.device("cpu")
TINY = {"model": {"input_size": 32, "width": 0.25}, "optimizer": {"steps": 1}}
LOG2 = math.log(2)


def odds(*right: float) -> Tensor:
    """Return logits (N, 2) that give class 1 the odds `right` (N,) to one."""
    return torch.stack([torch.zeros(len(right)), torch.tensor(right).log()], dim=1)


# Of class 1, probabilities 1/2 and 1/4; 1/8 twice; 1/2 and 1/16: -log2 is 1, 2; 3, 3; 1, 4.
THREE = odds(1, 1 / 3), odds(1 / 7, 1 / 7), odds(1, 1 / 15)
LABELS = torch.tensor([1, 1])


def test_each_side_counts_as_much_as_it_is_told() -> None:
    found = classification_losses(THREE, LABELS, 0.3)
    assert float(found["main_loss"]) == pytest.approx(1.5 * LOG2)
    assert float(found["loss"]) == pytest.approx((1.5 + 0.3 * 3 + 0.3 * 2.5) * LOG2)


def test_a_network_without_sides_has_its_cross_entropy_alone() -> None:
    found = classification_losses(THREE[0], LABELS, 0.3)
    assert found.keys() == {"loss"}
    assert float(found["loss"]) == pytest.approx(1.5 * LOG2)


def test_the_right_class_is_the_label() -> None:
    wrong = classification_losses(THREE[1], torch.tensor([0, 1]), 0.3)["loss"]
    assert float(wrong) == pytest.approx((math.log(8 / 7) + 3 * LOG2) / 2)


class Three(nn.Module):
    """Say THREE, whatever is shown."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """`images` (2, 3, S, S) -> logits of the network and its two sides."""
        return THREE


def region_task(folder: Path, **optimizer: float) -> RegionTask:
    recipe = RegionClassifierRecipe.model_validate({**TINY, "optimizer": {"steps": 1, **optimizer}})
    data = RegionData((), (), *pools([]))
    return RegionTask(recipe, data, ("one",), RunFolder(folder), CPU, None)


def pretrain_task(folder: Path, **optimizer: float) -> PretrainTask:
    recipe = PretrainRecipe.model_validate({**TINY, "optimizer": {"steps": 1, **optimizer}})
    data = open_labelled(write_class_folders(folder / "data", {"train": 1}), "train")
    return PretrainTask(recipe, data, RunFolder(folder), CPU, None)


@pytest.mark.parametrize("task_of", [region_task, pretrain_task])
def test_each_training_counts_a_side_0_3_times(task_of: type[Task], tmp_path: Path) -> None:
    batch = (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), LABELS)
    found = task_of(tmp_path).losses(Three(), batch)
    # Section 5 of the paper: the losses of the auxiliary classifiers are weighted by 0.3.
    assert float(found["loss"]) == pytest.approx((1.5 + 0.3 * 5.5) * LOG2)
    other = task_of(tmp_path, auxiliary_weight=0.5).losses(Three(), batch)  # type: ignore[call-arg]
    assert float(other["loss"]) == pytest.approx((1.5 + 0.5 * 5.5) * LOG2)


def test_the_networks_that_are_trained_have_their_sides() -> None:
    region, _ = build_region_classifier(RegionClassifierRecipe.model_validate(TINY), 2, print)
    image = build_image_classifier(PretrainRecipe.model_validate(TINY), 2, print)
    batch = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    # Background is one more output of a region classifier.
    for network, outputs in ((region, 3), (image, 2)):
        assert [tuple(side.shape) for side in network.train()(batch)] == [(2, outputs)] * 3


# Of two classes; differences over the deviations of 0.5 and 3, 0; 0.5 and 0, 0.
STD = torch.tensor([1.0, 0.5, 1.0, 1.0])
DELTAS = torch.tensor([[[0.5, 1.5, 0, 0], [9, 9, 9, 9]], [[9, 9, 9, 9], [0, 0, 0.5, 0]]])
NONE = torch.zeros(2, 4)


def test_boxes_cost_the_smooth_l1_of_their_own_class_over_the_whole_batch() -> None:
    # Equation 3: 0.5 x^2 below 1, |x| - 0.5 from there on.
    first, second = 0.125 + 2.5, 0.125
    both = box_loss(DELTAS, NONE, torch.tensor([0, 1]), STD)
    assert float(both) == pytest.approx((first + second) / 2)
    # A region without an object counts in the batch alone.
    one = box_loss(DELTAS, NONE, torch.tensor([0, -1]), STD)
    assert float(one) == pytest.approx(first / 2)
    agnostic = box_loss(DELTAS[:, :1], NONE, torch.tensor([1, -1]), STD)
    assert float(agnostic) == pytest.approx(first / 2)
    assert float(box_loss(DELTAS, NONE, torch.tensor([-1, -1]), STD)) == 0


def test_boxes_count_by_their_weight(tmp_path: Path) -> None:
    told = {"kind": "agnostic", "maps": "4e", "grid": 2, "weight": 2.0}
    recipe = RegionClassifierRecipe.model_validate({**TINY, "regression": told})
    data = RegionData((), (), *pools([]))
    task = RegionTask(recipe, data, ("one",), RunFolder(tmp_path), CPU, None)
    network, _ = build_region_classifier(recipe, 1, print)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    batch = (images, LABELS, torch.ones(2, 4), torch.tensor([0, -1]))
    with torch.no_grad():
        found = task.losses(network.eval(), batch)
        plain = classification_losses(network(images).logits, LABELS, 0.3)["loss"]
    assert float(found["box_loss"]) == pytest.approx(4 * 0.5 / 2, rel=0.05)
    assert float(found["loss"]) == pytest.approx(float(plain + 2 * found["box_loss"]), rel=1e-5)
