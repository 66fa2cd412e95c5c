"""What a training state must hold to be gone on from: checked before anything of it is used.

Against the network, the optimizer and the recipe of the training that goes on; the recipe of the
one that was interrupted is the same (RunFolder.check_same).
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from detect.errors import DataError, option
from detect.models.training_state import START_ANEW, is_plain, load_state
from detect.reading import is_name, shown
from detect.training.call import Call

# What the optimizers keep for a parameter, and whether it has the parameter's shape.
_BUFFERS = {
    torch.optim.SGD: {"momentum_buffer": True},
    torch.optim.AdamW: {"step": False, "exp_avg": True, "exp_avg_sq": True},
}

_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "best": (lambda value: type(value) is float and not math.isnan(value), "a number"),
    "seconds": (
        lambda value: type(value) in (int, float) and 0 <= value < math.inf,
        "a number from 0",
    ),
    "most": (
        lambda value: value is None or (type(value) is int and 0 < value < 2**31),
        "a whole number from 1, or none",
    ),
}


def say_if_trained(step: int, steps: int, call: Call) -> None:
    """Say that nothing is left to train, where `step` is the last of `steps`."""
    if step == steps:
        call.reporter.say(
            f"already complete: {call.folder.path}, all {steps} steps were trained by an earlier "
            f"command; nothing to do. To train anew: {option('exist_ok')} in place of "
            f"{option('resume')}."
        )


def read_state(
    path: Path,
    model: nn.Module,
    averaged: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int,
) -> dict[str, Any]:
    """Return the state in `path` of a training of `steps` steps, as these three take it up.

    Tables model, averaged, optimizer and progress. DataError if it is damaged, or another's.
    """
    state = load_state(path)
    try:
        check_tables(state, ("model", "averaged", "optimizer", "progress"))
        check_tensors("model", state["model"], model.state_dict())
        check_tensors("averaged", state["averaged"], averaged.state_dict())
        progress = check_progress(state["progress"], steps, state["averaged"]["n_averaged"])
        taken_up = check_optimizer(state["optimizer"], optimizer, progress["step"])
    except ValueError as error:
        raise DataError(f"{path}: not a state of this training: {error}. {START_ANEW}") from error
    return {**state, "optimizer": taken_up, "progress": progress}


def check_tables(state: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Raise ValueError unless `state` has the tables `names`, and nothing else."""
    for name in sorted({*map(str, state), *names}):
        if name not in names:
            raise ValueError(f"unknown key {shown(name)}")
        if not isinstance(state.get(name), dict):
            raise ValueError(f"{name}: expected a table, got {_named(state.get(name))}")


def check_tensors(where: str, found: Mapping[Any, Any], expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless `found` has the names, shapes and types of `expected`, all finite."""
    if unknown := found.keys() - expected.keys():
        raise ValueError(f"{where}: unknown tensor {shown(next(iter(unknown)))}")
    for name, tensor in expected.items():
        _check_tensor(f"{where}: {name}", found.get(name), tensor.shape, tensor.dtype)


def check_optimizer(
    found: Mapping[str, Any], optimizer: torch.optim.Optimizer, step: int
) -> dict[str, Any]:
    """Return `found` as `optimizer` takes it up after `step` updates; ValueError if it is wrong.

    Rates and the like are the optimizer's own: the recipe says them.
    """
    kept, own = found.get("state"), optimizer.state_dict()
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    buffers = dict(_BUFFERS[type(optimizer)])
    if optimizer.defaults.get("momentum") == 0:
        buffers = {}
    numbers = set(range(len(parameters)) if step and buffers else ())
    if not isinstance(kept, dict) or kept.keys() != numbers:
        raise ValueError(f"optimizer: state: expected {len(numbers)} parameters, got others")
    for number in numbers:
        values, parameter, where = kept[number], parameters[number], f"optimizer: {number}"
        if not isinstance(values, dict) or values.keys() != buffers.keys():
            raise ValueError(f"{where}: expected {', '.join(buffers)}")
        for name, like in buffers.items():
            shape = parameter.shape if like else torch.Size()
            _check_tensor(f"{where}: {name}", values[name], shape, torch.float32)
    return {"state": kept, "param_groups": own["param_groups"]}


def check_progress(found: Mapping[str, Any], steps: int, averaged: Tensor) -> dict[str, Any]:
    """Return `found` as a Progress takes it; ValueError if it cannot be one of `steps` steps.

    `averaged` is how many updates the average is of.
    """
    # Version 1 had no `most` before memory could run out.
    values: dict[str, Any] = {"most": None, **found}
    step = values.get("step")
    if type(step) is not int or not 0 <= step <= steps:
        raise ValueError(f"step: expected a whole number from 0 to {steps}, got {shown(step)}")
    if int(averaged) != step:
        raise ValueError(f"averaged: expected {step} updates, got {int(averaged)}")
    if values.keys() != {"step", "rows", *_FIELDS}:
        raise ValueError(f"progress: expected step, rows, {', '.join(_FIELDS)}")
    for name, (is_right, expected) in _FIELDS.items():
        if not is_right(values[name]):
            raise ValueError(f"{name}: expected {expected}, got {shown(values[name])}")
    _check_rows(values["rows"], step)
    return values


def _check_rows(rows: object, step: int) -> None:
    """Raise ValueError unless `rows` are those of results.csv up to `step`."""
    if not isinstance(rows, list) or len(rows) > step:
        raise ValueError(f"rows: expected a list of at most {step}")
    before = 0
    for row in rows:
        if not isinstance(row, dict) or not all(map(is_name, row)):
            raise ValueError("rows: expected tables of names and numbers")
        if not all(type(value) in (int, float) for value in row.values()):
            raise ValueError("rows: expected tables of names and numbers")
        at = row.get("step")
        if type(at) is not int or not before < at <= step:
            raise ValueError(f"rows: expected steps one after the other, up to {step}")
        before = at


def _check_tensor(where: str, value: object, shape: torch.Size, dtype: torch.dtype) -> None:
    if not is_plain(value):
        raise ValueError(f"{where}: expected a tensor, got {_named(value)}")
    if (value.shape, value.dtype) != (shape, dtype):
        raise ValueError(
            f"{where}: expected {list(shape)} {dtype}, got {list(value.shape)} {value.dtype}"
        )
    if not torch.isfinite(value).all():
        raise ValueError(f"{where}: has numbers that are not finite: the training had diverged")


def _named(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
