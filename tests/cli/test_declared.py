"""Options of a command are the options of its stage: names, defaults, choices, ranges."""

import inspect
from typing import Any, Literal, get_args

import click
import pytest
from pydantic_core import PydanticUndefined

from detect import demo, stages
from detect.cli import COMMANDS, LazyGroup, group
from detect.cli.declaring import plain_type
from detect.stages.options import Options

# Parameters that are of the command alone: how it prints, which of its stages it calls.
OF_THE_COMMAND = {
    "eval": {"want_map", "want_recall", "per_class"},
    "split": {"per_class"},
}
# Stages whose command has another name than they; eval has two.
OTHER_NAMES = {"evaluate": "eval", "recall": "eval"}
STAGES = {
    name: value
    for name, value in {**vars(stages), **vars(demo)}.items()
    if inspect.isclass(value) and issubclass(value, Options) and value is not Options
}


def name_of(kind: type[Options]) -> str:
    """Return the name of the command of a stage."""
    words = "".join(f"-{c.lower()}" if c.isupper() else c for c in kind.__name__)[1:]
    name = words.removesuffix("-options")
    return OTHER_NAMES.get(name, name)


KINDS = {
    name: [kind for kind in STAGES.values() if name_of(kind) == name]
    for name in map(name_of, STAGES.values())
}


def command_of(name: str) -> click.Command:
    """Return the command `name`."""
    found = group.get_command(click.Context(group), name)  # type: ignore[arg-type]
    assert isinstance(group, LazyGroup)
    assert found is not None, name
    return found


@pytest.mark.parametrize("name", KINDS)
def test_a_command_takes_what_its_stages_take(name: str) -> None:
    own = {"debug"} | OF_THE_COMMAND.get(name, set())
    parameters = {p.name: p for p in command_of(name).params}
    assert own <= parameters.keys()
    assert parameters.keys() - own == {field for kind in KINDS[name] for field in kind.model_fields}


@pytest.mark.parametrize("kind", STAGES.values(), ids=STAGES)
def test_a_command_says_of_an_option_what_its_stage_says(kind: type[Options]) -> None:
    name = name_of(kind)
    parameters = {p.name: p for p in command_of(name).params}
    for field_name, field in kind.model_fields.items():
        parameter = parameters[field_name]
        assert field.description, f"{kind.__name__}.{field_name} is not documented"
        if isinstance(parameter, click.Option):
            needed = [k.model_fields.get(field_name) for k in KINDS[name]]
            assert parameter.required == all(one and one.is_required() for one in needed)
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
    assert KINDS.keys() <= COMMANDS.keys()
