"""A training goes on from a state that is its own, and says what is wrong with any other."""

import copy
import math
import random
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fitting import STEPS, make

from detect.errors import DataError, NoSpace
from detect.models.training_state import load_state, save_state
from detect.training.loop import Trainer


@pytest.fixture(params=["sgd", "adamw"])
def half(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Callable[[], Trainer], Path]:
    """Return what makes a training that goes on for STEPS, and its state, of the first half."""
    make(tmp_path, request.param, steps=STEPS // 2).run()
    return lambda: make(tmp_path, request.param), tmp_path / "state.pt"


@pytest.mark.parametrize(("algorithm", "momentum"), [("sgd", 0.0), ("sgd", 0.9), ("adamw", 0.9)])
def test_every_optimizer_goes_on_as_if_it_had_not_stopped(
    tmp_path: Path, algorithm: str, momentum: float
) -> None:
    whole = make(tmp_path / "whole", algorithm, momentum)
    whole.run()
    make(tmp_path / "half", algorithm, momentum, STEPS // 2).run()
    resumed = make(tmp_path / "half", algorithm, momentum)
    resumed.resume()
    assert resumed.progress.step == STEPS // 2
    resumed.run()
    for one, other in zip(
        resumed.averaged.state_dict().values(), whole.averaged.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    resumed.resume()  # Of a training that is finished.
    assert resumed.progress.step == STEPS


def _set(*keys: Any) -> Callable[[Any], Callable[[dict[str, Any]], None]]:
    def to(value: Any) -> Callable[[dict[str, Any]], None]:
        def change(state: dict[str, Any]) -> None:
            place: Any = state
            for key in keys[:-1]:
                place = place[key]
            place[keys[-1]] = value

        return change

    return to


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("optimizer"), "optimizer: expected a table, got nothing"),
        (lambda state: state["model"].pop("1.bias"), r"model: 1\.bias: expected a tensor, got not"),
        (_set("model", "9.bias")(torch.zeros(1)), r"model: unknown tensor '9\.bias'"),
        (
            _set("model", "1.bias")(torch.zeros(5)),
            r"1\.bias: expected \[4\] torch\.float32, got \[5",
        ),
        (
            _set("model", "1.bias")(torch.zeros(4).half()),
            r"expected \[4\] torch\.float32, got \[4\] t",
        ),
        (
            _set("model", "1.bias")(5),
            r"1\.bias: expected a tensor, got a int",
        ),
        (
            _set("averaged", "module.1.bias")(torch.full((4,), math.nan)),
            "numbers that are not finite",
        ),
        (_set("averaged", "n_averaged")(torch.tensor(7)), "averaged: expected 3 updates, got 7"),
        (_set("progress", "step")(-1), "step: expected a whole number from 0 to 6, got -1"),
        (
            _set("progress", "step")(10**9),
            "step: expected a whole number from 0 to 6, got 1000000000",
        ),
        (_set("progress", "best")(math.nan), "best: expected a number, got nan"),
        (_set("progress", "most")(0), "most: expected a whole number from 1, or none, got 0"),
        (_set("progress", "rows")([[1]]), "rows: expected tables of names and numbers"),
        (
            _set("progress", "rows")([{"step": 2}, {"step": 2}]),
            "rows: expected steps one after the",
        ),
        (_set("optimizer", "state")({}), "optimizer: state: expected 6 parameters, got others"),
        (lambda state: state["optimizer"]["state"][0].popitem(), "optimizer: 0: expected "),
    ],
)
def test_what_is_wrong_with_a_state_is_said(
    half: tuple[Callable[[], Trainer], Path],
    change: Callable[[dict[str, Any]], object],
    message: str,
) -> None:
    again, path = half
    state = load_state(path)
    change(state)
    save_state(path, state)
    with pytest.raises(DataError, match=rf"state\.pt: not a state of this training: .*{message}"):
        again().resume()


def test_a_list_is_no_state(half: tuple[Callable[[], Trainer], Path]) -> None:
    again, path = half
    torch.save([1, 2], path)
    with pytest.raises(DataError, match=r"state\.pt: not a training state \(list\)\. Delete it"):
        again().resume()


ODD = (
    None, True, [], {}, "", "x", -1, 0, 10**9, 10**400, math.nan, math.inf, torch.zeros(0),
    torch.zeros(4), torch.full((4, 3), math.nan), torch.tensor(3), torch.zeros(1).expand(10**12),
    torch.zeros(4, dtype=torch.complex64), [{"step": 1}] * 1000,
)  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value))
    inner = [_places(value[key]) for key in keys if isinstance(value[key], dict | list)]
    return [*((value, key) for key in keys), *(place for places in inner for place in places)]


def _weights(again: Callable[[], Trainer]) -> dict[str, Any]:
    """Return the averaged weights that a training which goes on begins with."""
    trainer = again()
    trainer.resume()
    return dict(trainer.averaged.state_dict())


def _is_refused(again: Callable[[], Trainer], expected: dict[str, Any], seed: int) -> bool:
    """Tell whether the state of `seed` is refused; else it has to give the weights `expected`."""
    resumed = again()
    try:
        resumed.resume()
    except DataError:
        return True
    for name, value in resumed.averaged.state_dict().items():
        assert torch.equal(value, expected[name]), seed
    return False


@pytest.mark.slow
def test_odd_values_anywhere_are_refused_or_change_no_weight(
    half: tuple[Callable[[], Trainer], Path],
) -> None:
    again, path = half
    state, said, expected = load_state(path), 0, _weights(again)
    for seed in range(300):
        draw, changed = random.Random(seed), copy.deepcopy(state)
        place, key = draw.choice(_places(changed))
        if draw.randrange(5):
            place[key] = draw.choice(ODD)
        else:
            del place[key]
        save_state(path, changed)
        said += _is_refused(again, expected, seed)
    assert said > 100


def test_damaged_bytes_are_said_or_change_nothing(
    half: tuple[Callable[[], Trainer], Path],
) -> None:
    again, path = half
    content, said, expected = path.read_bytes(), 0, _weights(again)
    for seed in range(200):
        draw = random.Random(seed)
        at = draw.randrange(len(content))
        flipped = bytes([content[at] ^ (1 << draw.randrange(8))])
        damaged = content[:at] + flipped + content[at + 1 :]
        path.write_bytes(draw.choice([damaged, damaged, content[:at], content[at:]]))
        said += _is_refused(again, expected, seed)
    assert said > 100


def test_a_full_disk_is_said_and_leaves_the_earlier_state(
    half: tuple[Callable[[], Trainer], Path],
) -> None:
    again, path = half
    before, trainer = path.read_bytes(), again()
    trainer.resume()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(NoSpace, match=r"state\.pt: no space left on this disk"):
            trainer.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.glob(".*")] == []
