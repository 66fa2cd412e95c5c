"""The training loop on a small problem: schedules, averaging, exact resume, failures."""

import math
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from detect.config import OptimizerSection, RunSection
from detect.errors import DetectError, EnvironmentProblem
from detect.models.checkpoint import load_state, save_state
from detect.runs import RunFolder
from detect.training.distributed import ALONE, Processes
from detect.training.loop import Progress, Settings, Trainer
from detect.training.optimization import learning_rate


class Line:
    """Fit y = Wx with a network that has dropout, so that random state matters.

    Of a batch of `size` no more than `largest` samples fit in memory at a time.
    """

    def __init__(self, size: int = 8, largest: int | None = None) -> None:
        self.size, self.largest = size, largest
        self.saved: list[str] = []
        self.tried: list[int] = []

    def batch(self, step: int, processes: Processes = ALONE) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(self.size, 3, 1, 1, generator=generator)[processes.rows(self.size)]
        return x, x.sum(dim=1).flatten()

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        x, y = batch
        self.tried.append(len(x))
        loss = ((model(x).flatten() - y) ** 2).mean()
        if self.largest is not None and len(x) > self.largest:
            # What torch's CPU allocator raises; with CUDA it is OutOfMemoryError.
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes.")
        return {"loss": loss}

    def validate(self, model: nn.Module) -> dict[str, float]:
        x, y = self.batch(10_000)
        with torch.no_grad():
            return {"score": -float(((model.eval()(x).flatten() - y) ** 2).mean())}

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        self.saved.append(name)


def make(folder: Path, task: Line, steps: int = 12, **changes: float) -> Trainer:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    return trainer_of(model, folder, task, steps, **changes)


def make_normalised(folder: Path, task: Line) -> Trainer:
    """Return one whose running statistics matter as well."""
    torch.manual_seed(0)
    layers = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1)
    return trainer_of(nn.Sequential(nn.Flatten(), *layers), folder, task, 12)


def trainer_of(model: nn.Module, folder: Path, task: Line, steps: int, **changes: float) -> Trainer:
    optimizer = OptimizerSection(steps=steps, **{"learning_rate": 0.01, **changes})  # type: ignore[arg-type]
    run = RunSection(validate_every=4, save_every=5, precision="float32")
    settings = Settings(optimizer, run, 0, 10.0)
    device = torch.device("cpu")
    return Trainer(model, task, settings, RunFolder(folder), device, lambda line: None)


def weights(trainer: Trainer) -> Tensor:
    return torch.cat([p.flatten() for p in trainer.averaged.module.parameters()])


class Interrupted(Line):
    """Ask to stop, as Ctrl-C does, while step 6 is computed."""

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        if torch.equal(batch[0][0], self.batch(6)[0][0]):
            signal.raise_signal(signal.SIGINT)
        return super().losses(model, batch)


class Killed(Line):
    """Die in step 8, after the state of step 5 was saved."""

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        if torch.equal(batch[0][0], self.batch(8)[0][0]):
            raise SystemExit
        return super().losses(model, batch)


@pytest.mark.parametrize(
    ("task", "error", "kept"), [(Interrupted(), KeyboardInterrupt, 7), (Killed(), SystemExit, 5)]
)
def test_a_stopped_and_resumed_run_ends_with_the_same_weights(
    tmp_path: Path, task: Line, error: type[BaseException], kept: int
) -> None:
    whole = make(tmp_path / "whole", Line())
    whole.run()
    stopped = make(tmp_path / "stopped", task)
    with pytest.raises(error):
        stopped.run()
    resumed = make(tmp_path / "stopped", Line())
    resumed.resume()
    assert resumed.progress.step == kept
    resumed.run()
    assert torch.equal(weights(resumed), weights(whole))
    figures = [{k: v for k, v in row.items() if k != "minutes"} for row in resumed.progress.rows]
    assert figures == [
        {k: v for k, v in row.items() if k != "minutes"} for row in whole.progress.rows
    ]
    assert [row["step"] for row in resumed.progress.rows] == [4, 8, 12]


def test_best_is_written_at_every_better_validation_and_last_at_the_end(tmp_path: Path) -> None:
    task = Line()
    make(tmp_path, task).run()
    assert task.saved[-1] == "last"
    assert "best" in task.saved
    assert (tmp_path / "results.csv").read_text().startswith("step,minutes,learning_rate,loss")


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path: Path) -> None:
    trainer = make(tmp_path, Line(), learning_rate=1e30, steps=20)
    with pytest.raises(DetectError, match=r"training diverged. Lower optimizer.learning_rate"):
        trainer.run()


