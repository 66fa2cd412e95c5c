"""Losses that are read now and then, as a GPU's are: what is said, and what is kept."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from waiting import waiting_for_nothing

from detect.config import OptimizerSection, PretrainRecipe
from detect.errors import DetectError
from detect.runs import RunFolder
from detect.training.call import Call
from detect.training.distributed import Processes
from detect.training.loop import Trainer
from detect.training.unread import UnreadLosses, read


class Plane:
    """Fit y = Wx; from step `lost` on the loss is not a number."""

    def __init__(self, lost: int = 100) -> None:
        self.lost = lost

    def batch(self, step: int, processes: Processes) -> tuple[Tensor, ...]:
        x = torch.randn(8, 3, 1, 1, generator=torch.Generator().manual_seed(step))
        return x, x.sum(dim=1).flatten() if step < self.lost else torch.full((8,), torch.nan)

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        return {"loss": ((model(batch[0]).flatten() - batch[1]) ** 2).mean()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"score": 0.5}

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        """Keep nothing."""


def trainer(folder: Path, task: Plane, every: int) -> Trainer:
    """Return a training of 20 steps that reads its losses after `every` of them."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    run = {"validate_every": 10, "save_every": 4, "precision": "float32"}
    recipe = PretrainRecipe.model_validate({"optimizer": {"steps": 20}, "run": run})
    made = Trainer(network, task, recipe, 10.0, Call(RunFolder(folder), torch.device("cpu")))
    made.unread.every = every
    return made


def test_what_is_read_late_is_what_was_asked_every_step(tmp_path: Path) -> None:
    asked, late = (trainer(tmp_path / str(every), Plane(), every) for every in (1, 50))
    for one in (asked, late):
        one.run()
    assert [row["loss"] for row in late.progress.rows] == [
        row["loss"] for row in asked.progress.rows
    ]
    state, expected = late.averaged.state_dict(), asked.averaged.state_dict()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


@pytest.mark.parametrize(("every", "said"), [(1, "at step 5"), (3, "by step 5"), (50, "by step 7")])
def test_a_loss_that_is_no_number_is_found_before_anything_is_kept(
    tmp_path: Path, every: int, said: str
) -> None:
    lost = trainer(tmp_path, Plane(lost=5), every)
    with pytest.raises(DetectError, match=f"the loss is nan {said}: training diverged"):
        lost.run()
    # That of four steps, before it was lost.
    assert not lost.progress.rows
    assert torch.load(tmp_path / "state.pt", weights_only=True)["progress"]["step"] == 4


def test_one_loss_in_between_is_enough() -> None:
    unread = UnreadLosses(torch.device("cpu"), OptimizerSection(steps=1))
    unread.every = 50
    for step, value in enumerate((1.0, torch.inf, 2.0)):
        unread.add({"loss": torch.tensor(value)}, step)
    with pytest.raises(DetectError, match="the loss is inf by step 2"):
        unread.check(2)
    unread.add({"loss": torch.tensor(1.0)}, 3)
    unread.check(3)


def test_losses_are_left_on_the_device_until_they_are_read() -> None:
    unread = UnreadLosses(torch.device("cpu"), OptimizerSection(steps=1))
    unread.every = 50
    found = unread.add({"loss": torch.tensor(0.25)}, 0)
    assert isinstance(found["loss"], Tensor)
    assert read(found) == {"loss": 0.25}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_step_on_a_gpu_waits_for_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 1))
    recipe = PretrainRecipe.model_validate({"optimizer": {"steps": 20}})
    device = torch.device("cuda:0")
    made = Trainer(network, Plane(), recipe, 10.0, Call(RunFolder(tmp_path), device))
    batches = [made._batch(step) for step in range(6)]
    made.step(0, batches[0])
    with waiting_for_nothing():
        for step in range(1, 6):
            made.step(step, batches[step])
