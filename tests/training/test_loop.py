"""The training loop on a small problem: schedules, averaging, exact resume, failures."""

import signal
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from threading import Event

import pytest
import torch
from torch import Tensor, nn

from detect.config import PretrainRecipe
from detect.errors import DetectError, EnvironmentProblem
from detect.models.training_state import load_state, save_state
from detect.runs import RunFolder
from detect.training import loop
from detect.training.call import Call
from detect.training.distributed import ALONE, Processes
from detect.training.loop import Progress, Trainer


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


def make(
    folder: Path, task: Line, steps: int = 12, *, threads: int = 1, **changes: float
) -> Trainer:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    return trainer_of(model, folder, task, steps, threads, **changes)


def make_normalised(folder: Path, task: Line) -> Trainer:
    """Return one whose running statistics matter as well."""
    torch.manual_seed(0)
    layers = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1)
    return trainer_of(nn.Sequential(nn.Flatten(), *layers), folder, task, 12)


def trainer_of(
    model: nn.Module, folder: Path, task: Line, steps: int, threads: int = 1, **changes: float
) -> Trainer:
    recipe = PretrainRecipe.model_validate(
        {
            "optimizer": {"steps": steps, "learning_rate": 0.01, **changes},
            "run": {"validate_every": 4, "save_every": 5, "precision": "float32"},
        }
    )
    call = Call(RunFolder(folder), torch.device("cpu"), threads=threads)
    return Trainer(model, task, recipe, 10.0, call)


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


class Scored(Line):
    """Say `scores`, one at each validation; none where they have ended. Remember the best."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = list(scores)
        self.best: list[dict[str, float]] = []

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"score": self.scores.pop(0)} if self.scores else {}

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        super().save(model, name, figures)
        if name == "best":
            self.best.append(figures)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0.2, 0.5, 0.3], [0.2, 0.5]),
        ([0.5, 0.5, 0.2], [0.5]),  # As good is no better.
        ([-3.0, -2.0, -1.0], [-3.0, -2.0, -1.0]),
    ],
)
def test_best_is_written_when_it_is_better_and_last_at_the_end(
    tmp_path: Path, scores: list[float], best: list[float]
) -> None:
    task = Scored(*scores)
    make(tmp_path, task).run()
    assert task.best == [{"score": score} for score in best]
    assert task.saved.count("last") == 3  # after steps 5, 10 and 12
    assert task.saved[-1] == "last"


def test_without_figures_best_is_the_last_average(tmp_path: Path) -> None:
    task = Scored()
    make(tmp_path, task).run()
    assert task.best == [{}, {}, {}]
    assert task.saved[-2:] == ["best", "last"]


def test_a_resumed_run_remembers_how_good_its_best_was(tmp_path: Path) -> None:
    first = make(tmp_path, Scored(0.5), steps=4)
    first.run()
    task = Scored(0.4, 0.6)
    resumed = make(tmp_path, task)
    resumed.resume()
    resumed.run()
    assert task.best == [{"score": 0.6}]
    assert [row["score"] for row in resumed.progress.rows] == [0.5, 0.4, 0.6]


def test_results_hold_the_last_losses_and_the_figures(tmp_path: Path) -> None:
    make(tmp_path, Scored(0.2, 0.5, 0.3), learning_rate=0.02).run()
    header, *rows = (tmp_path / "results.csv").read_text().splitlines()
    assert header == "step,minutes,learning_rate,loss,score"
    assert [row.split(",")[0] for row in rows] == ["4", "8", "12"]
    assert [row.split(",")[2] for row in rows] == ["0.02"] * 3
    assert [row.split(",")[4] for row in rows] == ["0.2", "0.5", "0.3"]


class Meeting(Line):
    """Finish the batches of every three steps in the reverse of their order."""

    def __init__(self) -> None:
        super().__init__()
        self.made = [Event() for _ in range(12)]

    def batch(self, step: int, processes: Processes = ALONE) -> tuple[Tensor, Tensor]:
        if step % 3 < 2:
            assert self.made[step + 1].wait(60)
        self.made[step].set()
        return super().batch(step, processes)


def test_batches_come_in_the_order_of_their_steps_whichever_thread_is_first(
    tmp_path: Path,
) -> None:
    trainer = make(tmp_path, Meeting(), threads=3)
    for expected, (step, batch) in enumerate(trainer.batches(0, 12)):
        assert step == expected
        assert torch.equal(batch[0], Line().batch(step)[0])
    assert step == 11


class Begun(Line):
    """Remember the steps whose batches were begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []

    def batch(self, step: int, processes: Processes = ALONE) -> tuple[Tensor, Tensor]:
        self.begun.append(step)
        return super().batch(step, processes)


class AtOnce(ThreadPoolExecutor):
    """Make a batch when it is asked for, so that what was asked for can be told."""

    def submit(self, function, /, *arguments, **named):  # type: ignore[no-untyped-def]
        done: Future[object] = Future()
        done.set_result(function(*arguments, **named))
        return done


