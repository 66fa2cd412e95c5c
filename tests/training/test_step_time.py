"""From a few steps to a whole training; how long a step takes is not for a test to say."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detect import memory
from detect.config import PretrainRecipe
from detect.models.crop_time import Peak
from detect.runs import RunFolder
from detect.training.call import Call
from detect.training.distributed import ALONE, Processes
from detect.training.step_time import StepTime, Timed, scaled, time_steps

FEW = Timed(samples=4, seconds=[0.4, 0.6], peak=Peak(1000, 100))


def test_a_whole_batch_that_was_timed_stays_as_it_is() -> None:
    most = Timed(samples=16, seconds=[1.0, 2.0] * 4, peak=Peak(2200, 400))
    assert scaled(FEW, most, 16, disk=7) == StepTime(1.5, 16, 16, 8, Peak(2200, 400), 7)


def test_seconds_grow_in_proportion_and_memory_along_a_line() -> None:
    most = Timed(samples=16, seconds=[1.0, 2.0] * 4, peak=Peak(2200, 400))
    # 12 samples took 1200 and 300 bytes more: the other 16 take 1600 and 400.
    assert scaled(FEW, most, 32, disk=7) == StepTime(3.0, 32, 16, 8, Peak(3800, 800), 7)


@pytest.mark.parametrize("few", [FEW, Timed(16, [1.5, 1.5], Peak(900, 0))])
def test_memory_never_shrinks_with_the_batch(few: Timed) -> None:
    most = Timed(samples=16, seconds=[1.0, 2.0] * 4, peak=Peak(900, 90))
    assert scaled(few, most, 32, disk=0).peak == Peak(900, 90)


class Mean:
    """Fit the mean of `size` samples of 4 MiB, and write files as a training does."""

    def __init__(self, size: int, folder: RunFolder) -> None:
        self.size, self.folder = size, folder

    def batch(self, step: int, processes: Processes = ALONE) -> tuple[Tensor]:
        return (torch.ones(self.size, 2**20),)

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        return {"loss": model(batch[0].mean(dim=1, keepdim=True)).mean()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {}

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        path = self.folder.weights(name)
        path.parent.mkdir(exist_ok=True)
        for file in (path, path.with_suffix(".json")):
            file.write_text("")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is for ever")
def test_what_earlier_work_took_leaves_the_bound_on_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is time for more samples, but hardly any memory.
    (tmp_path / "meminfo").write_text("MemTotal: 2000 kB\nMemAvailable: 1000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    np.ones(500 * 2**20 // 8)
    folder = RunFolder(tmp_path)
    recipe = PretrainRecipe.model_validate(
        {"optimizer": {"steps": 1}, "run": {"precision": "float32"}}
    )
    call = Call(folder, torch.device("cpu"))
    step = time_steps(nn.Linear(1, 1), lambda n: Mean(n, folder), 16, recipe, call)
    assert step.samples == 8
