"""Options of a command, made of the options of its stage: names, defaults, choices, ranges, help.

What stands in a stage's class (stages/options.py) is not said again here; a command adds only how
an option is shown.
"""

import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
import click
from click.core import ParameterSource
from pydantic.fields import FieldInfo

from detect.cli.debugging import debug
from detect.errors import as_flags
from detect.stages.options import Options

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
Kind = TypeVar("Kind", bound=Options)


class _Path(click.Path):
    """A path, which "" is not: Path takes it for the folder one is in."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the Path of what was typed."""
        if value == "":
            self.fail("expected a path, got an empty text", param, ctx)
        return super().convert(value, param, ctx)


# Existence is checked by the readers, which say what was expected and exit with 4.
PATH = _Path(path_type=Path)
# A bound that nobody types is the stage's alone: in a command's help it would only puzzle.
_NO_LIMIT = 2**31
_RANGES = {int: click.IntRange, float: click.FloatRange}

# How options that several stages have are shown.
SPLIT: dict[str, Any] = {"metavar": "NAME|FILE"}
BATCH_SIZE: dict[str, Any] = {
    "type": str, "metavar": "N|auto", "default": "auto", "show_default": True,
}  # fmt: skip
SELECTION: dict[str, dict[str, Any]] = {"vote": {"type": str, "metavar": "IOU|off"}}
# And those that every training has.
TRAINING: dict[str, dict[str, Any]] = {
    "out": {"metavar": "PATH"},
    "split": SPLIT,
    "config": {"metavar": "C"},
    "val_split": SPLIT,
    "set": {"metavar": "A.B=3"},
    "init": {"metavar": "FILE|imagenet"},
    "batch_size": BATCH_SIZE,
}


def declared(kind: type[Options], *arguments: str, **shown: dict[str, Any]) -> Decorator:
    """Return what adds an option for every field of `kind` but those that are `arguments`.

    `shown` holds keywords of click.option for some of the fields, such as a metavar; its "flags"
    stand in place of --NAME. What `kind` says itself comes before what it inherits.
    """
    _check_fields(kind, arguments)
    ordered = dict.fromkeys((*inspect.get_annotations(kind), *kind.model_fields))
    names = [name for name in ordered if name in kind.model_fields and name not in arguments]
    return lambda function: declared_some(kind, *names, **shown)(debug(function))


def declared_some(kind: type[Options], *names: str, **shown: dict[str, Any]) -> Decorator:
    """Return what adds an option for the fields `names` of `kind`, in this order.

    For a command that has options of its own between them, or those of several stages.
    """
    _check_fields(kind, (*names, *shown))

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            function = _option(name, kind.model_fields[name], shown.get(name, {}))(function)
        return function

    return add


def _check_fields(kind: type[Options], names: Iterable[str]) -> None:
    unknown = set(names) - kind.model_fields.keys()
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")


def told(context: click.Context, kind: type[Kind], **more: Any) -> Kind:
    """Return the options of `kind` that were given on the command line, and `more`.

    What was left to its default is not said: `kind` knows it. Parameters that `kind` has no
    field for are the command's own.
    """
    given = {
        name: value
        for name, value in context.params.items()
        if name in kind.model_fields
        and context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    return kind(**{**given, **more})


def _option(name: str, field: FieldInfo, shown: dict[str, Any]) -> Decorator:
    flags = shown.get("flags", (f"--{name.replace('_', '-')}",))
    said: dict[str, Any] = {"help": as_flags(field.description or ""), **_shape(field)}
    said |= {key: value for key, value in shown.items() if key != "flags"}
    if "type" in shown:  # read by the stage, whatever it makes of it
        said.pop("multiple", None)
    if said.get("is_flag") and field.default is True:
        flags = (f"{flags[0]}/--no-{flags[0][2:]}",)
        said |= {"is_flag": True, "default": True, "show_default": True}
    return click.option(*flags, name, **said)


def _shape(field: FieldInfo) -> dict[str, Any]:
    """Return click's type and the default of `field`."""
    kind, limits = _plain(field.annotation, list(field.metadata))
    if kind is bool:
        return {"is_flag": True}
    shape: dict[str, Any] = {"type": _click_type(kind, limits)}
    if get_origin(kind) is tuple:
        inner, limits = _plain(get_args(kind)[0], [])
        shape = {"type": _click_type(inner, limits), "multiple": True}
        return shape | {"required": field.is_required()}
    if field.is_required():
        return shape | {"required": True}
    return (
        shape if field.default is None else shape | {"default": field.default, "show_default": True}
    )


def plain_type(annotation: Any) -> Any:
    """Return a field's type without what may be None and without its limits."""
    return _plain(annotation, [])[0]


def _plain(kind: Any, limits: list[Any]) -> tuple[Any, list[Any]]:
    """Take Annotated, None and what only Python can hand over off a type; return it and its limits.

    The limits are those found on the way. Of several types the first counts.
    """
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return _plain(inner, [*limits, *more])
    if get_origin(kind) in (Union, types.UnionType):
        inner, *_ = (
            member
            for member in get_args(kind)
            if member is not type(None) and get_origin(member) is not dict
        )
        return _plain(inner, limits)
    return kind, limits


def _click_type(kind: Any, limits: list[Any]) -> Any:
    if get_origin(kind) is Literal:
        return click.Choice([str(choice) for choice in get_args(kind)])
    if kind is Path:
        return PATH
    found = dict(_limits(limits))
    return _RANGES[kind](**found) if found else kind


def _limits(limits: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield click's keywords for pydantic's limits."""
    for one in limits:
        for part in getattr(one, "metadata", [one]):
            match part:
                case annotated_types.Ge(ge=low):
                    yield "min", low
                case annotated_types.Gt(gt=low):
                    yield from (("min", low), ("min_open", True))
                case annotated_types.Le(le=high):
                    yield "max", high
                case annotated_types.Lt(lt=high) if high < _NO_LIMIT:
                    yield from (("max", high), ("max_open", True))
