"""Options of a command are the options of its stage: names, defaults, choices, ranges."""

import inspect
from typing import Any, Literal, get_args

import click
import pytest
from pydantic_core import PydanticUndefined

from detect import stages
from detect.cli import COMMANDS, LazyGroup, group
from detect.cli.declaring import plain_type
from detect.stages.options import Options

# Parameters that are of the command alone: how it prints.
OF_PRINTING = {"debug"}
STAGES = {
    name: value
    for name, value in vars(stages).items()
    if inspect.isclass(value) and issubclass(value, Options) and value is not Options
}
NAMES = {f"{name.removesuffix('Options')}": kind for name, kind in STAGES.items()}


def command_of(kind: type[Options]) -> click.Command:
    """Return the command that is called by the name of the stage."""
    words = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__)[1:]
    name = words.removesuffix("-options")
    found = group.get_command(click.Context(group), name)  # type: ignore[arg-type]
    assert isinstance(group, LazyGroup)
    assert found is not None, name
    return found


@pytest.mark.parametrize("kind", STAGES.values(), ids=STAGES)
def test_a_command_takes_what_its_stage_takes(kind: type[Options]) -> None:
    parameters = {p.name: p for p in command_of(kind).params if p.name not in OF_PRINTING}
    assert parameters.keys() == kind.model_fields.keys()
    for name, field in kind.model_fields.items():
        parameter = parameters[name]
        if isinstance(parameter, click.Option):
            assert field.description, f"{kind.__name__}.{name} is not documented"
            assert parameter.required == field.is_required()
            _same_default(parameter, field.default)
            _same_choices(parameter, field.annotation)


def _same_default(parameter: click.Option, default: Any) -> None:
    if parameter.name != "batch_size" and default not in (None, (), False, PydanticUndefined):
        assert parameter.default == default


def _same_choices(parameter: click.Option, annotation: Any) -> None:
    kind = plain_type(annotation)
    if get_args(kind) and getattr(kind, "__origin__", None) is Literal:
        assert isinstance(parameter.type, click.Choice)
        assert tuple(parameter.type.choices) == tuple(map(str, get_args(kind)))


def test_every_stage_is_a_command() -> None:
    assert {command_of(kind).name for kind in STAGES.values()} <= set(COMMANDS)