@pytest.mark.parametrize(
    ("size", "largest", "tried"), [(8, 2, [8, 4, 2, 2, 2, 2]), (10, 3, [10, 5, 3, 3, 2, 2])]
)
def test_out_of_memory_shrinks_the_pieces_and_leaves_the_gradient(
    tmp_path: Path, size: int, largest: int, tried: list[int]
) -> None:
    small = Line(size, largest)
    whole, parts = make(tmp_path / "a", Line(size), steps=1), make(tmp_path / "b", small, steps=1)
    for trainer in (whole, parts):
        # Dropout draws other masks for other pieces.
        trainer.model[2].p = 0.0  # type: ignore[index, union-attr]
        trainer.run()
    assert small.tried == tried
    torch.testing.assert_close(weights(parts), weights(whole))


@pytest.mark.parametrize(("size", "tried"), [(100, [100, 50, 25, 13, 7, 4, 2]), (3, [3])])
def test_out_of_memory_with_the_fewest_samples_names_them(
    tmp_path: Path, size: int, tried: list[int]
) -> None:
    task = Line(size, largest=1)
    with pytest.raises(EnvironmentProblem, match=f"on cpu with {tried[-1]} samples at a time"):
        make(tmp_path, task).run()
    assert task.tried == tried


def test_an_attempt_without_enough_memory_leaves_no_trace(tmp_path: Path) -> None:
    failing, knowing = (make_normalised(tmp_path / name, Line(largest=2)) for name in "ab")
    knowing.progress.most = 2
    for trainer in (failing, knowing):
        trainer.step(0, trainer.task.batch(0, ALONE))
    state, expected = failing.model.state_dict(), knowing.model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


def test_a_resumed_run_goes_on_in_pieces(tmp_path: Path) -> None:
    whole = make_normalised(tmp_path / "whole", Line(largest=2))
    whole.run()
    with pytest.raises(KeyboardInterrupt):
        make_normalised(tmp_path / "stopped", Interrupted(largest=2)).run()
    task = Line(largest=2)
    resumed = make_normalised(tmp_path / "stopped", task)
    resumed.resume()
    resumed.run()
    assert set(task.tried) == {2}
    state, expected = resumed.averaged.state_dict(), whole.averaged.state_dict()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


def test_a_state_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    trainer = make(tmp_path, Line())
    trainer.save()
    state = load_state(trainer.folder.state)
    del state["progress"]["most"]
    save_state(trainer.folder.state, state)
    trainer.resume()
    assert trainer.progress == Progress()


def test_averaging_follows_the_ramp(tmp_path: Path) -> None:
    trainer = make(tmp_path, Line(), steps=1)
    before = weights(trainer).clone()
    trainer.run()
    # The first update of AveragedModel copies; a second one would move by 1 - 2/11.
    torch.testing.assert_close(weights(trainer), _flat(trainer.model))
    assert not torch.equal(weights(trainer), before)
    moved = [torch.full_like(p, 11.0) for p in trainer.model.parameters()]
    kept = [torch.zeros_like(p) for p in trainer.model.parameters()]
    trainer.averaged.multi_avg_fn(kept, moved, torch.tensor(1))  # type: ignore[misc, operator]
    torch.testing.assert_close(kept[0], torch.full_like(kept[0], 9.0))


def _flat(model: nn.Module) -> Tensor:
    return torch.cat([p.flatten() for p in model.parameters()])


def test_paper_schedule_falls_4_percent_every_8_epochs() -> None:
    section = OptimizerSection(steps=1000, learning_rate=1.0)
    assert learning_rate(section, 79, 10.0) == 1.0
    assert learning_rate(section, 80, 10.0) == pytest.approx(0.96)
    assert learning_rate(section, 240, 10.0) == pytest.approx(0.96**3)


def test_cosine_schedule_warms_up_and_ends_near_zero() -> None:
    section = OptimizerSection(steps=100, learning_rate=1.0, schedule="cosine", warmup_steps=10)
    assert learning_rate(section, 0, 1.0) == pytest.approx(0.1)
    assert learning_rate(section, 50, 1.0) == pytest.approx(0.5)
    assert learning_rate(section, 99, 1.0) == pytest.approx(
        0.5 * (1 + math.cos(math.pi * 0.99)), rel=1e-6
    )