def test_no_more_batches_wait_than_twice_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "ThreadPoolExecutor", AtOnce)
    task = Begun()
    asked = []
    for step, _ in make(tmp_path, task, threads=2).batches(3, 12):
        asked.append((step, task.begun[-1]))
    # Four at a time, that of the step among them; none of an earlier step, none beyond the last.
    assert asked == [(step, min(step + 3, 11)) for step in range(3, 12)]
    assert task.begun == list(range(3, 12))


def test_threads_leave_the_weights_as_they_are(tmp_path: Path) -> None:
    one, three = make(tmp_path / "1", Line()), make(tmp_path / "3", Line(), threads=3)
    for trainer in (one, three):
        trainer.run()
    assert torch.equal(weights(one), weights(three))


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


def test_what_is_trained_is_averaged_after_every_update(tmp_path: Path) -> None:
    trainer = make(tmp_path, Line(), steps=4)
    found, expected = [], []
    for step in range(4):
        trainer.step(step, trainer.task.batch(step, ALONE))
        found.append(weights(trainer))
        current = _flat(trainer.model)
        # The first is copied; the t-th after it keeps (1 + t) / (10 + t) of the average.
        kept = (0, 2 / 11, 3 / 12, 4 / 13)[step]
        expected.append(kept * expected[-1] + (1 - kept) * current if step else current)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


class Kept(Line):
    """Remember the weights that were validated and written."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, Tensor] = {}

    def validate(self, model: nn.Module) -> dict[str, float]:
        self.seen["validated"] = _flat(model).clone()
        return super().validate(model)

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        self.seen[name] = _flat(model).clone()


def test_the_average_is_what_is_validated_and_kept(tmp_path: Path) -> None:
    task = Kept()
    trainer = make(tmp_path, task, steps=4)
    trainer.run()
    assert not torch.equal(weights(trainer), _flat(trainer.model))
    assert task.seen.keys() == {"validated", "best", "last"}
    assert all(torch.equal(seen, weights(trainer)) for seen in task.seen.values())


def test_running_statistics_are_averaged_as_well(tmp_path: Path) -> None:
    trainer = make_normalised(tmp_path, Line())
    model, averaged = trainer.model[2], trainer.averaged.module[2]  # type: ignore[index]
    expected = torch.zeros(4)
    for step in range(3):
        before = model.running_mean.clone()
        trainer.step(step, trainer.task.batch(step, ALONE))
        assert not torch.equal(model.running_mean, before)
        kept = (0, 2 / 11, 3 / 12)[step]
        expected = kept * expected + (1 - kept) * model.running_mean
    torch.testing.assert_close(averaged.running_mean, expected)
    assert int(averaged.num_batches_tracked) == 3


def test_losses_of_pieces_are_means_over_the_batch(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1))
    trainer = trainer_of(model, tmp_path, Line(7), 1)
    trainer.progress.most = 3  # pieces of 3, 2 and 2
    x, y = trainer.task.batch(0, ALONE)
    expected = ((model(x).flatten() - y) ** 2).mean().item()
    assert trainer.step(0, (x, y))["loss"] == pytest.approx(expected)


class Masked(Line):
    """Remember what dropout let through."""

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        self.mask = nn.functional.dropout(torch.ones(64), training=model.training)
        return super().losses(model, batch)


def test_dropout_differs_from_step_to_step_and_seed_to_seed(tmp_path: Path) -> None:
    def mask(step: int, seed: int) -> Tensor:
        task = Masked()
        trainer = make(tmp_path, task)
        trainer.recipe = trainer.recipe.model_copy(update={"seed": seed})
        trainer.step(step, task.batch(0))
        return task.mask

    masks = [mask(step, seed) for step, seed in ((0, 0), (1, 0), (0, 1))]
    assert torch.equal(masks[0], mask(0, 0))
    assert not any(torch.equal(one, other) for one, other in combinations(masks, 2))


def test_every_update_follows_the_gradient_of_its_own_batch(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 1, bias=False))
    trainer = trainer_of(model, tmp_path, Line(), 3, momentum=0.0, weight_decay=0.0)
    for step in range(3):
        before = _flat(model).detach().clone()
        x, y = trainer.task.batch(step, ALONE)
        losses = trainer.step(step, (x, y))
        # The mean of (w x - y)^2, and of its derivative 2 (w x - y) x.
        wrong = x.flatten(1) @ before - y
        assert losses["loss"] == pytest.approx(float((wrong**2).mean()))
        gradient = 2 * (wrong[:, None] * x.flatten(1)).mean(dim=0)
        torch.testing.assert_close(_flat(model).detach(), before - 0.01 * gradient)


def test_every_step_has_the_rate_of_its_schedule(tmp_path: Path) -> None:
    # trainer_of's epoch is ten steps: the rate falls at step 80.
    trainer = make(tmp_path, Line(), steps=100)
    rates = [
        trainer.step(step, trainer.task.batch(step, ALONE))["learning_rate"] for step in (79, 80)
    ]
    assert rates == pytest.approx([0.01, 0.0096])
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.0096)


def _flat(model: nn.Module) -> Tensor:
    return torch.cat([p.flatten() for p in model.parameters()])
